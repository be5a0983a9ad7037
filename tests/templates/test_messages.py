"""What mails say of response types and files, and all that they say of made-up decisions.

The latter is in `snapshots/`. After a change that is meant, write them anew and look at the
difference: `HANDOVER_SNAPSHOTS=write pytest tests/templates/test_messages.py`.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.channels.email import compose, template_context
from api.operators.samples import READERS, SAMPLES, preview, sample
from handover.models import Attachment, ResponseType
from handover.proof import digest
from templates import RenderedEmail, render_email
from templates.payload import BETWEEN
from templates.text import quoted
from tests.activities.samples import (
    BOB,
    SENDER,
    make_decision,
    make_email,
    make_notice,
    make_outcome,
)

CHOOSE = {"type": "choose", "label": "Which?", "choices": ["DHL", "UPS"]}


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        (["att_1"], "One file is attached to the question; it is on the page."),
        (["att_1", "att_2"], "2 files are attached to the question; they are on the page."),
    ],
)
def test_a_mail_says_how_many_files_there_are(ids: list[str], told: str):
    """In both parts; without files neither says a word of them."""
    mail = make_email(attachment_ids=ids)
    assert told in mail.text
    assert told in mail.html
    without = make_email()
    assert "attached" not in without.text + without.html


@pytest.mark.parametrize("message", ["decision-request", "escalation"])
def test_a_mail_says_what_is_asked_for(message: str):
    """A person knows before the page opens that there is something to fill in."""
    mail = make_email(message, BOB, response_type=ResponseType.model_validate(CHOOSE))
    assert "You are asked to choose one of several." in mail.text
    assert "You are asked to choose one of several." in mail.html
    assert "You are asked to" not in make_email(message, BOB).text


@pytest.mark.parametrize("message", ["settled", "receipt"])
@pytest.mark.parametrize(
    ("response_type", "data", "told"),
    [
        (CHOOSE, {"chosen": "DHL"}, "Which? DHL"),
        ({"type": "number_input"}, {"value": 7}, "Value: 7"),
        (
            {"type": "schedule"},
            {"execute_at": "2026-03-12T14:30:00Z"},
            "To be done: Thu, Mar 12, 2026, 2:30 PM UTC",
        ),
    ],
)
def test_a_mail_says_what_was_answered(
    message: str, response_type: dict[str, Any], data: dict[str, Any], told: str
):
    """Marked as somebody's words, in both parts: an agent chose the label."""
    asked = ResponseType.model_validate(response_type)
    outcome = make_outcome(make_decision(response_type=asked), data=data)
    mail = compose(make_notice(message, BOB, outcome, response_type=asked), SENDER)
    assert f"> {told}" in mail.text
    assert f'<bdi dir="auto">{told}</bdi>' in mail.html


SNAPSHOTS = Path(__file__).parent / "snapshots"
ANEW = "HANDOVER_SNAPSHOTS=write"
SHOWN = [*((message, "en") for message in SAMPLES), ("escalation", "de"), ("escalation", "fr")]


@pytest.mark.parametrize(("message", "language"), SHOWN)
def test_a_mail_is_as_it_was(message: str, language: str):
    """Nobody changes a mail without seeing how it looks."""
    mail = preview(message, language)
    text = f"Subject: {mail.subject}\n\n{mail.text}"
    assert_unchanged(f"{message}.{language}.txt", text)
    assert_unchanged(f"{message}.{language}.html", mail.html.rstrip() + "\n")


def assert_unchanged(name: str, now: str) -> None:
    kept = SNAPSHOTS / name
    if os.environ.get("HANDOVER_SNAPSHOTS") == "write":
        kept.write_text(now)
    assert kept.exists(), f"{name} was never written: {ANEW}"
    assert now == kept.read_text(), f"{name} has changed; if it should have, {ANEW}"


def test_no_snapshot_is_of_a_mail_that_there_is_no_more():
    """Each one is compared with something."""
    shown = {f"{message}.{language}" for message, language in SHOWN}
    assert {path.name.rpartition(".")[0] for path in SNAPSHOTS.iterdir()} == shown


@pytest.mark.parametrize("message", SAMPLES)
def test_a_sample_knows_what_a_mail_knows(message: str):
    """What previews show is what the worker renders: the same names, and the same templates."""
    assert sample(message).keys() == template_context(make_notice(message)).keys()
    folders = {path.parent.name for path in Path("templates/email").glob("*/body.html")}
    assert set(SAMPLES) == folders


@pytest.mark.parametrize("message", SAMPLES)
@pytest.mark.parametrize("language", READERS)
def test_a_mail_is_html_that_mail_programs_take(message: str, language: str):
    """Styles are attributes, tables are for layout, nothing comes from elsewhere, and it says in
    which language it is."""
    html = preview(message, language).html
    assert f'<html lang="{language}"' in html
    assert len(html.encode()) < 90_000
    [sheet] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert re.sub(r"@media [^{]*\{(\s*[^{}]*\{[^{}]*\})*\s*\}", "", sheet).strip() == ""
    assert "prefers-color-scheme: dark" in sheet
    assert not re.findall(r"<(img|link|script|iframe|form|base)\b", html)
    assert "url(" not in html
    assert 'name="color-scheme" content="light dark"' in html
    layout = [table for table in re.findall(r"<table[^>]*>", html) if 'class="rows"' not in table]
    assert layout
    assert all('role="presentation"' in table for table in layout)
    # A rule that names no element of any mail would be one that has missed its aim.
    assert html.count('style="') > 10


