"""`/d/{token}`: the page behind the link in a message.

Opening it changes nothing, however often and by whomever: only a `POST` with a `choice`, which a
pressed button sends, is an answer.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Form, Query, Response

from api.decisions import decision_of
from api.deps import Service, The
from api.errors import ApiError, Gone, NotFound
from api.reading import Fold
from api.schemas import MAX_PAYLOAD, check_json
from api.views import Typed, ask, failure, message, outcome
from handover.models import Choice
from links import BadTokenError, Link
from store.late import LateResponse
from workflows import lifecycle
from workflows.messages import DecisionInput
from workflows.messages import Response as Answer

READ_FOR = timedelta(days=90)
"""How long after the end a link still shows the outcome."""

MAX_NOTES = 10_000

ANSWERS = {*Choice, lifecycle.NOT_ME}
TOO_LATE = ("Too late", "The time to answer is over; it counts as no.")

router = APIRouter(include_in_schema=False)


@router.api_route("/d/{token}", methods=["GET", "HEAD"])
async def show(service: The, token: str, choose: Annotated[str | None, Query()] = None) -> Response:
    """What is asked, or what became of it. `choose` marks a button and does no more."""
    try:
        link, fold = await _open(service, token)
        return _show(fold, link, choose)
    except ApiError as error:
        return failure(error)


@router.post("/d/{token}")
async def answer(
    service: The,
    token: str,
    choice: Annotated[str, Form()] = "",
    notes: Annotated[str, Form()] = "",
    payload: Annotated[str, Form()] = "",
    action: Annotated[str, Form()] = "",
    digest: Annotated[str, Form()] = "",
) -> Response:
    """Take the answer of the approver whose link this is."""
    # Before anything that may take its time: this instant decides whether the answer is in time.
    received_at = datetime.now(UTC)
    typed = Typed(_repair(notes), _repair(payload), _repair(action))
    try:
        link, fold = await _open(service, token)
        return await _answer(service, fold, link, choice, typed, digest, received_at)
    except ApiError as error:
        return failure(error)


async def _open(service: Service, token: str) -> tuple[Link, Fold]:
    try:
        link = service.links.read(token)
    except BadTokenError as error:
        raise NotFound("This link is not complete, or it is not ours.") from error
    structlog.contextvars.bind_contextvars(decision_id=link.decision_id)
    fold = await service.decisions.glance(link.decision_id)
    if fold.state is None:
        raise NotFound("There is no such decision.")
    resolved_at = decision_of(fold).resolved_at
    if fold.settled and resolved_at and datetime.now(UTC) - resolved_at > READ_FOR:
        raise Gone("This decision ended more than 90 days ago; its link no longer shows it.")
    return link, fold


def _show(fold: Fold, link: Link, choose: str | None) -> Response:
    _, state = _open_decision(fold)
    if fold.settled:
        return outcome(fold)
    if datetime.now(UTC) > state.rules.expires_at:
        return message(*TOO_LATE)
    if state.may_answer(link.approver):
        return ask(fold, link, highlighted=choose)
    return message("You are not being asked", "You said that you are not the one to ask.")


async def _answer(
    service: Service,
    fold: Fold,
    link: Link,
    choice: str,
    typed: Typed,
    digest: str,
    received_at: datetime,
) -> Response:
    input, state = _open_decision(fold)

    def again(why: str, status: int) -> Response:
        return ask(fold, link, typed, f"Nothing was recorded yet. {why}", status, choice)

    if choice not in ANSWERS:
        offered = f"Press one of the buttons: {', '.join(state.rules.options)}."
        return outcome(fold, status=422) if fold.settled else again(offered, 422)
    data, unreadable = _data(input, choice, typed)
    response = Answer(
        decision_id=input.id,
        run_id=fold.run_id,
        request_digest=input.request_digest,
        approver=link.approver,
        choice=choice,
        notes=_clean(typed.notes) or None,
        data=data,
        received_at=received_at,
    )
    if fold.settled or received_at > state.rules.expires_at:
        return await _too_late(service, fold, link, response)
    if unreadable:
        return again(unreadable, 422)
    if digest != input.request_digest:
        return again("What is asked has changed since you opened this page.", 409)
    if why := lifecycle.objection(state, response):
        return again(why.message, 422)
    try:
        heard = await service.decisions.respond(response)
    except NotFound:
        return await _too_late(service, await service.decisions.read(input.id), link, response)
    service.metrics.time_to_answer.observe((received_at - input.created_at).total_seconds())
    return await _heard(service, heard, link, response)


async def _heard(service: Service, fold: Fold, link: Link, response: Answer) -> Response:
    """Say what became of an answer that is in the history: recorded, received, or too late."""
    _, state = _open_decision(fold)
    if _is_outcome(fold, response):
        return outcome(fold, "Your answer is recorded.")
    if fold.settled:
        return outcome(fold, "Your answer came too late: the decision had been made.", 409)
    if response.choice == lifecycle.NOT_ME and fold.has_declined(link.approver):
        others = [a.approver for a in state.asked if state.may_answer(a.approver)]
        asked = f"Asked now: {', '.join(others)}." if others else "Nobody else can be asked."
        return message("Recorded: you are not the one to ask", f"Thank you. {asked}")
    return message(
        "Your answer is received",
        "It is safely kept, with this moment as its time; the system has not worked on it yet."
        " Open this page again in a moment to see the outcome.",
        202,
    )


async def _too_late(service: Service, fold: Fold, link: Link, response: Answer) -> Response:
    """An answer after the end counts for nothing, and the record has it."""
    reason = "already_settled" if fold.settled else "late"
    late = LateResponse(
        response.approver,
        response.choice[:20],
        response.notes,
        response.data,
        reason,
        response.received_at,
    )
    await service.store.late_responses.add(link.decision_id, late)
    if not fold.settled:
        return message(*TOO_LATE, 409)
    if _is_outcome(fold, response):
        return outcome(fold, "This was already recorded.", 409)
    return outcome(fold, "Your answer came too late: the decision had been made.", 409)


def _is_outcome(fold: Fold, response: Answer) -> bool:
    """Whether this person's choice is what the decision ended with."""
    settled = fold.state.outcome if fold.state and not fold.void else None
    given = settled.response if settled else None
    return given is not None and (given.approver, given.choice) == (
        response.approver,
        response.choice,
    )


def _open_decision(fold: Fold) -> tuple[DecisionInput, lifecycle.State]:
    assert fold.input  # noqa: S101 - `_open` answered 404 where there was none
    assert fold.state  # noqa: S101
    return fold.input, fold.state


def _data(
    input: DecisionInput, choice: str, typed: Typed
) -> tuple[dict[str, Any] | None, str | None]:
    """The structured part of an answer, and what keeps it from being read."""
    if choice != Choice.MODIFY:
        return None, None
    if input.request.payload is None:
        return {"action": _clean(typed.action)}, None
    try:
        payload = check_json(json.loads(typed.payload), MAX_PAYLOAD)
    except (ValueError, RecursionError) as error:
        return None, f"payload: {error}"
    return {"payload": payload}, None


def _clean(text: str) -> str:
    """Form fields come with CR LF; PostgreSQL takes no NUL."""
    return text.replace("\r\n", "\n").replace("\x00", "\ufffd").strip()[:MAX_NOTES]


def _repair(text: str) -> str:
    """Some charsets make half characters, which can neither be signed nor shown."""
    return text.encode(errors="replace").decode()
