"""`/d/{token}`: the page behind the link in a message.

Opening it changes nothing, however often and by whomever: only a `POST` with a `choice`, which a
pressed button sends, is an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from api import answering, forms
from api.answering import AnswerRefused
from api.decisions import decision_of
from api.deps import Service, The, the_service
from api.errors import OF_FRAMEWORK, ApiError, Gone, Invalid, NotFound, TooLarge, Unavailable
from api.forms import Filled
from api.readers import of_browser, reader_of
from api.uploads import discard, receive
from api.views import Opened, ask, failure, message, outcome
from handover.models import Attachment, Choice
from links import BadTokenError, Link
from workflows import answers, objections
from workflows.messages import Response as Answer
from workflows.objections import Objection
from workflows.reading import Fold
from workflows.state import State
from workflows.stored import whole_response

READ_FOR = timedelta(days=90)
"""How long after the end a link still shows the outcome."""

TOO_LATE = ("Too late", "The time to answer is over; it counts as no.")
NOT_ASKED = ("You are not being asked", "You said that you are not the one to ask.")

log = logging.getLogger(__name__)


class PageRoute(APIRoute):
    """Answers with a page, where other routes answer with a problem document."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def show_errors(request: Request) -> Response:
            reader = of_browser(the_service(request), request)
            try:
                return await handle(request)
            except ApiError as error:
                return failure(error, reader)
            except HTTPException as error:
                told = ApiError(str(error.detail), code=OF_FRAMEWORK.get(error.status_code))
                return failure(told, reader)
            except (PoolTimeoutError, OperationalError, InterfaceError) as error:
                log.error("the store cannot be reached: %s", error)  # noqa: TRY400 - no fault of ours
                told = Unavailable("The store cannot be reached right now; try again.")
                return failure(told, reader)

        return show_errors


router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.api_route("/d/{token}", methods=["GET", "HEAD"])
async def show(
    service: The, token: str, request: Request, choose: Annotated[str | None, Query()] = None
) -> Response:
    """What is asked, or what became of it. `choose` marks a button and does no more."""
    await service.limits.count_link(_read(service, token), "open")
    opened = await _open(service, token, request)
    state = _state(opened.fold)
    if opened.fold.settled:
        return outcome(opened)
    if datetime.now(UTC) > state.rules.expires_at:
        return message(*TOO_LATE, opened.reader)
    if state.may_answer(opened.link.approver):
        return ask(opened, highlighted=choose)
    return message(*NOT_ASKED, opened.reader)


@router.post("/d/{token}")
async def answer(service: The, token: str, request: Request) -> Response:
    """Take the answer of the approver whose link this is."""
    # Nobody's bytes are taken without a link, nor more often than it may be answered.
    await service.limits.count_link(_read(service, token), "answer")
    async with forms.read(request) as form:
        # Before anything that may take its time: this instant decides whether it is in time.
        received_at = datetime.now(UTC)
        opened = await _open(service, token, request)
        if not form.choice:
            return _no_answer(opened, form)
        return await _answer(service, opened, form, received_at)


def _read(service: Service, token: str) -> Link:
    try:
        return service.links.read(token)
    except BadTokenError as error:
        raise NotFound("This link is not complete, or it is not ours.") from error


async def _open(service: Service, token: str, request: Request) -> Opened:
    link = _read(service, token)
    structlog.contextvars.bind_contextvars(decision_id=link.decision_id)
    fold = await service.decisions.glance(link.decision_id)
    if fold.state is None:
        raise NotFound("There is no such decision.")
    resolved_at = decision_of(fold).resolved_at
    if fold.settled and resolved_at and datetime.now(UTC) - resolved_at > READ_FOR:
        raise Gone("This decision ended more than 90 days ago; its link no longer shows it.")
    return Opened(token, link, fold, await reader_of(service, request, link.approver))


def _no_answer(opened: Opened, form: Filled) -> Response:
    if opened.fold.settled:
        return outcome(opened, status=422)
    offered = ", ".join(_state(opened.fold).rules.options)
    return _ask_again(opened, form, f"Press one of the buttons; offered are: {offered}.", 422)


async def _answer(
    service: Service, opened: Opened, form: Filled, received_at: datetime
) -> Response:
    fold, rules = opened.fold, _state(opened.fold).rules
    data, unreadable = form.data(rules.response_type, has_payload=rules.has_payload)
    response = Answer(
        decision_id=fold.decision_id,
        run_id=fold.run_id,
        request_digest=form.digest,
        approver=opened.link.approver,
        choice=form.choice,
        notes=form.notes,
        data=data,
        received_at=received_at,
    )
    try:
        if unreadable and _is_welcome(fold, response):
            await _refuse(service, fold, response, Objection("invalid_answer", unreadable))
        fold = await _take(service, fold, form, response)
    except AnswerRefused as refused:
        return _refused(replace(opened, fold=refused.fold), form, response, refused.objection)
    return _heard(replace(opened, fold=fold), response)


