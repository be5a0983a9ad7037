"""The pages of one decision: the question, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from fastapi.responses import HTMLResponse

from api.answers.step_up import CodeNeeded, new_form
from api.decisions.documents import decision_of
from api.http.multipart import MAX_FILE
from api.http.static import root
from api.pages.forms import FILES, Filled, Understood
from api.people.local_times import LocalTime
from api.people.page import page
from api.people.telling import phrase
from handover.models import Choice, DecisionRequest, ResponseType
from histories.reading import Live
from links import Codes, Link
from templates import Reader
from templates.payload import fields
from templates.text import editable_json, visible, visible_line
from templates.words import words
from workflows.answers import most_files
from workflows.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Opened:
    """A link, its decision, and the reader of the page."""

    token: str
    link: Link
    reading: Live
    reader: Reader

    @property
    def files(self) -> str:
        """Return the path of its files, seen from its page."""
        return f"{root()}/d/{self.token}/files"

    @property
    def images(self) -> str:
        """Return the path of its images, seen from its page."""
        return f"{root()}/d/{self.token}/images"


@dataclass(frozen=True, slots=True)
class Wrong:
    """The field at fault, and what to do about it; `name` is empty if no field is."""

    name: str
    text: str


def ask(
    opened: Opened,
    *,
    highlighted: str | None = None,
    typed: Mapping[str, str] | None = None,
    refused: Sentence | None = None,
    code: CodeNeeded | None = None,
    confirms: bool = False,
    status: int = 200,
) -> HTMLResponse:
    """Show the question, perhaps again with the entries, their reading, and the reason of a
    refusal. `confirms` says that it counts once it is sent again."""
    input, state = opened.reading.input, opened.reading.state
    request, link = opened.reading.request, opened.link
    level = next((a.level for a in state.asked if a.approver == link.approver), 0)
    wrong = _wrong(refused, request.response_type, opened.reader) if refused else None
    understood = _understood(opened, typed or {}, highlighted)
    notation, now = words(opened.reader).notation, datetime.now(UTC)
    context = {
        "request": request,
        "agent": input.agent,
        "link": link,
        "expires_at": state.rules.expires_at,
        "now": now,
        "notation": notation.for_scripts(),
        "example_time": notation.example(now.year),
        "digest": state.shown_digest,
        "asked_before": [a.approver for a in state.asked if a.level < level],
        "attachments": state.attachments,
        "files": opened.files,
        "images": opened.images,
        "most_files": most_files(request.response_type),
        "largest_file": MAX_FILE,
        "typed": defaultdict(str, _as_asked(request) if typed is None else typed),
        "read": _told(understood, opened.reader),
        "marks": understood.marks,
        "notice": wrong and _notice(wrong, request, opened.reader),
        "wrong": wrong,
        "highlighted": highlighted,
        "needs_code": state.rules.step_up,
        "code": code,
        "code_pattern": Codes.PATTERN,
        "longest_code": Codes.LONGEST,
        "form": code.form if code else (typed or {}).get("form") or new_form(),
        "confirms": confirms,
        "given": _changed_payload(understood, highlighted),
    }
    return page("ask", context, opened.reader, status)


def outcome(opened: Opened, notice: str | None = None, status: int = 200) -> HTMLResponse:
    """Show what was decided, by whom and when."""
    input, decision = opened.reading.input, decision_of(opened.reading)
    headline = words(opened.reader).verdict(
        {
            "status": str(decision.status),
            "origin": str(decision.origin),
            "by": decision.resolved_by,
            "data": decision.response_data,
        }
    )
    context = {
        "decision": decision,
        "agent": input.agent,
        "link": opened.link,
        "files": opened.files,
        "headline": headline,
        "notice": notice,
    }
    return page("outcome", context, opened.reader, status)


def _as_asked(request: DecisionRequest) -> dict[str, str]:
    """Return the first content of the form: the agent's values, for an approver who modifies them.
    Nothing in it is hidden: what is sent back was seen."""
    payload = editable_json(request.payload) if request.payload is not None else ""
    return {"action": visible(request.action), "payload": payload}


def _understood(opened: Opened, typed: Mapping[str, str], highlighted: str | None) -> Understood:
    """Return the reading of the entries, for their button."""
    form = Filled({**typed, "choice": highlighted or ""})
    if not typed:
        return Understood(None)
    return form.understood(opened.reading.request, words(opened.reader).notation)


def _told(understood: Understood, reader: Reader) -> dict[str, str]:
    """Return how each entry was read, by the name of its field."""
    return {name: _as_read(value, reader) for name, value in understood.read.items()}


def _as_read(value: float | LocalTime, reader: Reader) -> str:
    if isinstance(value, LocalTime):
        return words(reader.preferring(None, value.zone)).moment(value.moment)
    return words(reader).number(value)


def _changed_payload(understood: Understood, highlighted: str | None) -> dict[str, Any] | None:
    """Return the changed payload whose changes are shown."""
    given: object = (understood.data or {}).get("payload")
    is_one = highlighted == Choice.MODIFY and not understood.wrong and isinstance(given, dict)
    return cast(dict[str, Any], given) if is_one else None


def _wrong(refused: Sentence, type: ResponseType, reader: Reader) -> Wrong:
    name = refused.field or ""
    if type.type == "file_upload" and name.startswith(("file", FILES)):
        name = FILES  # there is one field for all of them
    return Wrong(name, phrase(refused, reader, type))


def _notice(wrong: Wrong, request: DecisionRequest, reader: Reader) -> str:
    """Return the sentence, with the label of its field if there are several."""
    asked = request.response_type.fields or ()
    labels = {field.name: field.label or field.name for field in asked}
    labels |= {field.name: field.label for field in fields(request.payload)}
    say, text = words(reader).gettext, wrong.text
    if label := labels.get(wrong.name):
        text = say("%(field)s: %(fault)s") % {"field": visible_line(label), "fault": text}
    return say("Nothing is decided yet.") + " " + text