def test_links_are_large_enough_for_a_thumb():
    """A block with room above and below the words; `tests/browser/test_mails.py` measures it."""
    html = preview("decision-request", "en").html
    links = re.findall(r"<a [^>]*>", html)
    assert len(links) == 5
    for link in links:
        assert re.search(r"padding: 1[13]px", link), link
        assert re.search(r"display: (inline-)?block", link), link


HOSTILE = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "</style><script>x()</script>",
            "</td></tr></table><a href=https://evil.example>Approve</a>",
            "&lt;b&gt; &amp;lt; &#60;i&#62;",
            "\x00\ud800\udfff\u202e\u2066",
            "{{ link }} {% raw %} %(agent)s %s %%",
            "a\r\nBcc: evil@example.com\r\n\r\n<p>",
            "\"'><img src=x onerror=x()>",
            "<!--[if mso]><p><![endif]--> --> <![CDATA[",
            "https://evil.example/d/x?choose=approve",
        ]
    ),
)


def plain(value: str) -> str:
    return value.strip() or "x"


@given(HOSTILE.map(plain), HOSTILE.map(plain), HOSTILE.map(plain), st.sampled_from(sorted(SAMPLES)))
@settings(max_examples=150)
def test_whatever_is_written_a_mail_keeps_its_shape(
    action: str, context: str, other: str, message: str
):
    """In every mail and from everybody: one line as its subject, our elements, our links."""

    payload = {"a": other.encode(errors="ignore").decode()}  # one that has a digest

    def mail(action: str, context: str, other: str, payload: dict[str, str]) -> RenderedEmail:
        request = sample(message)["request"].model_copy(
            update={"action": action, "context": context, "payload": payload}
        )
        texts = {
            "request": request,
            "agent": other,
            "attachments": [Attachment(id="", name=other, url="", type="", size=1, sha256="")],
        }
        if outcome := sample(message)["outcome"]:
            data = {"payload": payload} if outcome["data"] else None
            texts["outcome"] = outcome | {"notes": other, "by": other, "data": data}
        if sample(message)["unreached"]:
            texts["unreached"] = [{"approver": other, "channel": "email", "reason": other}]
        return render_email(message, sample(message) | texts, READERS["en"])

    written = mail(action, context, other, payload)
    harmless = [mail("x", "x", "x", {"a": value}) for value in ("x", "x\ny")]  # a table, or JSON
    assert "\n" not in written.subject
    assert 0 < len(written.subject) <= 150
    assert tags(written.html) in [tags(one.html) for one in harmless]
    written.html.encode()
    written.text.encode()


def tags(html: str) -> list[str]:
    """All elements with their attributes. A text may have more lines or be cut, and that is all."""
    found = re.findall(r"<[a-zA-Z][^>]*>", html)
    return [tag for tag in found if tag != "<br>" and 'class="soft"' not in tag]


def test_the_names_of_files_are_told():
    """As the agent's words, with how large they are."""
    notice = make_notice()
    file = Attachment(id="", name="a\n<b>.pdf", url="", type="", size=3_400_000, sha256="")
    told = replace(notice, decision=notice.decision.model_copy(update={"attachments": [file]}))
    mail = compose(told, SENDER)
    assert "> a <b>.pdf (3.4 MB)" in mail.text
    assert "a &lt;b&gt;.pdf (3.4 MB)" in mail.html


def test_a_small_payload_is_a_table_and_a_large_one_json():
    """Rows are read at a glance; what has lines of its own, or too many, is shown as it is."""
    small = make_email(payload={"order": "1142", "to": {"name": "Ann"}, "urgent": True})
    name = f"to{BETWEEN}name"
    assert f'> order: "1142"\n> {name}: Ann\n> urgent: true\n' in small.text
    cells = re.findall(r'<(th|td)[^>]*><bdi dir="auto">([^<]*)</bdi></\1>', small.html)
    told = [text for _, text in cells if text != "Refund order 1142"]
    assert told == ["order", '"1142"', name, "Ann", "urgent", "true"]
    for large in ({"text": "a\nb"}, {"text": "a\rb"}, {str(n): n for n in range(17)}):
        mail = make_email(payload=large)
        assert 'class="rows"' not in mail.html
        assert "> {\n" in mail.text
    assert "> {}\n" in make_email(payload={}).text


def test_no_value_passes_for_another_row():
    """Where the plain text is wrapped, what follows is set in."""
    mail = make_email(payload={"note": "x" * 67 + " amount: 1"})
    assert "\n>     amount: 1\n" in mail.text
    assert "\n> amount: 1" not in mail.text


def test_what_was_changed_stands_beside_what_was_asked():
    """In both parts: another value, one that is left out, one that nobody asked for."""
    payload = {"amount": 1249, "currency": "EUR", "note": "x"}
    given = {"amount": 1200, "currency": "EUR", "by": "bank"}
    decision = make_decision(payload=payload)
    outcome = make_outcome(decision, BOB, "modify", data={"payload": given})
    mail = compose(make_notice("settled", BOB, outcome, payload=payload), SENDER)
    told = "amount: 1200\n  asked: 1249\nnote: left out\n  asked: x\nby: bank\n  not asked for"
    assert quoted(told) in mail.text
    words = " ".join(re.sub(r"<[^>]+>", " ", mail.html).split())
    assert "amount 1200 asked: 1249 note left out asked: x by bank not asked for" in words
    for part in (mail.text, mail.html):
        assert "1 other value is as it was asked." in part


def test_the_fingerprint_is_that_of_the_payload():
    """The agent gets the same digest: `payload_digest`."""
    begin = digest({"order": 1142})[:16]
    told = f"Fingerprint {begin[:4]} {begin[4:8]} {begin[8:12]} {begin[12:]}"
    mail = make_email(payload={"order": 1142})
    assert told in mail.text
    assert told in mail.html
    assert "Fingerprint" not in make_email().html
