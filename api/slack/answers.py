"""Answers from Slack, pressed or typed into a form, and only by the person who was asked."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import TypeAdapter, ValidationError

from api.access.limiting import ANSWER, Limits
from api.answers.answering import Answers, is_outcome, normal, over
from api.answers.verdicts import Over, Received, Recorded, Refused
from api.decisions.documents import decision_of
from api.people.linked import Linked, reading_links
from api.people.readers import Readers
from api.people.telling import failure_told, phrase
from api.problems.errors import ApiError, NotFound, Unavailable
from api.slack.forms import Answered, SlackForm
from api.slack.interactions import Container, Pressed, Submitted
from handover.models import Choice, ResponseType
from histories.reading import Live
from links import Link, LinkKeys, SlackLink
from slack_app.app import Page, SlackApp
from slack_app.web import SlackError
from store import StoreAway
from templates import Reader
from templates.slack import is_whole
from templates.slack_modals import NOT_ME, NOTE, Typed, answer_modal, opens_here
from templates.words import words
from workflows import objections
from workflows.objections import Objection
from workflows.sentences import N_
from workflows.statements import Response

PATIENCE = 2.0
"""Seconds for judging a form, and for taking an answer; Slack waits for three in all."""

EXPIRED = ("expired_trigger_id", "trigger_expired")
OPENED = ("exchanged_trigger_id", "trigger_exchanged")
"""Slack's codes for a form that is already open, because Slack reported one press twice."""

METADATA = TypeAdapter(dict[str, str])
"""Our values that a form brings back."""

log = logging.getLogger(__name__)

Taking = partial[Coroutine[Any, Any, None]]
"""The taking of an answer without an objection."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The person who pressed something, where, and what it stands for."""

    slack: SlackAnswers
    link: SlackLink
    user_id: str
    message: Container
    reader: Reader

    @property
    def page_link(self) -> Link:
        return Link(self.link.decision_id, self.link.approver)

    async def whisper(self, text: str) -> None:
        """Write to the person. Slack drops this if they have left; the page shows it at any
        time."""
        name = words(self.reader).gettext("Open the page")
        token = self.slack.links.mint(self.page_link)
        page = Page(name, f"{self.slack.public_url.rstrip('/')}/d/{token}")
        await self._try(self.slack.app.whisper(self.message.channel_id, self.user_id, text, page))

    async def change(self, text: str) -> None:
        await self._try(
            self.slack.app.change(self.message.channel_id, self.message.message_ts, text, None)
        )

    async def _try(self, writing: Awaitable[None]) -> None:
        try:
            await writing
        except SlackError as error:
            log.warning("Slack did not take what was to be told: %s", error)


@dataclass(frozen=True, slots=True)
class SlackAnswers:
    """Takes answers from Slack; `app` writes back."""

    app: SlackApp
    answers: Answers
    linked: Linked
    links: LinkKeys
    limits: Limits
    readers: Readers
    public_url: str

    async def press(self, pressed: Pressed, received_at: datetime) -> None:
        """Take the answer of a button, or open its form."""
        [action, *_] = pressed.actions
        if action.action_id not in (*Choice, NOTE, NOT_ME):
            return  # of the buttons that open a page, Slack tells as well
        link = self._read(action.value)
        if link is None:
            return
        if not pressed.is_by(link):
            await self._turn_away(pressed, link)
            return
        reader = await self.readers.of_program(link.approver)
        visitor = Visitor(self, link, pressed.user.id, pressed.container, reader)
        await _guarded(visitor, _press, action.action_id, pressed.trigger_id, received_at)

    async def submit(
        self, submitted: Submitted, received_at: datetime
    ) -> tuple[dict[str, Any], Taking | None]:
        """Return Slack's next step with the form, and the work that is left."""
        metadata = _metadata(submitted.view.private_metadata)
        link = self._read(metadata.get("value", ""))
        if link is None:
            return {}, None
        reader = self.readers.default
        form = SlackForm(submitted.view.state, words(reader))
        if not submitted.is_by(link):
            return _errors(form, None, words(reader).gettext(_FOR) % {"who": link.approver}), None
        message = Container(
            channel_id=metadata.get("channel", ""), message_ts=metadata.get("message", "")
        )
        try:
            async with asyncio.timeout(PATIENCE):
                reader = await self.readers.of_program(link.approver)
                visitor = Visitor(self, link, submitted.user.id, message, reader)
                form = SlackForm(submitted.view.state, words(reader))
                return await _submit(visitor, form, metadata, received_at)
        except TimeoutError:
            return _errors(form, None, failure_told(Unavailable("Too slow."), reader)[1]), None
        except _AWAY as error:
            return _errors(form, None, failure_told(_as_api_error(error), reader)[1]), None

    async def _turn_away(self, pressed: Pressed, link: SlackLink) -> None:
        log.warning("a button was pressed by somebody else than the one who was asked")
        text = words(self.readers.default).gettext(_FOR) % {"who": link.approver}
        try:
            await self.app.whisper(pressed.container.channel_id, pressed.user.id, text, None)
        except SlackError as error:
            log.warning("Slack did not take what was to be told: %s", error)

    def _read(self, value: str) -> SlackLink | None:
        """Read a link. Raises `NeedsOperator`, which Slack shows as a press that did not work."""
        try:
            with reading_links():
                return self.links.read_slack(value)
        except NotFound:
            log.warning("a button of ours came back with a value that is not")
            return None


