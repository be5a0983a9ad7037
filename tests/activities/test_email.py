"""What stands in the mails, and in their headers."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.channels.email import compose, parse_sender
from activities.channels.errors import UndeliverableError
from activities.channels.mime import to_bytes
from activities.channels.notice import Unreached
from activities.channels.sendgrid import to_mail
from handover.models import EscalationStep
from tests.activities.samples import (
    ANN,
    BOB,
    CARL,
    INBOX,
    LINK,
    OPERATOR,
    SENDER,
    make_decision,
    make_email,
    make_notice,
    make_outcome,
)
from workflows.messages import Outcome
from workflows.objections import MAX_CODES

MESSAGES = [
    ("decision-request", ANN),
    ("reminder", ANN),
    ("escalation", BOB),
    ("settled", ANN),
    ("receipt", BOB),
    ("code", ANN),
    ("delivery-failure", OPERATOR),
    ("codes-used-up", OPERATOR),
]
WITHOUT_LINKS = ("code", "delivery-failure", "codes-used-up")


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


def steps(*approvers: list[str]) -> list[EscalationStep]:
    """One after the other, five minutes each."""
    return [
        EscalationStep(after_minutes=5 * number, approvers=step)
        for number, step in enumerate(approvers, 1)
    ]


def squeeze(text: str) -> str:
    return " ".join(text.split())


def test_a_request_offers_its_options_as_links_that_only_choose():
    """Each offered option is a link to the page with that choice, in both parts; others are not."""
    mail = make_email(options=["approve", "deny"])
    links = Reader(mail.html).links
    assert links["Approve"] == f"{LINK}?choose=approve"
    assert links["Deny"] == f"{LINK}?choose=deny"
    assert links["Read it first: open the page"] == LINK
    assert links["All that waits for you"] == INBOX
    assert "Modify" not in links
    assert f"Approve: {LINK}?choose=approve\nDeny:    {LINK}?choose=deny\n" in mail.text
    assert "choose=modify" not in mail.text + mail.html


FACTS = {
    "decision-request": ["refund-bot asks you"],
    "reminder": ["refund-bot still waits for your answer. It expires in 25 minutes."],
    "escalation": [f"You are asked because {ANN} has not answered."],
    "settled": [f"Approved by {BOB}"],
    "receipt": ["in your name: Approved", "If it was not you", "Was that you?"],
    "code": ["It is good for ten minutes", "If you did not just press a button in Handover"],
    "delivery-failure": [
        f"{ANN} could not be reached",
        f"{BOB} is asked now",
        "(email)",
        "550 no such user",
        "in 25 minutes",
        "it is denied",
    ],
    "codes-used-up": [
        f"{ANN} is sent no further code",
        "somebody else has their link",
        "in 25 minutes",
        "POST /decisions/dec_1/resolve",
    ],
}


@pytest.mark.parametrize(("message", "approver"), MESSAGES)
def test_plain_text_says_all_that_html_says(message: str, approver: str):
    """Every fact is in both parts: who, what, until when, why, the payload, the link."""
    mail = make_email(
        message, approver, context="It came back unopened.", payload={"order": 1142}, urgency="high"
    )
    facts = ["refund-bot ask", "s own words", "Refund order 1142", approver, "dec_1"]
    if message in ("settled", "receipt"):
        facts += ["Checked with the warehouse.", "nothing for you to do"]
    elif message not in WITHOUT_LINKS:
        facts += ["It came back unopened.", "1142", "in 25 minutes", "UTC", "Urgent"]
        facts += ["it is denied", "nothing is decided until you confirm there"]
    facts += FACTS[message]
    for part in (mail.text, Reader(mail.html).words):
        said = squeeze(part).lower()
        assert [fact for fact in facts if fact.lower() not in said] == []


@pytest.mark.parametrize(("message", "approver"), MESSAGES)
def test_a_link_is_in_both_parts_or_in_none(message: str, approver: str):
    """Whoever reads a code or a failure can do nothing with that mail but read it."""
    mail = make_email(message, approver)
    found = set(Reader(mail.html).links.values())
    assert found == set(re.findall(r"https?://\S+", mail.text))
    assert found >= {LINK, INBOX} if message not in WITHOUT_LINKS else not found
    assert "http" not in re.sub(r'href="[^"]+"', "", mail.html)


def test_a_code_can_be_read_and_copied():
    """It is in the subject, in the text alone on its line, and in the HTML with nothing but a gap
    between its halves."""
    mail = make_email("code")
    assert mail.subject == "482913 is your code for Handover"
    assert "\n    482913\n" in mail.text
    halves = re.findall(r"<td class=\"code\"[^>]*>(\d+)<span[^>]*>(\d+)</span></td>", mail.html)
    assert halves == [("482", "913")]


@pytest.mark.parametrize(
    ("because", "before", "told"),
    [
        ("no_answer", [], f"You are asked because {ANN} has not answered."),
        ("no_answer", [[BOB]], f"You are asked because {ANN} and {BOB} have not answered."),
        ("not_me", [], f"You are asked because {ANN} said that this is not for them."),
        (
            "not_me",
            [[BOB]],
            "one of those asked before you said that this is not",
        ),
        ("undeliverable", [], f"You are asked because {ANN} could not be reached."),
        (None, [], f"You are asked because {ANN} has not answered."),
    ],
)
def test_an_escalation_says_why(because: str | None, before: list[list[str]], told: str):
    """Whom it concerns is named, in both parts."""
    notice = make_notice("escalation", CARL, escalation=steps(*before, [CARL]))
    mail = compose(replace(notice, escalated_because=because), SENDER)
    assert told in mail.text
    assert told in squeeze(Reader(mail.html).words)


def test_who_could_not_be_reached_is_named_also_among_several():
    """By the failures that are known, and not by everybody who was asked."""
    notice = make_notice("escalation", CARL, escalation=steps([BOB], [CARL]))
    failed = [Unreached(BOB, "email", "gone"), Unreached(BOB, "slack", "gone")]
    mail = compose(replace(notice, escalated_because="undeliverable", unreached=failed), SENDER)
    assert f"You are asked because {BOB} could not be reached." in mail.text


def test_of_many_approvers_a_few_are_named():
    """The others are counted."""
    many = [f"p{n}@example.com" for n in range(8)]
    mail = make_email("escalation", CARL, escalation=steps(many, [CARL]))
    told = f"{ANN}, p0@example.com, p1@example.com, p2@example.com, and 5 others have not answered"
    assert told in mail.text


def test_an_operator_is_told_when_nobody_is_left():
    """In the subject already."""
    mail = compose(replace(make_notice("delivery-failure"), asked_now=[]), SENDER)
    assert mail.subject.startswith("Not delivered, and nobody is left to ask: Refund order 1142")
    for part in (mail.text, mail.html):
        assert "Nobody is left who could answer." in part


def test_the_last_code_says_so():
    """Its number, and nothing else, makes it the last."""
    for number, is_last in ((1, False), (MAX_CODES - 1, False), (MAX_CODES, True)):
        mail = compose(replace(make_notice("code"), number=number), SENDER)
        for part in (mail.text, mail.html):
            assert ("This is the last code that is mailed for this question." in part) is is_last


def test_a_step_up_is_announced():
    """Before the code comes; elsewhere nothing is said of codes."""
    notice = make_notice()
    stricter = replace(notice, decision=notice.decision.model_copy(update={"step_up": True}))
    for part in ("text", "html"):
        assert "six-digit code" in getattr(compose(stricter, SENDER), part)
        assert "six-digit code" not in getattr(compose(notice, SENDER), part)


def test_without_an_inbox_none_is_linked():
    """In neither part."""
    mail = compose(replace(make_notice(), inbox=""), SENDER)
    assert "All that waits for you" not in mail.text + mail.html


def test_a_receipt_shows_what_was_changed():
    """With `modify`, the payload or the words that were put in the place of what was asked."""
    decision = make_decision(payload={"amount": 1249})
    outcome = make_outcome(decision, BOB, "modify", data={"payload": {"amount": 1200}})
    mail = compose(make_notice("receipt", BOB, outcome, payload={"amount": 1249}), SENDER)
    assert "> amount: 1200\n>   asked: 1249\n" in mail.text
    assert "amount 1200 asked: 1249" in squeeze(Reader(mail.html).words)

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
    """Whatever an agent writes, the mail has the elements and links of a harmless one, but for ends
    of lines."""
    if "payload" in texts:
        texts["payload"] = {"text": texts["payload"]}
    as_table, as_json = (
        Reader(make_email(action="x", context="x", payload={"text": text}).html)
        for text in ("x", "x\ny")
    )
    fields = {"action": "x", "context": "x", "payload": {"text": "x"}} | texts
    fields["context"] = fields["context"] or "x"
    mail = make_email(**fields)
    found = Reader(mail.html)
    assert found.elements - {"br"} in (as_table.elements - {"br"}, as_json.elements - {"br"})
    assert found.links == as_table.links == as_json.links


def test_images_are_counted_and_not_linked():
    """They are on the page, which has them from us: no mail leads to an address of the agent's."""
    mail = make_email(context_images=["https://files.example.com/box.jpg", "javascript:alert(1)"])
    for part in (mail.text, mail.html):
        assert "2 images belong to the question; they are on the page." in part
        assert "files.example.com" not in part
        assert "javascript:" not in part
    assert "<img" not in mail.html
    assert "image" not in squeeze(Reader(make_email().html).words)


