"""Messages and forms for Slack: within its limits whatever an agent writes, and formatted never."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from activities.channels.email import template_context
from handover.models import DecisionRequest
from templates import Reader, SlackMessage, blocks, render_slack
from templates.slack import is_whole
from templates.slack_modals import answer_modal, noted, opens_here
from tests.activities.samples import LINK, make_notice, make_outcome
from tests.hostile import TEXTS, hidden, payload_of, wide
from tests.slack_blocks import complain_of_blocks, complain_of_view
from tests.slack_server import MAX_SHOWN, texts

VALUE = "v" * 600
MESSAGES = ("decision-request", "escalation", "reminder", "settled", "receipt")
LINKS = ("<@U0>", "<!channel>", "<!here|here>", "<#C0|general>", "<https://evil.example|Approve>")
MRKDWN = ("*bold* _it_ ~gone~ `code`", ":white_check_mark: :approved:", "&lt;@U0&gt; &amp;lt;")
HOSTILE = {**TEXTS, **{text: text for text in (*LINKS, *MRKDWN, "@channel @here #general")}}


def message(kind: str, **changes: Any) -> SlackMessage:
    notice = make_notice(kind, **changes)
    return render_slack(kind, template_context(notice), notice.reader, VALUE)


def everywhere(text: str) -> dict[str, Any]:
    """In every field of a request that has a text."""
    return {
        "action": text,
        "context": text * 3,
        "payload": payload_of(text),
        "context_images": ["https://x.example/a.png"],
        "response_type": {"type": "choose", "choices": [text[:200], "b"], "label": text[:500]},
    }


def check(made: SlackMessage) -> None:
    """By our reading of Slack's reference, and by that of Slack's own library."""
    assert complain_of_blocks(made.blocks, 50) is None
    for block in Block.parse_all(made.blocks):
        block.validate_json()
    assert sum(map(len, texts(made.blocks))) <= MAX_SHOWN
    assert '"mrkdwn"' not in json.dumps(made.blocks)
    for text in texts(made.blocks):
        assert not hidden(text), text


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_an_agent_writes_is_a_message(kind: str, name: str) -> None:
    """Within all limits, with nothing hidden, and taken literally."""
    check(message(kind, **everywhere(HOSTILE[name])))


@pytest.mark.parametrize("name", HOSTILE)
def test_what_an_approver_writes_is_told_so_too(name: str) -> None:
    """Notes, and what is to be done instead."""
    text = HOSTILE[name]
    for payload, data in ((None, {"action": text}), ({"a": 1}, {"payload": payload_of(text)})):
        notice = make_notice("settled", payload=payload)
        outcome = make_outcome(notice.decision, choice="modify", data=data, notes=text * 3)
        told = replace(notice, outcome=outcome)
        check(render_slack("settled", template_context(told), told.reader))


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("text", [*LINKS, "a & b <c>"])
def test_a_notification_mentions_nobody(kind: str, text: str) -> None:
    """It is the one text that Slack formats: nothing in it begins a mention or a link."""
    said = message(kind, action=text).text
    assert "<" not in said
    assert ">" not in said
    assert not re.search(r"&(?!amp;|lt;|gt;)", said)


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("text", [*LINKS, *MRKDWN, TEXTS["a link"]])
def test_the_agents_words_stand_in_quotes_alone(kind: str, text: str) -> None:
    """In what Slack draws as a quote or as data, as a text that it does not format."""
    made = message(kind, action=text, context=text, payload={"a": text})
    for block in made.blocks:
        if block["type"] != "rich_text":
            assert text not in json.dumps(block, ensure_ascii=False)
            continue
        [part] = block["elements"]
        assert part["type"] in ("rich_text_quote", "rich_text_preformatted")
        assert [set(each) for each in part["elements"]] == [{"type", "text"}]
        assert [each["type"] for each in part["elements"]] == ["text"]


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("name", HOSTILE)
def test_every_link_leads_to_us(kind: str, name: str) -> None:
    """However the agent writes one."""
    rows = [
        b["elements"]
        for b in message(kind, **everywhere(HOSTILE[name])).blocks
        if b["type"] == "actions"
    ]
    urls = [button["url"] for row in rows for button in row if "url" in button]
    assert urls
    assert all(url.partition("?")[0] == LINK for url in urls)


def test_letters_of_several_scripts_are_warned_of() -> None:
    """In Slack as on the page, because an answer is given here."""
    made = message("decision-request", action="Pay p\u0430ypal")
    assert any("letters of several scripts" in text for text in texts(made.blocks))


def test_a_row_of_data_passes_for_no_other() -> None:
    """A value with a line break is told as JSON."""
    made = message("decision-request", payload={"to": "Ann\namount: 1", "amount": 999})
    [data] = [each for each in texts(made.blocks) if "999" in each]
    assert '"Ann\\namount: 1"' in data


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({}, True),
        ({"action": "x" * 2_000}, True),
        ({"action": "\u202e" * 2_000}, False),
        ({"action": "x\n" * 100}, False),
        ({"payload": {}}, True),
        ({"payload": {"a": "x" * 500}}, True),
        ({"payload": {"a": "x" * 4_000}}, False),
        ({"payload": wide("x")}, False),
        ({"context": "x" * 50_000}, True),
    ],
)
def test_what_would_be_done_is_shown_whole_or_approved_elsewhere(
    changes: dict[str, Any], *, whole: bool
) -> None:
    """The background may be cut, what is agreed to may not."""
    notice = make_notice(**changes)
    assert is_whole(notice.decision.request) is whole
    made = render_slack("decision-request", template_context(notice), notice.reader, VALUE)
    rows = [block["elements"] for block in made.blocks if block["type"] == "actions"]
    names = {button["action_id"] for button in rows[0]}
    assert ("approve" in names, "open.approve" in names) == (whole, not whole)
    assert "deny" in names
    assert any("continued on the page" in text for text in texts(made.blocks)) is (
        not whole or "context" in changes
    )
    check(made)


def requests(text: str) -> list[tuple[DecisionRequest, str]]:
    """One for each form, with this text wherever an agent chooses one."""
    types: list[dict[str, Any]] = [
        {"type": "choose", "choices": [text[:200], "b"], "label": text[:500]},
        {
            "type": "text_input",
            "fields": [{"name": "a", "label": text[:200], "placeholder": text[:200]}],
        },
        {
            "type": "number_input",
            "label": text[:500],
            "min": -1e30,
            "max": 1e30,
            "placeholder": text[:200],
        },
        {"type": "schedule", "label": text[:500]},
        {"type": "confirm"},
    ]
    asked = [
        (make_notice(action=text, response_type=each).decision.request, "approve") for each in types
    ]
    plain = make_notice(action=text).decision.request
    changed = make_notice(
        action=text, payload={text[:200]: "x", "a": text, "n": 1.5}
    ).decision.request
    return [*asked, (plain, "note"), (plain, "modify"), (changed, "modify")]


@pytest.mark.parametrize("language", ["en", "de", "fr"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_form_that_opens_is_one_that_slack_takes(name: str, language: str) -> None:
    """Whatever the agent asks for, in every language."""
    for request, choice in requests(HOSTILE[name]):
        if choice == "note" or opens_here(request, choice):
            view = answer_modal(request, choice, Reader(language), "m" * 1_500, whole=True)
            assert complain_of_view(view) is None
            for text in texts(view["blocks"]):
                assert not hidden(text), text


@pytest.mark.parametrize(
    ("options", "type", "whole", "offered"),
    [
        (["approve", "deny", "modify"], "approve_deny", True, ["approve", "deny"]),
        (["approve", "deny"], "approve_deny", False, ["deny"]),
        (["approve", "deny"], "number_input", True, ["deny"]),
        (["approve"], "number_input", True, []),
    ],
)
def test_a_note_comes_with_an_answer_that_needs_no_more(
    options: list[str], type: str, offered: list[str], *, whole: bool
) -> None:
    """Where there is none, nobody is offered one."""
    request = make_notice(options=options, response_type={"type": type}).decision.request
    assert noted(request, whole=whole) == offered


@pytest.mark.parametrize("text", ["", " ", "\n\n", "x" * 5_000, "a\u202eb"])
def test_a_text_fits(text: str) -> None:
    """It is never empty, never too long, and hides nothing."""
    shown = blocks.plain(text, 150)["text"]
    assert 0 < len(shown) <= 150
    assert not hidden(shown)
