"""A message in Slack: the same words as a mail, as blocks.

The agent's words are in quotes that Slack draws, and are never formatted: they can mention nobody
and link to nothing. An approver who answers here has seen all of what they agree to; if the action
or its data are too long for that, only the page can approve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handover.models import Choice, DecisionRequest
from templates import blocks, payload, text
from templates.blocks import Block
from templates.reader import Reader
from templates.rendering import fits, render_subject, sentences
from templates.slack_modals import NOT_ME, NOTE, OPEN, opens_here, takes_note
from templates.words import words

MAX_ACTION = MAX_DATA = blocks.MAX_TEXT
MAX_CONTEXT, MAX_NOTES, MAX_LINES = 1_500, 1_000, 60

NOTIFICATION = 300
"""Characters of a notification, which a locked phone displays."""

MAX_FILES = 5


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """A message. `text` is for notifications, and for programs without blocks."""

    text: str
    blocks: list[Block]


def render_slack(
    message: str, context: Mapping[str, Any], reader: Reader, value: str = ""
) -> SlackMessage:
    """Render a message for `channels.email.template_context`; its buttons return `value`.

    Raises `KeyError` for a message that Slack does not carry.
    """
    about = _About(context, reader, value, is_escalated=message == "escalation")
    made = {
        "decision-request": about.asking,
        "escalation": about.asking,
        "reminder": about.reminding,
        "settled": about.settled,
        "receipt": about.receipt,
    }[message]
    subject = render_subject(message, context, reader)
    return SlackMessage(blocks.escaped(subject, NOTIFICATION), list(made()))


def is_whole(request: DecisionRequest) -> bool:
    """Return whether a message has room for all of what would be done."""
    return not (_action(request).cut or _data(request.payload, words(Reader()).number).cut)


@dataclass(frozen=True, slots=True)
class _Told:
    text: str
    cut: bool


class _About:
    """One decision, presented to one reader."""

    def __init__(
        self, context: Mapping[str, Any], reader: Reader, value: str, *, is_escalated: bool
    ) -> None:
        self.context = context
        self.is_escalated = is_escalated
        self.request: DecisionRequest = context["request"]
        self.agent = text.visible_line(context["agent"], 80)
        self.link: str = context["link"]
        self.value = value
        self.words = words(reader)
        self.say = self.words.gettext
        self.shared = sentences(context, reader)

    def asking(self) -> Iterator[Block]:
        say = self.say
        yield blocks.header(self.shared.urgency(self.request.urgency))
        if self.is_escalated:
            yield blocks.section(self.shared.why())
        asks = say("%(agent)s asks you, in the agent’s own words:")  # noqa: RUF001
        yield blocks.section(asks % {"agent": self.agent})
        yield from self._cut(blocks.quote, _action(self.request))
        yield from self._data()
        yield from self._background()
        yield from self._files()
        yield from self._careful()
        if asked := self.words.asked(self.request.response_type):
            yield blocks.section(asked)
        otherwise = say("If nobody answers by then, it is denied.")
        yield blocks.section(f"{self.shared.due()} {otherwise}")
        yield blocks.actions(list(self._buttons()))

    def reminding(self) -> Iterator[Block]:
        """Remind in the thread of the question, whose buttons are still there."""
        waits = self.say("%(agent)s still waits for your answer.") % {"agent": self.agent}
        yield blocks.section(f"{waits} {self.shared.left()}")
        yield blocks.quote(text.visible_line(self.request.action, 300))
        yield blocks.actions([self._open()])

    def settled(self) -> Iterator[Block]:
        """Return the outcome that replaces the question."""
        outcome = self.context["outcome"]
        yield blocks.header(self.words.verdict(outcome))
        yield from self._asked_for()
        yield from self._answer()
        when = self.say("Settled on %(moment)s.") % {"moment": self.words.moment(outcome["at"])}
        yield blocks.small(when)
        yield blocks.actions([blocks.link(OPEN, self.say("The record"), self.link)])

    def receipt(self) -> Iterator[Block]:
        say = self.say
        yield blocks.section(self.shared.given())
        was = say("On %(moment)s. Was that you? Then there is nothing for you to do.")
        yield blocks.section(was % {"moment": self.words.moment(self.context["outcome"]["at"])})
        stolen = say("If it was not you, somebody else has used your link.")
        tell = say(
            "Tell the people who run Handover at once, and give them this number: %(id)s"
        ) % {"id": self.context["decision_id"]}
        yield blocks.section(f"{stolen} {tell}")
        yield blocks.actions([blocks.link(OPEN, say("The record"), self.link)])

    def _asked_for(self) -> Iterator[Block]:
        said = self.say("What %(agent)s asked, in the agent’s own words")  # noqa: RUF001
        yield _titled(said % {"agent": self.agent})
        yield from self._cut(blocks.quote, _action(self.request))

    def _data(self) -> Iterator[Block]:
        given = self.request.payload
        if given is None:
            return
        yield _titled(self.say("Exactly what would be done"))
        yield from self._cut(blocks.literal, _data(given, self.words.number))
        yield blocks.small(self.shared.fingerprint(given))

    def _background(self) -> Iterator[Block]:
        if not self.request.context:
            return
        said = self.say("Background, in the agent’s words")  # noqa: RUF001
        yield _titled(said)
        yield from self._cut(blocks.quote, _told(self.request.context, MAX_CONTEXT))

    def _files(self) -> Iterator[Block]:
        attachments, images = self.context["attachments"], self.request.context_images
        if attachments:
            yield blocks.section(self.shared.files(len(attachments)))
            shown = attachments[:MAX_FILES]
            lines = [
                f"{text.visible_line(each.name, 120)} ({self.words.size(each.size)})"
                for each in shown
            ]
            yield blocks.quote("\n".join(lines))
        if images:
            yield blocks.section(self.shared.images(len(images)))

    def _careful(self) -> Iterator[Block]:
        """Warn of a word whose letters pass for others."""
        data = payload.texts(self.request.payload)
        if found := text.mixed_scripts(f"{self.agent} {self.request.action} {data}"):
            warning = self.say(
                "Careful: this contains letters of several scripts, which may look alike: %(words)s"
            )
            yield blocks.section(warning % {"words": "; ".join(found)})

    def _buttons(self) -> Iterator[Block]:
        if self.context["step_up"]:
            yield blocks.link(OPEN, self.say("Answer on the page"), self.link)
            return
        for choice in (Choice.APPROVE, Choice.DENY, Choice.MODIFY):
            if choice in self.request.options:
                yield self._button(choice)
        if takes_note(self.request, whole=is_whole(self.request)):
            yield blocks.button(NOTE, self.say("Answer with a note…"), self.value)
        yield self._not_me()
        yield self._open()

    def _button(self, choice: Choice) -> Block:
        word = self.words.button(choice, self.request.response_type)
        must_read = choice != Choice.DENY and not is_whole(self.request)
        if must_read or not opens_here(self.request, choice):
            return blocks.link(f"{OPEN}.{choice}", f"{word}…", f"{self.link}?choose={choice}")
        style = {Choice.APPROVE: "primary", Choice.DENY: "danger"}.get(choice)
        needs_more = choice == Choice.MODIFY or (
            choice == Choice.APPROVE and self.words.asked(self.request.response_type)
        )
        if needs_more:
            return blocks.button(choice, f"{word}…", self.value, style)
        return self._confirmed(blocks.button(choice, word, self.value, style), word)

    def _not_me(self) -> Block:
        word = self.say("Not me: ask somebody else")
        return self._confirmed(blocks.button(NOT_ME, word, self.value), self.say("Not me"))

    def _confirmed(self, button: Block, word: str) -> Block:
        counts = self.say("Your answer counts at once, and cannot be taken back.")
        return blocks.confirmed(button, f"{word}?", counts, word, self.say("Back"))

    def _open(self) -> Block:
        return blocks.link(OPEN, self.say("Open the page"), self.link)

    def _answer(self) -> Iterator[Block]:
        """Return the answer in the words of its writer."""
        outcome, say = self.context["outcome"], self.say
        data = outcome["data"] or {}
        if outcome["choice"] == Choice.MODIFY and "payload" in data:
            yield _titled(say("What may be done instead"))
            yield from self._cut(blocks.literal, self._changes(data["payload"]))
            yield blocks.small(self.shared.fingerprint(data["payload"]))
        elif outcome["choice"] == Choice.MODIFY:
            yield _titled(say("What to do instead"))
            yield from self._cut(blocks.quote, _told(str(data.get("action")), MAX_ACTION))
        elif data:
            yield _titled(say("What was answered"))
            parts = self.words.answered(data, self.request.response_type)
            lines = "\n".join(part.line for part in parts)
            yield from self._cut(blocks.quote, _told(lines, MAX_NOTES))
        if outcome["notes"]:
            yield _titled(say("Notes that came with the answer"))
            yield from self._cut(blocks.quote, _told(outcome["notes"], MAX_NOTES))

    def _changes(self, given: object) -> _Told:
        told = payload.changes(self.request.payload, given, self.words.number)
        if not fits(told):
            return _told(text.as_json(given), MAX_DATA)
        lines = [self._change(row) for row in told.rows]
        return _told("\n".join([*lines, self.shared.same(told.same)]), MAX_DATA)

    def _change(self, row: payload.Change) -> str:
        say = self.say
        now = row.now.text if row.now else say("left out")
        asked, not_asked = say("asked:"), say("not asked for")
        return f"{row.name}: {now}  ({f'{asked} {row.was.text}' if row.was else not_asked})"

    def _cut(self, block: Any, told: _Told) -> Iterator[Block]:
        yield block(told.text)
        if told.cut:
            yield blocks.small(self.say("It is longer: continued on the page."))


def _titled(title: str) -> Block:
    return blocks.section(f"{title}:")


def _action(request: DecisionRequest) -> _Told:
    return _told(request.action, MAX_ACTION)


def _data(given: object, write: payload.Writer) -> _Told:
    """Return rows if each has its line, and otherwise JSON, in which a line break is two
    characters. Numbers have equally many characters for all readers."""
    told = payload.rows(given, write)
    if given and fits(told):
        return _told("\n".join(f"{row.name}: {row.value.text}" for row in told.rows), MAX_DATA)
    return _told(text.as_json(given), MAX_DATA)


def _told(said: str, most: int) -> _Told:
    found = text.excerpt(text.visible(said), most, MAX_LINES)
    return _Told(found.text, found.cut)