@pytest.mark.parametrize("character", ["c", "&", "\u202e", "𝄞", '"'])
def test_a_huge_request_makes_a_mail_of_bearable_size(character: str):
    """Gmail cuts at 102 kB; our links come long before that."""
    mail = make_email(
        "escalation",
        CARL,
        action=character * 2_000,
        context=f"{character}\n" * 20_000,
        payload={f"{character * 50}{n}": {character: [character * 500]} for n in range(400)},
        escalation=steps([f"{'a' * 60}{n}@{'b' * 60}.example.com" for n in range(20)], [CARL]),
        context_images=["https://files.example.com/" + "a" * 1_900] * 5,
    )
    assert len(mail.html.encode()) < 90_000
    assert len(mail.text.encode()) < 40_000
    assert mail.text.count("continued on the page") == 3
    assert mail.html.count("continued on the page") == 3


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
    """Reminder, settled and receipt answer that person's request, or their escalation."""
    request, escalation = make_email(), make_email("escalation", BOB)
    assert "In-Reply-To" not in request.headers
    assert "In-Reply-To" not in escalation.headers
    assert request.message_id != escalation.message_id
    later = [("reminder", ANN, request), ("settled", ANN, request), ("receipt", BOB, escalation)]
    for message, approver, first in [*later, ("reminder", BOB, escalation)]:
        headers = make_email(message, approver).headers
        assert headers["In-Reply-To"] == headers["References"] == first.message_id
        assert headers["Message-ID"] != first.message_id