_FOR = N_("This question is for %(who)s.")
_AWAY = (ApiError, StoreAway)


async def _press(visitor: Visitor, choice: str, trigger_id: str, received_at: datetime) -> None:
    slack, link = visitor.slack, visitor.link
    await slack.limits.count_link(visitor.page_link, ANSWER)
    reading = await slack.linked.decision_behind(visitor.page_link)
    response = _response(reading, link, choice if choice != NOTE else Choice.DENY, received_at)
    request = reading.request
    is_direct = choice in (Choice.DENY, NOT_ME) or (
        choice == Choice.APPROVE and request.response_type.type in ("approve_deny", "confirm")
    )
    must_read = choice in (Choice.APPROVE, Choice.MODIFY) and not is_whole(request)
    if is_direct and not must_read:
        await _take(visitor, reading, response)
        return
    why = _objection(reading, response)
    if why and why.reason != "invalid_answer":
        await _refused(visitor, reading, response, why)
    elif opens_here(request, choice) and not must_read:
        await _open_form(visitor, reading, choice, trigger_id)
    else:
        await visitor.whisper(words(visitor.reader).gettext("Please answer on the page."))


async def _open_form(visitor: Visitor, reading: Live, choice: str, trigger_id: str) -> None:
    """Open a form. The token comes back with it; nobody sees it there."""
    metadata = {
        "value": visitor.slack.links.mint_slack(visitor.link),
        "choice": choice,
        "channel": visitor.message.channel_id,
        "message": visitor.message.message_ts,
    }
    request = reading.request
    view = answer_modal(
        request, choice, visitor.reader, json.dumps(metadata), whole=is_whole(request)
    )
    try:
        await visitor.slack.app.web.write("views.open", trigger_id=trigger_id, view=view)
    except SlackError as error:
        if error.code in OPENED:
            return
        log.warning("a form was not opened: %s", error)
        say = words(visitor.reader).gettext
        again = say("The form could not be opened in time. Please press the button again.")
        await visitor.whisper(again if error.code in EXPIRED else say("Please answer on the page."))


async def _submit(
    visitor: Visitor, form: SlackForm, metadata: dict[str, str], received_at: datetime
) -> tuple[dict[str, Any], Taking | None]:
    await visitor.slack.limits.count_link(visitor.page_link, ANSWER)
    reading = await visitor.slack.linked.decision_behind(visitor.page_link)
    choice = metadata.get("choice", "")
    answered = form.answer(reading.request, choice)
    response = _response(reading, visitor.link, answered.choice, received_at).model_copy(
        update={"notes": answered.notes, "data": answered.data}
    )
    why = _objection(reading, response)
    if answered.wrong and (why is None or why.reason == "invalid_answer"):
        why = Objection("invalid_answer", answered.wrong)
    if why is None and answered.mark != metadata.get("understood"):
        return _shown_again(visitor, reading, form, answered, metadata), None
    if why is None:
        return {}, partial(_guarded, visitor, _take, reading, response)
    if is_outcome(reading, response):
        return {}, None  # told twice
    if why.sentence is not answered.wrong or not answered.asks_back:
        await visitor.slack.answers.refuse(reading, response, why)
    type = reading.request.response_type
    block = form.block_of(why.sentence.field, type)
    return _errors(form, block, phrase(why.sentence, visitor.reader, type)), None