async def _take(service: Service, fold: Fold, form: Filled, response: Answer) -> Fold:
    """The decision once it has heard of this answer. Raises `AnswerRefused`."""
    type = _state(fold).rules.response_type
    brings_files = response.choice == Choice.APPROVE and type.type == "file_upload"
    are_as_many = 1 <= len(form.uploads) <= answers.most_files(type)
    if brings_files and are_as_many and _is_welcome(fold, response):
        return await _take_files(service, fold, form, response)
    return await answering.take(service, fold, response)


def _is_welcome(fold: Fold, response: Answer) -> bool:
    """Whether nothing but its data can be wrong with it."""
    why = objections.objection(_state(fold), response)
    return not fold.settled and (why is None or why.reason == "invalid_answer")


async def _take_files(service: Service, fold: Fold, form: Filled, response: Answer) -> Fold:
    """Keep the files before the answer that names them; where it is refused they go again."""
    try:
        kept = await _receive(service, fold, form, response)
    except (Invalid, TooLarge) as error:
        await _refuse(service, fold, response, Objection(error.problem.code, error.error))
    try:
        data = {forms.FILES: [file.model_dump(mode="json") for file in kept]}
        return await answering.take(service, fold, response.model_copy(update={"data": data}))
    except AnswerRefused:
        await _discard(service, kept)
        raise


async def _receive(
    service: Service, fold: Fold, form: Filled, response: Answer
) -> list[Attachment]:
    """All of the files, or none. Raises as `uploads.receive` does."""
    assert fold.input  # noqa: S101 - `_open` answered 404 where there was none
    kept: list[Attachment] = []
    try:
        for upload in form.uploads:
            file = await receive(
                service,
                upload,
                agent=fold.input.agent,
                uploaded_by=response.approver,
                decision_id=fold.decision_id,
            )
            kept.append(file)
    except BaseException:
        await asyncio.shield(_discard(service, kept))
        raise
    return kept


async def _discard(service: Service, files: Sequence[Attachment]) -> None:
    for file in files:
        await discard(service, file)


async def _refuse(service: Service, fold: Fold, response: Answer, why: Objection) -> NoReturn:
    await answering.record(service, response, why)
    raise AnswerRefused(why, fold)


def _heard(opened: Opened, response: Answer) -> Response:
    """Say what became of an answer that is in the history: recorded, received, or too late."""
    fold, state = opened.fold, _state(opened.fold)
    if fold.is_settled_by(response):
        return outcome(opened, "Your answer is recorded.")
    if fold.settled:
        return _over(opened, response)
    if response.choice == objections.NOT_ME and fold.has_declined(response.approver):
        others = [a.approver for a in state.asked if state.may_answer(a.approver)]
        asked = f"Asked now: {', '.join(others)}." if others else "Nobody else can be asked."
        return message("Recorded: you are not the one to ask", f"Thank you. {asked}", opened.reader)
    return message(
        "Your answer is received",
        "It is safely kept, with this moment as its time; the system has not worked on it yet."
        " Open this page again in a moment to see the outcome.",
        opened.reader,
        202,
    )


def _over(opened: Opened, response: Answer) -> Response:
    if _is_outcome(opened.fold, response):
        return outcome(opened, "This was already recorded.", 409)
    return outcome(opened, "Your answer came too late: the decision had been made.", 409)


def _refused(opened: Opened, form: Filled, response: Answer, why: Objection) -> Response:
    """Say why an answer counts for nothing, and ask again where another one still may."""
    match why.reason:
        case "already_settled":
            return _over(opened, response)
        case "late":
            return message(*TOO_LATE, opened.reader, 409)
        case "not_asked":
            return message(*NOT_ASKED, opened.reader, 409)
        case "changed":
            return _ask_again(opened, form, why.message, 409)
        case _:
            return _ask_again(opened, form, why.message, 422)


def _ask_again(opened: Opened, form: Filled, why: str, status: int) -> Response:
    return ask(opened, highlighted=form.choice, typed=form.fields, refused=why, status=status)


def _is_outcome(fold: Fold, response: Answer) -> bool:
    """Whether the decision ended with this answer, or with an equal one of the same person."""
    if fold.response is None:
        return False
    given, type = whole_response(fold.response, fold.bodies), _state(fold).rules.response_type
    if (given.approver, given.choice) != (response.approver, response.choice):
        return False
    is_approval = response.choice == Choice.APPROVE
    data = answers.normal(type, response.data) if is_approval else response.data
    return given.data == data


def _state(fold: Fold) -> State:
    assert fold.state  # noqa: S101 - `_open` answered 404 where there was none
    return fold.state