@pytest.mark.parametrize("message", WITHOUT_LINKS)
def test_a_code_and_a_failure_stand_alone(message: str):
    """In a thread they would be overlooked."""
    assert "In-Reply-To" not in make_email(message).headers


@pytest.mark.parametrize("message", ["reminder", "code"])
def test_a_second_one_is_another_mail(message: str):
    """With the first one's id, mail servers would drop it as a copy."""
    first, second = (replace(make_notice(message), number=number) for number in (1, 2))
    assert compose(first, SENDER).message_id != compose(second, SENDER).message_id
    assert compose(first, SENDER).message_id == compose(first, SENDER).message_id


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
    assert make_email(approver="Ann@straße.de").to.addr_spec == "Ann@xn--strae-oqa.de"
    assert make_email(approver="ann@mailhost").to.addr_spec == "ann@mailhost"


@pytest.mark.parametrize("sender", ["Handover", "Handover <>", ""])
def test_a_sender_without_an_address_is_refused(sender: str):
    """At the start, and not with the first mail."""
    with pytest.raises(ValueError, match="is no e-mail address"):
        parse_sender(sender)


NAMES = [
    *("Handover", "Acme @ Work", "Acme: Approvals", "Acme, Inc.", "Acme; Co", "Acme (EU)", "a  b"),
    *('Acme "Best" Co', "Acme \\ Co", "Acme <us>", "Müller, Söhne @ Work: Zoë", "日本, @ 株式会社"),
    *("=?utf-8?q?x?=", "A" * 100 + ", B @ C", "Größe, " * 20 + "Ä", "'Acme'", '"A" & "B"', "@"),
]
"""Of senders, none of which a mail program takes for anything else."""


def sender_of(content: bytes) -> tuple[str, str]:
    """As a mail program reads it: name and address."""
    [line] = re.findall(rb"(?m)^From: (.*(?:\r\n .*)*)\r\n", content)
    assert all(len(each) <= 998 for each in line.split(b"\r\n"))
    name, address = parseaddr(re.sub(rb"\r\n", b"", line).decode("ascii"))
    return str(make_header(decode_header(name))), address


@pytest.mark.parametrize("name", NAMES)
def test_a_sender_has_the_name_that_was_set(name: str):
    """Whatever stands before the brackets, in quotation marks or not, by SMTP and by SendGrid."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    for setting in (f"{name} <h@example.com>", f'"{quoted}" <h@example.com>'):
        mail = replace(make_email(), sender=parse_sender(setting))
        assert sender_of(to_bytes(mail)) == (name, "h@example.com")
        assert to_mail(mail).get()["from"] == {"email": "h@example.com", "name": name}


@pytest.mark.parametrize("name", ["Acme\nBcc: x@y.z", "Acme\u202e", "A" * 201])
def test_a_senders_name_is_one_that_can_be_seen(name: str):
    """No line more, and nothing that turns the rest around."""
    with pytest.raises(ValueError, match="the name"):
        parse_sender(f"{name} <h@example.com>")


def test_a_sender_without_a_name():
    """With brackets or without; a host of one's own network is its operator's matter."""
    for setting in ("handover@localhost", "<handover@localhost>"):
        sender = parse_sender(setting)
        assert (sender.display_name, sender.addr_spec) == ("", "handover@localhost")
        assert b"From: <handover@localhost>\r\n" in to_bytes(replace(make_email(), sender=sender))


def test_programs_are_told_not_to_answer():
    """But nothing that says that nobody reads a mail is asked away: neither bounces (NDR) nor
    absence notes (OOF), and `All` is both of them."""
    parsed = parse(to_bytes(make_email()))
    assert parsed["Auto-Submitted"] == "auto-generated"
    suppressed = {each.strip() for each in parsed["X-Auto-Response-Suppress"].split(",")}
    assert suppressed == {"DR", "RN", "NRN"}
