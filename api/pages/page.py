"""`/d/{token}`: the page behind the link in a message.

Opening it changes nothing, however often and by whomever: only a `POST` with a `choice`, which a
pressed button sends, is an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.access.limiting import ANSWER
from api.answers.answering import judged, normal
from api.answers.step_up import CodeNeeded
from api.answers.verdicts import (
    Changed,
    Declined,
    Late,
    NotAsked,
    Over,
    Recorded,
    Refused,
    UsedUp,
    Verdict,
)
from api.doors.deps import Service, ServiceDep
from api.pages import forms
from api.pages.door import PageRoute
from api.pages.forms import Filled
from api.pages.views import Opened, ask, outcome
from api.people.page import message
from api.problems.errors import Conflict, Invalid, TooLarge
from handover.models import Attachment, Choice
from histories.reading import Live
from templates.catalogs import N_
from templates.words import words
from workflows import answers, objections
from workflows.objections import Objection
from workflows.sentences import Sentence
from workflows.statements import Response as Answer

TOO_LATE = (N_("Too late"), N_("The time to answer is over; it counts as no."))
NOT_ASKED = (N_("You are not being asked"), N_("You said that you are not the one to ask."))
USED_UP = (
    N_("No further code is mailed"),
    N_(
        "All codes for this question have been mailed to you, and none of them holds any more: your"
        " link cannot answer it. If you did not ask for them, somebody else has your link. Tell the"
        " people who run Handover at once, and give them this number: %(id)s. They can answer in"
        " your place."
    ),
)
RECEIVED = (
    N_("Your answer is received"),
    N_(
        "It is safely kept, with this moment as its time; what comes of it is not known here yet."
        " Open this page again in a moment to see the outcome."
    ),
)


router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.api_route("/d/{token}", methods=["GET", "HEAD"])
async def show(
    service: ServiceDep, token: str, request: Request, choose: Annotated[str | None, Query()] = None
) -> Response:
    """Show the question, or what became of it. `choose` only marks a button."""
    await service.limits.count_link(service.linked.read(token), "open")
    opened = await _open(service, token, request)
    state = opened.reading.state
    if opened.reading.settled:
        return outcome(opened)
    if datetime.now(UTC) > state.rules.expires_at:
        return _message(opened, TOO_LATE)
    if state.may_answer(opened.link.approver):
        return ask(opened, highlighted=choose)
    return _message(opened, NOT_ASKED)


@router.post("/d/{token}")
async def answer(service: ServiceDep, token: str, request: Request) -> Response:
    """Take the answer of the approver whose link this is."""
    # Nobody's bytes are taken without a link, nor without end. It is an answer once a button was
    # pressed: what scanners send keeps nobody from that.
    link = service.linked.read(token)
    await service.limits.count_link(link, "send")
    async with forms.read(request) as form:
        # Before anything that may take its time: this instant decides whether it is in time.
        received_at = await service.clock.now()
        opened = await _open(service, token, request)
        if form.wants_preview and _may_modify(opened):
            return _preview(opened, form)
        if not form.choice:
            return _no_answer(opened, form)
        await service.limits.count_link(link, ANSWER)
        return await _answer(service, opened, form, received_at)


async def _open(service: Service, token: str, request: Request) -> Opened:
    link = service.linked.read(token)
    reading = await service.linked.decision_behind(link)
    link = replace(link, approver=reading.state.known_as(link.approver))
    return Opened(token, link, reading, await service.readers.of(request, link.approver))


def _preview(opened: Opened, form: Filled) -> Response:
    """Show the question with the changes of a payload; nothing is decided."""
    payload, notation = opened.reading.request.payload, words(opened.reader).notation
    assert payload is not None  # noqa: S101 - `_may_modify` looked
    changed = form.changed(payload, notation)
    given = (changed.data or {})["payload"]
    if changed.wrong or not isinstance(given, dict):
        return _ask_again(opened, form, changed.wrong or objections.AN_OBJECT, 422, Choice.MODIFY)
    return ask(opened, highlighted=Choice.MODIFY, typed=form.fields)


def _no_answer(opened: Opened, form: Filled) -> Response:
    if opened.reading.settled:
        return outcome(opened, status=422)
    text = N_("Press one of the buttons; offered are: %(offered)s.")
    why = Sentence(text, {"offered": opened.reading.state.rules.options})
    return _ask_again(opened, form, why, 422)


async def _answer(
    service: Service, opened: Opened, form: Filled, received_at: datetime
) -> Response:
    reading = opened.reading
    given = form.understood(reading.request, words(opened.reader).notation)
    response = Answer(
        decision_id=reading.decision_id,
        run_id=reading.run_id,
        request_digest=form.digest,
        approver=opened.link.approver,
        choice=form.choice,
        notes=form.notes,
        data=given.data,
        received_at=received_at,
    )
    if given.wrong and given.asks_back and _is_welcome(reading, response):
        return _ask_again(opened, form, given.wrong, 422)
    if not given.is_seen and _is_good(reading, response):
        return ask(opened, highlighted=form.choice, typed=form.fields, confirms=True)
    if given.wrong and _is_welcome(reading, response):
        why = Objection("invalid_answer", given.wrong)
        return _told(opened, form, response, await service.answers.refuse(reading, response, why))
    if _lacks_a_code(reading, form, response):
        match await _step_up(service, reading, form, response):
            case CodeNeeded() as code:
                return _code_asked(opened, form, code)
            case Verdict() as verdict:
                return _told(opened, form, response, verdict)
            case Answer() as passed:
                response = passed
    return _told(opened, form, response, await _take(service, reading, form, response))


def _code_asked(opened: Opened, form: Filled, code: CodeNeeded) -> Response:
    status = 422 if code.wrong or code.gone or not code.sent_at else 200
    return ask(opened, highlighted=form.choice, typed=form.fields, code=code, status=status)


async def _take(service: Service, reading: Live, form: Filled, response: Answer) -> Verdict:
    if _brings_files(reading, form, response) and _is_welcome(reading, response):
        return await _take_files(service, reading, form, response)
    return await service.answers.take(reading, response)


def _brings_files(reading: Live, form: Filled, response: Answer) -> bool:
    """Return whether it has as many files as are allowed, if the answer needs any."""
    type = reading.state.rules.response_type
    if response.choice != Choice.APPROVE or type.type != "file_upload":
        return False
    return 1 <= len(form.uploads) <= answers.most_files(type)


def _lacks_a_code(reading: Live, form: Filled, response: Answer) -> bool:
    """Return whether only the code is missing. Files are examined after it, because they are
    kept."""
    if reading.settled or not reading.state.rules.step_up:
        return False
    why = objections.objection(reading.state, normal(reading, response))
    return why is not None and (
        why.reason == "needs_code"
        or (why.reason == "invalid_answer" and _brings_files(reading, form, response))
    )


def _is_good(reading: Live, response: Answer) -> bool:
    """Return whether the answer would count, at least with a code."""
    why = objections.objection(reading.state, normal(reading, response))
    return not reading.settled and (why is None or why.reason == "needs_code")


async def _step_up(
    service: Service, reading: Live, form: Filled, response: Answer
) -> Answer | CodeNeeded | Verdict:
    typed = "" if form.wants_code else form.code
    try:
        return await service.step_up.pass_step(
            reading, response, typed, form=form.form, again=form.wants_code
        )
    except (Conflict, Invalid) as error:
        reading = await service.decisions.read_live(reading.decision_id)
        return judged(reading, response, Objection(error.problem.code, error.sentence))


def _is_welcome(reading: Live, response: Answer) -> bool:
    """Return whether only its data can be wrong."""
    why = objections.objection(reading.state, response)
    return not reading.settled and (why is None or why.reason == "invalid_answer")


async def _take_files(service: Service, reading: Live, form: Filled, response: Answer) -> Verdict:
    """Keep the files before the answer that names them; if it is refused, delete them."""
    try:
        kept = await _receive(service, reading, form, response)
    except (Invalid, TooLarge) as error:
        why = Objection(error.problem.code, error.sentence)
        return await service.answers.refuse(reading, response, why)
    data = {forms.FILES: [file.model_dump(mode="json") for file in kept]}
    verdict = await service.answers.take(reading, response.model_copy(update={"data": data}))
    if verdict.why:
        await _discard(service, kept)
    return verdict


async def _receive(
    service: Service, reading: Live, form: Filled, response: Answer
) -> list[Attachment]:
    """Receive all of the files, or none. Raises as `Uploads.receive` does."""
    kept: list[Attachment] = []
    try:
        for upload in form.uploads:
            file = await service.uploads.receive(
                upload,
                agent=reading.input.agent,
                uploaded_by=response.approver,
                decision_id=reading.decision_id,
            )
            kept.append(file)
    except BaseException:
        await asyncio.shield(_discard(service, kept))
        raise
    return kept


async def _discard(service: Service, files: Sequence[Attachment]) -> None:
    for file in files:
        await service.uploads.discard(file)


def _told(opened: Opened, form: Filled, response: Answer, verdict: Verdict) -> Response:
    """Show what became of an answer, and ask again if another one may still count."""
    opened = replace(opened, reading=verdict.reading)
    say = words(opened.reader).gettext
    match verdict:
        case Recorded():
            return outcome(opened, say("Your answer is recorded."))
        case Over(repeats=True):
            return outcome(opened, say("This was already recorded."), 409)
        case Over():
            late = say("Your answer came too late: the decision had been made.")
            return outcome(opened, late, 409)
        case Declined():
            return _message(opened, (N_("Recorded: you are not the one to ask"), _thanks(opened)))
        case Late():
            return _message(opened, TOO_LATE, 409)
        case NotAsked():
            return _message(opened, NOT_ASKED, 409)
        case UsedUp():
            return _without_code(opened)
        case Changed(why=Objection() as why):
            return _ask_again(opened, form, why.sentence, 409)
        case Refused(why=Objection() as why):
            return _ask_again(opened, form, why.sentence, 422)
        case _:
            return _message(opened, RECEIVED, 202)


def _thanks(opened: Opened) -> str:
    state, say = opened.reading.state, words(opened.reader).gettext
    others = [asked.approver for asked in state.asked if state.may_answer(asked.approver)]
    if others:
        return say("Thank you. Asked now: %(who)s.") % {"who": ", ".join(others)}
    return say("Thank you. Nobody else can be asked.")


def _message(opened: Opened, texts: tuple[str, str], status: int = 200) -> Response:
    """Return a headline and an explanation, in the reader's language."""
    headline, explanation = map(words(opened.reader).gettext, texts)
    return message(headline, explanation, opened.reader, status)


def _without_code(opened: Opened) -> Response:
    """Return the page for a link whose codes are all used up."""
    headline, explanation = map(words(opened.reader).gettext, USED_UP)
    told = explanation % {"id": opened.reading.decision_id}
    return message(headline, told, opened.reader, 409)


def _ask_again(
    opened: Opened, form: Filled, why: Sentence, status: int, highlighted: str | None = None
) -> Response:
    marked = highlighted or form.choice
    return ask(opened, highlighted=marked, typed=form.fields, refused=why, status=status)


def _may_modify(opened: Opened) -> bool:
    """Return whether this approver may still approve with a changed payload."""
    rules, state = opened.reading.state.rules, opened.reading.state
    is_open = not opened.reading.settled and datetime.now(UTC) <= rules.expires_at
    is_asked = state.may_answer(opened.link.approver)
    return is_open and is_asked and rules.has_payload and Choice.MODIFY in rules.options
