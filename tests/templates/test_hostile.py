"""Every mail with what an agent or an approver may write to deceive its reader: in the corpus of
`tests.hostile`, in every field, in every language."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest

from activities.channels.email import Email, compose
from activities.channels.mime import to_bytes
from activities.channels.notice import Notice, Unreached
from handover.models import Attachment, ResponseType
from store.keys import is_name
from templates import LANGUAGES, Reader
from tests import hostile
from tests.activities.samples import (
    ANN,
    BOB,
    INBOX,
    LINK,
    OPERATOR,
    SENDER,
    make_decision,
    make_notice,
    make_outcome,
)
from tests.hostile import hidden
from workflows.messages import TO_THE_OPERATOR

MESSAGES = (
    *("decision-request", "reminder", "escalation", "settled", "receipt", "code"),
    *("delivery-failure", "codes-used-up", "digest"),
)
OURS = {LINK, INBOX, *(f"{LINK}?choose={choice}" for choice in ("approve", "deny", "modify"))}
HARMLESS = (
    "harmless",
    "one line\n  and another\n\nand a last",
    "a long text, " * 150,
    "many\n" * 300,
    "W" * 1_500,
)
VOID = ("meta", "br", "img", "input", "hr", "link", "base", "col", "wbr", "area", "embed", "source")
TEXT_TYPE = {"type": "text_input"}


def answers_to(text: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What may be asked and answered: each pair of a request's and of a response's fields."""
    label = text[:200]
    fields = [{"name": "reason", "label": label, "placeholder": label}]
    return [
        (
            {"response_type": ResponseType.model_validate(TEXT_TYPE | {"fields": fields})},
            {"choice": "approve", "data": {"reason": text}},
        ),
        (
            {"response_type": ResponseType(type="choose", label=label, choices=[label, "no"])},
            {"choice": "approve", "data": {"chosen": label}},
        ),
        (
            {"response_type": ResponseType(type="number_input", label=label)},
            {"choice": "approve", "data": {"value": 7}},
        ),
        (
            {"response_type": ResponseType(type="file_upload", label=label, accept=[".pdf"])},
            {"choice": "approve", "data": {"uploaded_files": [file_named(text).model_dump()]}},
        ),
        ({}, {"choice": "deny", "data": None}),
        ({}, {"choice": "approve", "data": {text[:100]: [text]}}),
        (
            {"payload": hostile.payload_of(text)},
            {"choice": "modify", "data": {"payload": {text: text, "amount": text}}},
        ),
        ({"payload": {"a": text}}, {"choice": "modify", "data": {"payload": {"a": text + "!"}}}),
        ({"payload": None}, {"choice": "modify", "data": {"action": text}}),
    ]


def file_named(text: str) -> Attachment:
    return Attachment(
        id="att_1", name=text[:255], url=text, type=text[:127], size=812, sha256="0" * 64
    )


PAYLOADS = (
    None,
    {},
    {"order": "1142", "amount": 12.5},
    {"order": {"lines": [1, 2, {"a": None}]}},
    {f"key {number}": "value" for number in range(40)},
)


KINDS = range(len(answers_to("")))


def notice_of(text: str, message: str, language: str, kind: int) -> Notice:
    """This message, with the text in every field that is not ours, and this kind of answer."""
    payloads = (hostile.payload_of(text), {text: text}, hostile.deep(text), hostile.wide(text))
    asked, answer = answers_to(text)[kind]
    fields: dict[str, Any] = {
        "action": text,
        "context": text,
        "metadata": {text: text},
        "context_images": [*hostile.URLS[:3], text],
        "attachment_ids": ["att_1"],
    }
    if message in ("settled", "receipt"):
        fields |= {"payload": None, **asked}
        outcome = make_outcome(make_decision(**fields), BOB, notes=text, **answer)
        return _as_read_by(make_notice(message, BOB, outcome, **fields), text, language)
    fields |= asked | {"payload": payloads[kind % len(payloads)]}
    return _as_read_by(make_notice(message, BOB, **fields), text, language)


def _as_read_by(notice: Notice, text: str, language: str) -> Notice:
    decision = notice.decision.model_copy(update={"attachments": [file_named(text)] * 7})
    unreached = [Unreached(ANN, "email", text), Unreached(BOB, "email", text)]
    to = OPERATOR if notice.message in TO_THE_OPERATOR else BOB
    return replace(
        notice,
        decision=decision,
        approver=to,
        reader=Reader(language, "Asia/Kathmandu"),
        unreached=unreached if notice.message == "delivery-failure" else [],
    )


