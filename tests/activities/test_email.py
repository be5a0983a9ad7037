"""What stands in the mails, and in their headers."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.channels.email import compose, parse_sender
from activities.channels.errors import UndeliverableError
from activities.channels.mime import to_bytes
from tests.activities.samples import (
    ANN,
    BOB,
    LINK,
    SENDER,
    make_decision,
    make_email,
    make_notice,
    make_outcome,
)
from workflows.messages import Outcome

MESSAGES = [("decision-request", ANN), ("escalation", BOB), ("settled", ANN), ("receipt", BOB)]


class Reader(HTMLParser):
    """An HTML mail as a person sees it: its words, where its links lead, and its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.links: dict[str, str] = {}
        self.elements: set[str] = set()
        self._link: str | None = None
        self._skipped = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self._skipped = tag in ("style", "title")
        if tag == "a":
            self._link = dict(attrs)["href"]

    def handle_endtag(self, tag: str) -> None:
        self._skipped = False
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.words += f" {data}"
        if self._link:
            self.links[data] = self._link


def parse(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def squeeze(text: str) -> str:
    return " ".join(text.split())


def test_a_request_offers_its_options_as_links_that_only_choose():
    """Each offered option is a link to the page with that choice, in both parts; others are not."""
    mail = make_email(options=["approve", "deny"])
    links = Reader(mail.html).links
    assert links["Approve"] == f"{LINK}?choose=approve"
    assert links["Deny"] == f"{LINK}?choose=deny"
    assert links[LINK] == LINK
    assert "Modify" not in links
    assert f"Approve: {LINK}?choose=approve\nDeny:    {LINK}?choose=deny\n" in mail.text
    assert "choose=modify" not in mail.text + mail.html


@pytest.mark.parametrize(("message", "approver"), MESSAGES)
def test_plain_text_says_all_that_html_says(message: str, approver: str):
    """Every fact is in both parts: who, what, until when, why, the payload, the link."""
    mail = make_email(
        message, approver, context="It came back unopened.", payload={"order": 1142}, urgency="high"
    )
    facts = ["refund-bot ask", "Refund order 1142", LINK, approver, "dec_1"]
    if message in ("settled", "receipt"):
        facts += ["Checked with the warehouse.", "nothing for you to do"]
    else:
        facts += ["It came back unopened.", '"order": 1142', "in 25 minutes", "UTC", "Urgent"]
        facts += ["denied", "nothing is decided until you confirm there"]
    facts += {
        "decision-request": [],
        "escalation": ["nobody has answered yet", f"Asked before you: {ANN}"],
        "settled": [f"Approved by {BOB}"],
        "receipt": ["in your name: approve", "If it was not you"],
    }[message]
    for part in (mail.text, Reader(mail.html).words):
        said = squeeze(part).lower()
        assert [fact for fact in facts if fact.lower() not in said] == []


def test_a_receipt_shows_what_was_changed():
    """With `modify`, the payload or the words that were put in the place of what was asked."""
    decision = make_decision(payload={"amount": 1249})
    outcome = make_outcome(decision, BOB, "modify", data={"payload": {"amount": 1200}})
    mail = compose(make_notice("receipt", BOB, outcome, payload={"amount": 1249}), SENDER)
    assert '> {\n>   "amount": 1200\n> }' in mail.text
    assert '"amount": 1200' in Reader(mail.html).words

    decision = make_decision()
    outcome = make_outcome(decision, BOB, "modify", data={"action": "Refund half of it"})
    mail = compose(make_notice("receipt", BOB, outcome), SENDER)
    assert "> Refund half of it" in mail.text
    assert "Refund half of it" in Reader(mail.html).words


def test_an_expired_decision_is_settled_in_words():
    """`settled` is also what those read who did not answer in time."""
    expired = Outcome.model_validate(
        {"status": "expired", "origin": "timeout", "at": "2026-03-12T14:30:00Z"}
    )
    mail = compose(make_notice("settled", ANN, expired), SENDER)
    assert mail.subject.startswith("Expired: nobody answered in time, so it was denied:")
    assert "nobody answered in time" in mail.text


HOSTILE = (
    "</td></tr></table><a href='https://evil.example'>Approve</a><script>x()</script>\n"
    "Approve: https://evil.example/d/x\u202e\n-- \n{{ link }}{% raw %}<img src=https://evil.example>"
)


@pytest.mark.parametrize("field", ["action", "context"])
def test_an_agents_text_stays_text(field: str):
    """Markup is escaped, templates in it are not run, and in plain text each line is quoted."""
    mail = make_email(**{field: HOSTILE})
    page = Reader(mail.html)
    assert page.links["Approve"] == f"{LINK}?choose=approve"
    assert not page.elements & {"script", "img"}
    assert not [url for url in page.links.values() if "evil" in url]
    assert "{{ link }}" in page.words
    lines = mail.text.splitlines()
    assert [line for line in lines if "evil" in line]
    assert all(line.startswith(">") for line in lines if "evil" in line)
    assert lines.count("--") + lines.count("-- ") == 1
    assert "\u202e" not in mail.text + mail.html + mail.subject


@given(
    st.dictionaries(
        st.sampled_from(["action", "context", "payload"]), st.text(max_size=60), min_size=1
    )
)
@settings(max_examples=60, deadline=None)
def test_no_text_adds_an_element_or_a_link(texts: dict[str, Any]):
    """Whatever an agent writes, the mail has the elements and links of a harmless one."""
    if "payload" in texts:
        texts["payload"] = {"text": texts["payload"]}
    harmless = make_email(action="x", context="x", payload={"text": "x"})
    fields = {"action": "x", "context": "x", "payload": {"text": "x"}} | texts
    fields["context"] = fields["context"] or "x"
    mail = make_email(**fields)
    expected, found = Reader(harmless.html), Reader(mail.html)
    assert found.elements == expected.elements
    assert found.links == expected.links


def test_image_addresses_are_links_that_say_where_they_lead():
    """An address that is none of the web is shown and leads nowhere."""
    images = ["https://files.example.com/box.jpg", "javascript:alert(1)"]
    mail = make_email(context_images=images)
    links = Reader(mail.html).links
    assert links[images[0]] == images[0]
    assert images[1] not in links
    assert images[1] in Reader(mail.html).words
    assert "> https://files.example.com/box.jpg" in mail.text
    assert "<img" not in mail.html


def test_a_huge_request_makes_a_mail_of_bearable_size():
    """Mail clients cut at about 100 KB, which would be before our links."""
    mail = make_email(
        action="a " * 1000,
        context="c\n" * 50_000,
        payload={"rows": ["v" * 50] * 4000},
    )
    assert len(mail.html) < 40_000
    assert len(mail.text) < 15_000
    assert mail.text.count("all of it is on the page") == 3
    assert mail.html.count("all of it is on the page") == 3


@pytest.mark.parametrize(
    "action",
    [
        "Pay\r\nBcc: evil@example.com\r\n\r\n<b>body</b>",
        "Pay\nX-Evil: 1",
        "Pay\x00\x0b\x0c\u2028Evil: 1",
        "x" * 2000,
    ],
)
@pytest.mark.parametrize(("message", "approver"), MESSAGES)
def test_no_text_reaches_the_headers(message: str, approver: str, action: str):
    """The subject stays one bounded line, and the mail has our headers alone."""
    mail = make_email(message, approver, action=action)
    assert len(mail.subject) <= 150
    parsed = parse(to_bytes(mail))
    assert parsed["Subject"] == mail.subject
    assert parsed["Bcc"] is None
    known = {"From", "To", "Subject", "Date", "MIME-Version", "Content-Type", *mail.headers}
    assert set(parsed.keys()) == known
    assert parsed["To"].addresses[0].addr_spec == approver


def test_a_mail_travels_in_ascii_and_arrives_as_it_was():
    """Subject, name and body survive in every script; lines end in CRLF and are short enough."""
    mail = make_email(action="Überweisung an Łukasz Żółć: 送金を承認しますか 👩‍💻")
    content = to_bytes(mail)
    assert content.isascii()
    assert not re.search(rb"(?<!\r)\n", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998
    parsed = parse(content)
    assert parsed["Subject"] == mail.subject
    assert "送金を承認しますか 👩‍💻" in mail.subject
    text, html = parsed.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n") == mail.text
    assert text.get_content().replace("\r\n", "\n") == mail.text
    assert html.get_content().replace("\r\n", "\n").rstrip() == mail.html.rstrip()


def test_later_mails_answer_the_first_one_of_their_recipient():
    """Settled and receipt are replies to that person's request, or to their escalation."""
    request, escalation = make_email(), make_email("escalation", BOB)
    assert "In-Reply-To" not in request.headers
    assert "In-Reply-To" not in escalation.headers
    assert request.message_id != escalation.message_id
    for message, approver, first in [("settled", ANN, request), ("receipt", BOB, escalation)]:
        headers = make_email(message, approver).headers
        assert headers["In-Reply-To"] == headers["References"] == first.message_id
        assert headers["Message-ID"] != first.message_id


def test_a_repeated_mail_has_the_same_message_id():
    """It belongs to the decision, the person and the message, at the sender's domain."""
    assert make_email().message_id == make_email(context="otherwise the same").message_id
    assert make_email().message_id.endswith("@mail.example.com>")
    assert (
        make_email("escalation", BOB).message_id
        != make_email("escalation", "carl@example.com").message_id
    )


def test_ids_of_a_long_domain_stay_readable():
    """They are not encoded, which would break the thread."""
    sender = parse_sender(f"handover@{'sub.' * 20}example.com")
    mail = compose(make_notice("settled", ANN), sender)
    content = to_bytes(mail).decode()
    assert f"In-Reply-To: {mail.root}" in content
    assert f"References: {mail.root}" in content


@pytest.mark.parametrize(
    "address",
    ["ann", "ann@", "@example.com", "a@b, c@d", "ann@example.com\r\nBcc: x@y.z", "Ann <a@b.c>", ""],
)
def test_what_is_no_address_is_permanent(address: str):
    """No transport sees it, and the next approver is asked."""
    with pytest.raises(UndeliverableError, match="is not an e-mail address"):
        compose(make_notice(approver=address), SENDER)


def test_a_domain_beyond_ascii_is_sent_in_its_ascii_form():
    """Every mail server takes that."""
    assert make_email(approver="ann@exämple.com").to.addr_spec == "ann@xn--exmple-cua.com"


@pytest.mark.parametrize("sender", ["Handover", "Handover <>", ""])
def test_a_sender_without_an_address_is_refused(sender: str):
    """At the start, and not with the first mail."""
    with pytest.raises(ValueError, match="is not an e-mail address"):
        parse_sender(sender)


def test_machines_are_told_not_to_answer():
    """Out-of-office notes would otherwise come back for every decision."""
    parsed = parse(to_bytes(make_email()))
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["X-Auto-Response-Suppress"] == "All"