def _shown_again(
    visitor: Visitor, reading: Live, form: SlackForm, answered: Answered, metadata: dict[str, str]
) -> dict[str, Any]:
    """Return the form with its reading, which counts when it is sent again."""
    request, mark = reading.request, answered.mark or ""
    view = answer_modal(
        request,
        answered.choice,
        visitor.reader,
        json.dumps(metadata | {"understood": mark}),
        whole=is_whole(request),
        typed=Typed(form.typed, answered.data),
    )
    return {"response_action": "update", "view": view}


async def _take(visitor: Visitor, reading: Live, response: Response) -> None:
    verdict = await visitor.slack.answers.take(reading, response)
    say = words(visitor.reader).gettext
    match verdict:
        case Recorded():
            pass  # the message changes
        case Over(reading=reading, repeats=repeats):
            await _too_late(visitor, reading, repeats=repeats)
        case Received():
            headline, explanation = say("Your answer is received"), say(_RECEIVED)
            await visitor.whisper(f"{headline}. {explanation}")
        case Refused(reading=reading, why=Objection() as why):
            await _refused(visitor, reading, response, why)
        case _:
            await _step_back(visitor)


_RECEIVED = N_(
    "It is safely kept, with this moment as its time; what comes of it is not known here yet."
    " Open this page again in a moment to see the outcome."
)


async def _refused(visitor: Visitor, reading: Live, response: Response, why: Objection) -> None:
    if why.reason == "already_settled":
        await _too_late(visitor, reading, repeats=is_outcome(reading, response))
        return
    if _is_recorded(reading, response):
        await _step_back(visitor)
        return
    type = reading.request.response_type
    await visitor.whisper(phrase(why.sentence, visitor.reader, type))


def _is_recorded(reading: Live, response: Response) -> bool:
    """Return whether they have said that they are the wrong person."""
    return response.choice == NOT_ME and reading.has_declined(response.approver)


async def _step_back(visitor: Visitor) -> None:
    """Remove the buttons here, since others are asked now."""
    recorded = words(visitor.reader).gettext("Recorded: you are not the one to ask")
    await visitor.change(recorded)


async def _too_late(visitor: Visitor, reading: Live, *, repeats: bool) -> None:
    said = words(visitor.reader)
    decision = decision_of(reading)
    verdict = said.verdict(
        {
            "status": str(decision.status),
            "origin": str(decision.origin),
            "by": decision.resolved_by,
            "data": decision.response_data,
        }
    )
    late = said.gettext("Your answer came too late: the decision had been made.")
    same = said.gettext("This was already recorded.")
    await visitor.whisper(f"{same if repeats else late} {verdict}")


async def _guarded(visitor: Visitor, work: Callable[..., Awaitable[None]], *what: Any) -> None:
    """Run the work after Slack's answer; the person who pressed reads what goes wrong."""
    try:
        await work(visitor, *what)
    except _AWAY as error:
        log.error("an answer from Slack was not taken: %s", error)  # noqa: TRY400 - no fault of ours
        await visitor.whisper(failure_told(_as_api_error(error), visitor.reader)[1])
    except Exception:
        log.exception("an answer from Slack was not taken")
        await visitor.whisper(failure_told(ApiError("Fault."), visitor.reader)[1])


def _as_api_error(error: Exception) -> ApiError:
    return error if isinstance(error, ApiError) else Unavailable("The store cannot be reached.")


def _objection(reading: Live, response: Response) -> Objection | None:
    return over(reading) or objections.objection(reading.state, normal(reading, response))


def _response(reading: Live, link: SlackLink, choice: str, received_at: datetime) -> Response:
    return Response(
        decision_id=reading.decision_id,
        run_id=reading.run_id,
        request_digest=link.digest,
        approver=link.approver,
        choice=choice,
        received_at=received_at,
    )


def _metadata(text: str) -> dict[str, str]:
    try:
        return METADATA.validate_json(text)
    except ValidationError:
        return {}


def _errors(form: SlackForm, block: str | None, text: str) -> dict[str, Any]:
    """Return the errors in Slack's form, beside a field and nowhere else."""
    name = block or form.block_of(None, ResponseType())
    return {"response_action": "errors", "errors": {name: text}}