class Skeleton(HTMLParser):
    """What a mail is made of, whatever stands in it: which elements are inside which, with which
    attributes; and apart from that its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self._stack: list[str] = []
        self.elements: set[str] = set()
        self.links: set[str] = set()
        self.comments: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self._stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = [(name, value) for name, value in attrs if name != "href"]
        self.links |= {value or "" for name, value in attrs if name in ("href", "src", "action")}
        self._stack.append(tag)
        self.elements.add(f"{'/'.join(self._stack)} {sorted(given)}")
        if tag in VOID:
            self._stack.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._stack.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.add(data)

    def handle_data(self, data: str) -> None:
        if "style" not in self._stack:
            self.texts.append(data)


@dataclass
class Allowed:
    """What a message consists of when nobody means harm."""

    elements: set[str] = field(default_factory=set[str])
    comments: set[str] = field(default_factory=set[str])
    lines: set[str] = field(default_factory=set[str])
    styles: set[str] = field(default_factory=set[str])

    def add(self, mail: Email) -> None:
        skeleton = Skeleton(mail.html)
        self.elements |= skeleton.elements
        self.comments |= skeleton.comments
        self.lines |= own_lines(mail.text)
        self.styles |= styles(mail.html)


@cache
def allowed(message: str, language: str) -> Allowed:
    found = Allowed()
    for number, text in enumerate(HARMLESS):
        # What an answer consists of does not hang on how long its texts are, nor on their lines.
        for kind in KINDS if text == "harmless" else KINDS[number::4]:
            found.add(compose(notice_of(text, message, language, kind), SENDER))
    for payload in PAYLOADS:
        outcome = make_outcome(
            make_decision(payload=payload), choice="modify", data={"payload": payload}
        )
        made = make_notice(message, BOB, outcome, payload=payload)
        found.add(compose(_as_read_by(made, "harmless", language), SENDER))
    return found


def share(language: str) -> list[tuple[int, str, str]]:
    """The texts that this language is tried with, of which each gets a third; their places and
    names. What is ours in a mail differs between languages, and not how others' words are put into
    it."""
    named = enumerate(hostile.TEXTS.items())
    which = LANGUAGES.index(language)
    return [(n, *each) for n, each in named if n % len(LANGUAGES) == which]


def own_lines(text: str) -> set[str]:
    """The lines that are not marked as somebody's words; numbers and digests are as good as one."""
    marks = (">", f"- {ANN} (email): ", f"- {BOB} (email): ")
    lines = (line for line in text.split("\n") if not line.startswith(marks))
    return {re.sub(r"\b[0-9a-f]{4,}\b|\d+", "0", line) for line in lines}


def styles(html: str) -> set[str]:
    return set(re.findall(r"<style>.*?</style>", html, re.DOTALL))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", MESSAGES)
def test_a_mail_stays_itself_whatever_is_written_into_it(message: str, language: str) -> None:
    """No element, attribute, style, comment or link but ours; no line of the plain text that is not
    marked as somebody's words; no hidden character; a head of the same fields."""
    usual = allowed(message, language)
    for number, name, text in share(language):
        for kind in (number % len(KINDS), (number + 4) % len(KINDS)):
            mail = compose(notice_of(text, message, language, kind), SENDER)
            skeleton = Skeleton(mail.html)
            assert skeleton.elements <= usual.elements, (name, skeleton.elements - usual.elements)
            assert skeleton.comments <= usual.comments, name
            assert skeleton.links <= OURS, name
            assert styles(mail.html) <= usual.styles, name
            assert own_lines(mail.text) <= usual.lines, (name, own_lines(mail.text) - usual.lines)
            for part in (mail.subject, mail.text, mail.html, "".join(skeleton.texts)):
                assert not hidden(part), (name, hidden(part))
            assert len(mail.html.encode()) < 100_000, name
        check_head(mail)  # which is the same, however it may be answered


def check_head(mail: Email) -> None:
    """One line for each field, those that are ours, and the two parts."""
    raw = to_bytes(mail)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert [name.lower() for name in parsed] == [
        *("from", "to", "subject", "date"),
        *(name.lower() for name in mail.headers),
        *("mime-version", "content-type"),
    ]
    assert str(parsed["Subject"]).strip() == mail.subject
    assert len(mail.subject) <= 150
    assert not set(mail.subject) & set("\r\n")
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    assert raw.isascii()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", MESSAGES)
def test_a_name_stays_a_name(message: str, language: str) -> None:
    """What a key may be called, which stands in our own sentences: it stays in one line there, and
    opens no element."""
    usual = allowed(message, language)
    shown = (hostile.visible_only(text)[:200].strip() for _, _, text in share(language))
    notice = notice_of("harmless", message, language, kind=0)
    lines = compose(notice, SENDER).text.count("\n")
    for name in filter(is_name, shown):
        named = replace(notice, decision=notice.decision.model_copy(update={"agent": name}))
        mail = compose(named, SENDER)
        skeleton = Skeleton(mail.html)
        assert skeleton.elements <= usual.elements, name
        assert skeleton.links <= OURS, name
        assert not hidden(mail.subject + mail.text + mail.html), name
        assert mail.text.count("\n") == lines, name
        check_head(mail)
