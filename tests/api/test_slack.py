"""Answers from Slack, end to end: a real service, and a Slack as strict as its reference."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from api.slack.answers import PATIENCE
from links import SlackLink
from store.keys import AGENT_SCOPES, RESOLVE
from templates import blocks
from tests import web
from tests.api.agent import Agent, in_store, refused_fields, someone
from tests.api.asked import Asked
from tests.api.inboxes import PRESSED, inbox_url, link_keys, page_url
from tests.api.systems import System
from tests.approver import mails, press
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.slack_blocks import complain_of_view
from tests.slack_server import SIGNING_SECRET, TOKEN, Message, SlackServer, refusal
from tests.slack_user import SlackUser, body_of, send, signed
from tests.support import eventually

SHORT = {"HANDOVER_SLACK_BOT_TOKEN": TOKEN, "HANDOVER_SLACK_SIGNING_SECRET": SIGNING_SECRET}


@pytest.fixture(scope="module")
def slack() -> Iterator[SlackServer]:
    server = SlackServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def with_slack(
    dev_server: DevServer, slack: SlackServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service whose Slack is the stand-in."""
    folder = tmp_path_factory.mktemp("slack")
    settings = {**SHORT, "HANDOVER_SLACK_API_URL": slack.url}
    running = RunningService(dev_server.address, folder, **settings)
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def bot(with_slack: RunningService) -> AsyncIterator[Agent]:
    async with Agent.of(with_slack) as agent:
        yield agent


class Case:
    """A decision that asks somebody in Slack."""

    def __init__(self, agent: Agent, user: SlackUser, decision: str, message: Message) -> None:
        self.agent = agent
        self.user = user
        self.decision = decision
        self.message = message

    @classmethod
    async def of(cls, agent: Agent, slack: SlackServer, **fields: Any) -> Case:
        user = SlackUser(slack, agent.service, someone())
        asked = {"approver": user.email, "channel": "slack", **fields}
        decision = (await agent.ask(**asked))["id"]
        return cls(agent, user, decision, await user.question())

    async def read(self) -> dict[str, Any]:
        return await self.agent.get(self.decision)

    async def settled(self) -> dict[str, Any]:
        """The decision, once it is over."""
        return await self.agent.get(self.decision, wait=20)

    async def pending(self) -> None:
        assert (await self.read())["status"] == "pending"

    async def shows(self, words: str) -> None:
        """The question itself has become this, and has nothing left to press."""
        await eventually(lambda: words in self.message.shown)
        assert set(self.message.buttons()) == {"open"}

    def whispers(self) -> list[dict[str, Any]]:
        """What this person alone is told."""
        return [each for each in self.user.slack.whispers if each["user"] == self.user.user.id]

    async def whispered(self, words: str) -> dict[str, Any]:
        """The newest with these words."""

        def found() -> list[dict[str, Any]]:
            return [each for each in self.whispers() if words in json.dumps(each)]

        return (await eventually(found))[-1]

    def refusals(self) -> list[str]:
        """Why attempts counted for nothing."""
        rows = in_store(
            self.agent.service,
            "SELECT reason FROM refused_responses WHERE decision_id = ?",
            self.decision,
        )
        return [reason for (reason,) in rows]


@pytest.mark.parametrize(
    ("choice", "status", "shown"),
    [("approve", "approved", "Approved by"), ("deny", "denied", "Denied by")],
)
async def test_a_press_is_an_answer(
    bot: Agent, slack: SlackServer, choice: str, status: str, shown: str
) -> None:
    """Slack is answered at once, the decision is settled, and the message becomes the outcome."""
    case = await Case.of(bot, slack)
    began = time.monotonic()
    pressed = await case.user.press(case.message, choice)
    assert (pressed.status_code, pressed.content) == (200, b"")
    assert time.monotonic() - began < 3
    decision = await case.settled()
    assert (decision["status"], decision["resolved_by"]) == (status, case.user.email)
    assert decision["proof"]
    await case.shows(shown)


@pytest.mark.parametrize("way", ["a button", "a form"])
async def test_what_slack_was_told_is_kept(
    bot: Agent, slack: SlackServer, temporal: Client, way: str
) -> None:
    """Once Slack has its answer, theirs is in the history: no crash takes it back."""
    case = await Case.of(bot, slack)
    view = await case.user.opened(case.message, "note") if way == "a form" else None
    began = time.monotonic()
    if view:
        assert await case.user.submit(view, choice="Deny", notes="no") == {}
    else:
        await case.user.press(case.message, "deny")
    took = time.monotonic() - began
    events = temporal.get_workflow_handle(case.decision).fetch_history_events()
    attributes = [each.workflow_execution_signaled_event_attributes async for each in events]
    # On a machine that is too slow for it, Slack is not kept waiting.
    assert "respond" in [each.signal_name for each in attributes] or took > PATIENCE
    assert (await case.settled())["status"] == "denied"


async def test_a_receipt_is_in_the_thread(bot: Agent, slack: SlackServer) -> None:
    """Whoever's button was pressed is told, where they would have pressed it."""
    case = await Case.of(bot, slack)
    await case.user.press(case.message, "approve")
    replies = await eventually(lambda: slack.sent_to(case.user.email)[1:])
    assert replies[0].thread == case.message.ts
    assert "Was that you?" in replies[0].shown


async def test_a_message_changes_without_receipts_too(
    dev_server: DevServer, slack: SlackServer, tmp_path: Any
) -> None:
    """An answered question with buttons would be pressed again."""
    settings = {**SHORT, "HANDOVER_SLACK_API_URL": slack.url, "HANDOVER_RECEIPTS": "false"}
    running = RunningService(dev_server.address, tmp_path, **settings)
    await running.start()
    try:
        async with Agent.of(running) as agent:
            case = await Case.of(agent, slack, channel=["slack", "email"])
            await case.user.press(case.message, "approve")
            await case.shows("Approved by")
            assert len(slack.sent_to(case.user.email)) == 1
            assert len(mails(running, case.user.email)) == 1
    finally:
        running.stop()


async def test_who_was_not_asked_cannot_answer(bot: Agent, slack: SlackServer) -> None:
    """Whose button it is stands in it, signed; somebody else is told whom it is for."""
    case = await Case.of(bot, slack)
    stranger = SlackUser(slack, bot.service, someone("eve"))
    theirs = replace(case.message, channel=stranger.user.conversation)
    await stranger.press(theirs, "approve")
    [whisper] = await eventually(
        lambda: [w for w in slack.whispers if w["user"] == stranger.user.id]
    )
    assert f"This question is for {case.user.email}." in json.dumps(whisper)
    assert "/d/" not in json.dumps(whisper)
    await case.pending()


async def test_a_form_that_is_not_theirs_is_refused(bot: Agent, slack: SlackServer) -> None:
    """The same for what is typed into one."""
    case = await Case.of(bot, slack)
    view = await case.user.opened(case.message, "note")
    stranger = SlackUser(slack, bot.service, someone("eve"))
    answer = await stranger.submit(view, choice="Approve")
    assert answer["errors"] == {"choice": f"This question is for {case.user.email}."}
    await case.pending()


ELSEWHERE: dict[str, dict[str, Any]] = {
    "another workspace": {"team": {"id": "T999"}, "team_id": "T999"},
    "an organization's": {"team": None, "team_id": "T999"},
    "nobody's": {"team": None, "team_id": None},
}


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_a_namesake_of_another_workspace_cannot_answer(
    bot: Agent, slack: SlackServer, name: str
) -> None:
    """Slack's ids of people are unique within a workspace only."""
    case = await Case.of(bot, slack)
    view = await case.user.opened(case.message, "note")
    pressed = moved(case.user.pressing(case.message, "approve"), **ELSEWHERE[name])
    typed = moved(case.user.submitting(view, choice="Approve"), **ELSEWHERE[name])
    for payload in (pressed, typed):
        body = body_of(payload)
        answer = await send(bot.service, body, signed(body))
        assert answer.status_code == 200
    assert "This question is for" in answer.text
    await case.whispered(f"This question is for {case.user.email}.")
    await case.pending()


async def test_a_press_in_an_organization(bot: Agent, slack: SlackServer) -> None:
    """Where an app belongs to all of its workspaces, Slack names that of the person alone."""
    case = await Case.of(bot, slack)
    pressed = moved(case.user.pressing(case.message, "approve"), None, case.user.user.team_id)
    body = body_of(pressed)
    await send(bot.service, body, signed(body))
    assert (await case.settled())["status"] == "approved"


def moved(payload: dict[str, Any], team: object, team_id: str | None) -> dict[str, Any]:
    """The same, from there."""
    return {**payload, "team": team, "user": {**payload["user"], "team_id": team_id}}


@pytest.mark.parametrize(
    "how",
    [{"age": 301}, {"age": -330}, {"secret": "another" * 5}],
    ids=["old", "of the future", "forged"],
)
async def test_what_slack_did_not_sign_is_refused(
    bot: Agent, slack: SlackServer, how: dict[str, Any]
) -> None:
    """Or signed more than five minutes ago."""
    case = await Case.of(bot, slack)
    body = body_of(case.user.pressing(case.message, "approve"))
    answer = await send(bot.service, body, signed(body, **how))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_signed")
    await case.pending()


async def test_what_took_its_time_is_taken(bot: Agent, slack: SlackServer) -> None:
    """Clocks differ, and networks are slow: less than five minutes is no reason to refuse."""
    case = await Case.of(bot, slack)
    body = body_of(case.user.pressing(case.message, "approve"))
    assert (await send(bot.service, body, signed(body, age=270))).status_code == 200
    assert (await case.settled())["status"] == "approved"


@pytest.mark.parametrize(
    "change",
    [
        {"X-Slack-Signature": ""},
        {"X-Slack-Request-Timestamp": ""},
        {"X-Slack-Request-Timestamp": "now"},
        {"X-Slack-Request-Timestamp": "9" * 40},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Signature": "v0=" + "0" * 64},
        {"X-Slack-Signature": "v1=x"},
    ],
    ids=str,
)
async def test_headers_that_are_none(
    bot: Agent, slack: SlackServer, change: dict[str, str]
) -> None:
    """Are no signature, and no fault of ours either."""
    body = body_of({"type": "block_actions"})
    answer = await send(bot.service, body, signed(body) | change)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_signed")


async def test_another_body_under_a_good_signature(bot: Agent, slack: SlackServer) -> None:
    """The signature is over the very bytes."""
    case = await Case.of(bot, slack)
    deny = body_of(case.user.pressing(case.message, "deny"))
    approve = body_of(case.user.pressing(case.message, "approve"))
    assert (await send(bot.service, approve, signed(deny))).status_code == 403
    await case.pending()


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"payload=",
            b"payload=%7B",
            b"payload=[]",
            b"x=1",
            b"payload=%7B%7D&payload=%7B%7D",
        ),
        *(b"payload=" + b"[" * 9_000, b'payload={"type":"view_closed","type":"view_closed"}'),
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_what_is_no_interaction(bot: Agent, slack: SlackServer, body: bytes) -> None:
    """Is said to be none."""
    answer = await send(bot.service, body, signed(body))
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_bytes_that_are_no_text(bot: Agent, slack: SlackServer) -> None:
    """Cannot have been signed by Slack."""
    assert (await send(bot.service, b"\xff", signed(b"\xff"))).status_code == 403


@pytest.mark.parametrize("type", ["view_closed", "shortcut", "block_suggestion"])
async def test_what_asks_for_nothing(bot: Agent, slack: SlackServer, type: str) -> None:
    """Is taken without a word."""
    body = body_of({"type": type, "user": {"id": "U1"}})
    answer = await send(bot.service, body, signed(body))
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_value_of_somebody_elses_making(bot: Agent, slack: SlackServer) -> None:
    """A button counts only with what we put into it: a link's token is no button."""
    case = await Case.of(bot, slack, channel=["slack", "email"])
    asked = await eventually(lambda: mails(bot.service, case.user.email))
    part = asked[0].get_body(("plain",))
    assert part
    token = part.get_content().partition("/d/")[2].partition("?")[0].split()[0]
    value = case.message.buttons()["approve"]["value"]
    for forged in (token, value[:-4] + "AAAA", "", "x" * 2_000):
        payload = case.user.pressing(case.message, "approve")
        payload["actions"][0]["value"] = forged
        body = body_of(payload)
        assert (await send(bot.service, body, signed(body))).status_code == 200
    await case.pending()
    link = f"{bot.service.base_url}/d/{value}"
    assert (await bot.http.get(link)).status_code == 404


async def test_the_same_press_again(bot: Agent, slack: SlackServer) -> None:
    """A replay within the five minutes changes nothing, and tells what stands."""
    case = await Case.of(bot, slack)
    body = body_of(case.user.pressing(case.message, "approve"))
    headers = signed(body)
    await send(bot.service, body, headers)
    await case.settled()
    assert (await send(bot.service, body, headers)).status_code == 200
    await case.whispered("This was already recorded.")
    assert (await case.read())["status"] == "approved"


AGAIN = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}


async def test_a_press_that_is_told_twice_at_once(bot: Agent, slack: SlackServer) -> None:
    """Slack repeats what it had no answer to in time: one of them counts."""
    case = await Case.of(bot, slack)
    body = body_of(case.user.pressing(case.message, "approve"))
    headers = signed(body)
    told = await asyncio.gather(
        *(send(bot.service, body, headers | more) for more in ({}, AGAIN, AGAIN))
    )
    assert [each.status_code for each in told] == [200, 200, 200]
    assert (await case.settled())["status"] == "approved"
    await case.shows("Approved by")
    types = [entry["type"] for entry in await bot.audit(case.decision)]
    assert types.count("decision.approved") == 1


async def test_not_me_that_is_told_twice(bot: Agent, slack: SlackServer) -> None:
    """It is no mistake of the person's."""
    backup = SlackUser(slack, bot.service, someone("bob"))
    steps = [{"after_minutes": 30, "approvers": [backup.email]}]
    case = await Case.of(bot, slack, escalation=steps)
    body = body_of(case.user.pressing(case.message, "not_me"))
    headers = signed(body)
    await send(bot.service, body, headers)
    await eventually(lambda: "you are not the one to ask" in case.message.shown)
    await send(bot.service, body, headers | AGAIN)
    await eventually(lambda: case.refusals() == ["not_asked"])
    assert case.whispers() == []
    await eventually(lambda: slack.sent_to(backup.email))
    assert len(slack.sent_to(backup.email)) == 1


async def test_a_form_that_is_told_twice(bot: Agent, slack: SlackServer) -> None:
    """It opens once, and closes also where the answer is known already."""
    case = await Case.of(bot, slack, response_type={"type": "number_input"})
    body = body_of(case.user.pressing(case.message, "approve"))
    headers, before = signed(body), len(slack.views)
    await send(bot.service, body, headers)
    [view] = await eventually(lambda: slack.views[before:])
    await send(bot.service, body, headers | AGAIN)
    await eventually(lambda: "exchanged_trigger_id" in slack.refused)
    assert await case.user.answer(view, value=7) == {}
    assert (await case.settled())["response_data"] == {"value": 7}
    assert await case.user.answer(view, value=7) == {}
    assert case.whispers() == []


async def by_page(case: Case, other: SlackUser) -> None:
    await press(page_url(case.agent.service, other.email, case.decision), "approve")


async def by_slack(case: Case, other: SlackUser) -> None:
    await other.press(await other.question(), "deny")


async def by_an_operator(case: Case, other: SlackUser) -> None:
    scopes = AGENT_SCOPES | {RESOLVE}
    async with await Agent.with_new_key(case.agent.service, scopes=scopes) as operator:
        assert (await operator.resolve(case.decision, "deny")).status_code == 200


async def by_the_agent(case: Case, other: SlackUser) -> None:
    assert (await case.agent.cancel(case.decision)).status_code == 200


async def by_nobody(case: Case, other: SlackUser) -> None:
    """Until its time is over."""


@pytest.mark.parametrize("settle", [by_page, by_slack, by_an_operator, by_the_agent, by_nobody])
async def test_every_message_becomes_the_outcome(
    bot: Agent, slack: SlackServer, settle: Callable[[Case, SlackUser], Awaitable[None]]
) -> None:
    """Of those who were asked at first or later, and of who answered; wherever that was."""
    other, later = (SlackUser(slack, bot.service, someone(name)) for name in ("bob", "carl"))
    first = SlackUser(slack, bot.service, someone())
    decision = await bot.ask(
        approver=[first.email, other.email],
        channel="slack",
        escalation=[{"after_minutes": 0.01, "approvers": [later.email]}],
        timeout_minutes=0.15 if settle is by_nobody else 60,
    )
    questions = [await user.question() for user in (first, other, later)]
    await bot.audited(decision["id"], *["notification.sent"] * 3)
    await settle(Case(bot, first, decision["id"], questions[0]), other)
    assert (await bot.get(decision["id"], wait=20))["status"] != "pending"
    for question in questions:
        await eventually(lambda q=question: (q.versions, set(q.buttons())) == (2, {"open"}))


async def test_settled_elsewhere(bot: Agent, slack: SlackServer) -> None:
    """By another approver's mail: the message changes, and a press that crosses it is too late."""
    other = someone("bob")
    user = SlackUser(slack, bot.service, someone())
    decision = (await bot.ask(approver=[user.email, other], channel=["slack", "email"]))["id"]
    case = Case(bot, user, decision, await user.question())
    late = body_of(case.user.pressing(case.message, "deny"))
    [mail] = await eventually(lambda: mails(bot.service, other))
    part = mail.get_body(("plain",))
    assert part
    link = part.get_content()[part.get_content().index(bot.service.base_url) :].split()[0]
    await press(link.partition("?")[0], "approve")
    await case.shows(f"Approved by {other}")
    await send(bot.service, late, signed(late))
    await case.whispered("Your answer came too late")
    assert (await case.read())["status"] == "approved"


async def test_withdrawn(bot: Agent, slack: SlackServer) -> None:
    """Then there is nothing to press either."""
    case = await Case.of(bot, slack)
    await bot.cancel(case.decision)
    await case.shows("Withdrawn by the agent")


async def test_not_me(bot: Agent, slack: SlackServer) -> None:
    """The next one is asked at once, and the message says that this one is not."""
    backup = SlackUser(slack, bot.service, someone("bob"))
    steps = [{"after_minutes": 30, "approvers": [backup.email]}]
    case = await Case.of(bot, slack, escalation=steps)
    await case.user.press(case.message, "not_me")
    await eventually(lambda: "you are not the one to ask" in case.message.shown)
    question = await backup.question()
    assert "said that this is not for them" in question.shown
    await backup.press(question, "approve")
    assert (await case.settled())["resolved_by"] == backup.email


async def test_an_answer_with_a_note(bot: Agent, slack: SlackServer) -> None:
    """The form asks for both, and closes."""
    case = await Case.of(bot, slack)
    view = await case.user.opened(case.message, "note")
    assert await case.user.submit(view, choice="Deny", notes="Ask me on Monday.\nPlease.") == {}
    decision = await case.settled()
    assert decision["status"] == "denied"
    assert decision["response_notes"] == "Ask me on Monday.\nPlease."
    await case.shows("Ask me on Monday.")


THEN = datetime.now(UTC).replace(microsecond=0, second=0) + timedelta(days=2)

FORMS: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "choose": (
        {"type": "choose", "choices": ["Red", "Gr<b>ün"], "label": "Which?"},
        {"chosen": "Gr<b>ün"},
        {"chosen": "Gr<b>ün"},
    ),
    "choose of many": (
        {"type": "choose", "choices": [f"Number {n}" for n in range(30)]},
        {"chosen": "Number 29"},
        {"chosen": "Number 29"},
    ),
    "text_input": (
        {
            "type": "text_input",
            "fields": [{"name": "choice", "required": True}, {"name": "why", "label": "Why?"}],
        },
        {"field__0": "  a\nb "},
        {"choice": "a\nb"},
    ),
    "number_input": (
        {"type": "number_input", "min": 1, "max": 9.5},
        {"value": "2.50"},
        {"value": 2.5},
    ),
    "schedule, now": ({"type": "schedule"}, {"when": "As soon as it is approved"}, None),
    "schedule, then": (
        {"type": "schedule"},
        {"when": "At this time:", "execute_at": int(THEN.timestamp())},
        {"execute_at": THEN.isoformat().replace("+00:00", "Z")},
    ),
    "schedule without now": (
        {"type": "schedule", "allow_immediate": False},
        {"execute_at": int(THEN.timestamp())},
        {"execute_at": THEN.isoformat().replace("+00:00", "Z")},
    ),
}


@pytest.mark.parametrize("name", FORMS)
async def test_a_form_for_each_type(bot: Agent, slack: SlackServer, name: str) -> None:
    """What is typed is the answer, in the one form that all ways of answering give it."""
    type, typed, data = FORMS[name]
    case = await Case.of(bot, slack, response_type=type)
    view = await case.user.opened(case.message, "approve")
    assert await case.user.answer(view, **typed, notes="fine") == {}
    decision = await case.settled()
    assert decision["status"] in ("approved", "scheduled")
    assert (decision["response_data"], decision["response_notes"]) == (data, "fine")


@pytest.mark.parametrize("type", ["approve_deny", "confirm"])
async def test_what_needs_no_form(bot: Agent, slack: SlackServer, type: str) -> None:
    """Is answered by the button alone."""
    case = await Case.of(bot, slack, response_type={"type": type})
    await case.user.press(case.message, "approve")
    assert (await case.settled())["status"] == "approved"


async def test_files_are_for_the_page(bot: Agent, slack: SlackServer) -> None:
    """The button leads there."""
    case = await Case.of(bot, slack, response_type={"type": "file_upload"})
    url = case.message.buttons()["open.approve"]["url"]
    assert "file" in (await bot.http.get(url)).text
    assert (await case.user.press(case.message, "open.approve")).status_code == 200
    await case.pending()


@pytest.mark.parametrize(
    ("type", "typed", "field", "words"),
    [
        ({"type": "number_input", "max": 5}, {"value": "6"}, "value", "at most 5"),
        ({"type": "number_input"}, {"value": "six"}, "value", "Give a number"),
        ({"type": "schedule"}, {"when": "At this time:"}, "execute_at", "Say when"),
        (
            {"type": "schedule"},
            {"when": "As soon as it is approved", "execute_at": int(THEN.timestamp())},
            "execute_at",
            "take one of them back",
        ),
        (
            {"type": "schedule", "allow_immediate": False},
            {"execute_at": 1_000_000},
            "execute_at",
            "This time has passed",
        ),
        (
            {"type": "text_input", "fields": [{"name": "a"}, {"name": "b", "required": True}]},
            {"field__1": "   "},
            "field.1",
            "Fill this in",
        ),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    bot: Agent,
    slack: SlackServer,
    type: dict[str, Any],
    typed: dict[str, Any],
    field: str,
    words: str,
) -> None:
    """In the sentences of the page; the form stays open, and the record has the attempt."""
    case = await Case.of(bot, slack, response_type=type)
    view = await case.user.opened(case.message, "approve")
    answer = await case.user.submit(view, **typed)
    assert answer["response_action"] == "errors"
    [(name, said)] = answer["errors"].items()
    assert name == field
    assert words in said
    await case.pending()
    assert case.refusals() == ["invalid_answer"]


async def speaks_german(case: Case) -> None:
    settings = f"{inbox_url(case.agent.service, case.user.email)}/settings"
    async with web.client(timeout=30) as browser:
        chosen = {"language": "de", "time_zone": ""} | PRESSED
        assert (await browser.post(settings, data=chosen)).status_code == 200


async def test_a_number_counts_as_it_was_shown(bot: Agent, slack: SlackServer) -> None:
    """What could be two is asked back, and is no attempt; what is read is shown before it counts,
    and shown anew where something else is typed then."""
    case = await Case.of(bot, slack, response_type={"type": "number_input", "min": 1, "max": 2000})
    await speaks_german(case)
    view = await case.user.opened(case.message, "approve")
    assert "Von 1 bis 2000." in json.dumps(view)
    answer = await case.user.submit(view, value="1.500")
    assert answer["errors"]["value"].startswith("„1.500“ kann 1500 oder 1,5 heißen.")
    for typed, read in (("1.234,50", "Gelesen als: 1234,5"), ("7,5", "Gelesen als: 7,5")):
        answer = await case.user.submit(view, value=typed, notes="Bitte")
        assert answer["response_action"] == "update"
        view = answer["view"]
        assert complain_of_view(view) is None
        assert read in json.dumps(view, ensure_ascii=False)
        await case.pending()
    assert await case.user.submit(view) == {}
    decision = await case.settled()
    assert (decision["response_data"], decision["response_notes"]) == ({"value": 7.5}, "Bitte")
    assert case.refusals() == []


async def test_a_changed_payload_is_shown_before_it_counts(bot: Agent, slack: SlackServer) -> None:
    """With what was asked beside it, each number as its reader writes it."""
    case = await Case.of(bot, slack, payload=PAYLOAD | {"wei": 1.2345678901234567e20})
    await speaks_german(case)
    view = await case.user.opened(case.message, "modify")
    assert '"1,5"' in json.dumps(view)
    answer = await case.user.submit(view, payload__0="1.500", payload__1="2,25")
    assert list(answer["errors"]) == ["payload.0"]
    answer = await case.user.submit(view, payload__0="1500", payload__1="2,25", payload__3="false")
    shown = json.dumps(answer["view"], ensure_ascii=False)
    for line in (
        "amount: 1500  (gefragt war: 40)",
        "rate: 2,25  (gefragt war: 1,5)",
        "express: false",
    ):
        assert line in shown
    await case.pending()
    assert await case.user.submit(answer["view"]) == {}
    given = PAYLOAD | {"wei": 1.2345678901234567e20, "amount": 1500, "rate": 2.25, "express": False}
    assert (await case.settled())["response_data"] == {"payload": given}
    assert case.refusals() == []


PAYLOAD: dict[str, Any] = {
    "amount": 40,
    "rate": 1.5,
    "to": "Ann & Bob",
    "express": True,
    "memo": "",
}


async def test_a_changed_payload(bot: Agent, slack: SlackServer) -> None:
    """Each value has its field, keeps its type, and stays as it was where nobody changed it."""
    case = await Case.of(bot, slack, payload=PAYLOAD)
    view = await case.user.opened(case.message, "modify")
    assert await case.user.answer(view, payload__0="25", payload__3="false") == {}
    decision = await case.settled()
    assert decision["status"] == "modified"
    assert decision["response_data"] == {"payload": {**PAYLOAD, "amount": 25, "express": False}}
    await case.shows("amount: 25  (asked: 40)")


@pytest.mark.parametrize("typed", ["many", "true", '"40"', "[1]", "1e400", str(2**60)])
async def test_a_number_stays_one(bot: Agent, slack: SlackServer, typed: str) -> None:
    """Else the field says so."""
    case = await Case.of(bot, slack, payload=PAYLOAD)
    view = await case.user.opened(case.message, "modify")
    answer = await case.user.submit(view, payload__0=typed)
    assert list(answer["errors"]) == ["payload.0"]
    await case.pending()


async def test_another_action(bot: Agent, slack: SlackServer) -> None:
    """Without a payload the action is rewritten in words."""
    case = await Case.of(bot, slack)
    view = await case.user.opened(case.message, "modify")
    assert await case.user.submit(view, action="Refund half of order 1142") == {}
    decision = await case.settled()
    assert decision["status"] == "modified"
    assert decision["response_data"] == {"action": "Refund half of order 1142"}


@pytest.mark.parametrize(
    "payload",
    [{"a": {"b": 1}}, {"a": [1]}, {"a": None}, {"a": " x"}, {"a": "x\u200by"}, {"a": "x" * 3_001}],
)
async def test_a_payload_that_a_form_would_change(
    bot: Agent, slack: SlackServer, payload: dict[str, Any]
) -> None:
    """Is changed on the page."""
    case = await Case.of(bot, slack, payload=payload)
    assert "modify" not in case.message.buttons()
    assert case.message.buttons()["open.modify"]["url"].endswith("?choose=modify")


async def test_what_changed_since_it_was_shown(bot: Agent, slack: SlackServer) -> None:
    """An answer is to what the message says; a file that came later is on the page."""
    case = await Case.of(bot, slack)
    files = {"file": ("a.txt", b"hello", "text/plain")}
    added = await bot.http.post(f"/decisions/{case.decision}/attachments", files=files)
    assert added.status_code == 201, added.text
    await case.user.press(case.message, "approve")
    whisper = await case.whispered("What is asked has changed since it was shown.")
    await case.pending()
    [row] = [block for block in whisper["blocks"] if block["type"] == "actions"]
    assert (await bot.http.get(row["elements"][0]["url"])).status_code == 200


async def test_half_of_a_question_is_not_approved(bot: Agent, slack: SlackServer) -> None:
    """Where the message has no room for all of it, only a no counts from there."""
    case = await Case.of(bot, slack, payload={"text": "x" * 4_000})
    payload = case.user.pressing(case.message, "deny")
    payload["actions"][0]["action_id"] = "approve"
    body = body_of(payload)
    await send(bot.service, body, signed(body))
    await case.whispered("Please answer on the page.")
    await case.pending()
    await case.user.press(case.message, "deny")
    assert (await case.settled())["status"] == "denied"


async def test_a_stopping_service_finishes_what_was_pressed(
    dev_server: DevServer, slack: SlackServer, tmp_path: Any
) -> None:
    """Slack has its answer by then, and nobody presses twice what was taken."""
    settings = {**SHORT, "HANDOVER_SLACK_API_URL": slack.url}
    running = RunningService(dev_server.address, tmp_path, **settings)
    await running.start()
    try:
        async with Agent.of(running) as agent:
            case = await Case.of(agent, slack)
            await case.user.press(case.message, "approve")
            running.end("api")
            await running.start_api()
            assert (await case.settled())["status"] == "approved"
    finally:
        running.stop()


async def test_a_critical_one_is_answered_on_the_page(bot: Agent, slack: SlackServer) -> None:
    """No button in Slack answers, and one made before it was critical would not count."""
    case = await Case.of(bot, slack, urgency="critical")
    assert set(case.message.buttons()) == {"open"}
    assert "/d/" in case.message.buttons()["open"]["url"]
    shown = (await System(bot, case.decision, case.user.email).read())["digest"]
    who = (case.user.user.team_id, case.user.user.id)
    link = SlackLink(case.decision, case.user.email, shown, *who)
    value = link_keys(bot.service).mint_slack(link)
    for number, choice in enumerate(("approve", "deny", "not_me"), start=1):
        row = blocks.actions([blocks.button(choice, "x", value)])
        await case.user.press(replace(case.message, content={"blocks": [row]}), choice)
        await eventually(lambda n=number: case.refusals() == ["needs_code"] * n)
    await case.whispered("Open the page")
    await case.pending()


async def test_a_form_that_opened_too_late(bot: Agent, slack: SlackServer) -> None:
    """Slack's trigger holds for three seconds; the person is told to press again."""
    case = await Case.of(bot, slack, response_type={"type": "number_input"})
    await case.user.press(case.message, "approve", trigger_age=4)
    await case.whispered("Please press the button again.")
    view = await case.user.opened(case.message, "approve")
    assert await case.user.answer(view, value=7) == {}
    assert (await case.settled())["response_data"] == {"value": 7}


async def test_slack_is_answered_before_anything_is_done(bot: Agent, slack: SlackServer) -> None:
    """Also where Slack itself is slow to take what follows; then the page is there."""
    case = await Case.of(bot, slack, response_type={"type": "number_input"})
    slack.hang = True
    try:
        began = time.monotonic()
        assert (await case.user.press(case.message, "approve")).status_code == 200
        assert time.monotonic() - began < 3
    finally:
        slack.hang = False
    await case.pending()


async def test_temporal_is_away(
    dev_server_program: Path, slack: SlackServer, tmp_path: Path
) -> None:
    """Slack has its answer within three seconds, the person is told, and may press again."""
    (tmp_path / "temporal").mkdir()
    temporal = DevServer(dev_server_program, tmp_path / "temporal")
    await temporal.start()
    settings = {**SHORT, "HANDOVER_SLACK_API_URL": slack.url}
    running = RunningService(temporal.address, tmp_path, **settings)
    try:
        await running.start()
        async with Agent.of(running) as agent:
            case = await Case.of(agent, slack)
            view = await case.user.opened(case.message, "note")
            temporal.stop()
            began = time.monotonic()
            assert (await case.user.press(case.message, "approve")).status_code == 200
            assert time.monotonic() - began < 3
            began = time.monotonic()
            answer = await case.user.submit(view, choice="Approve")
            assert time.monotonic() - began < 3
            assert "Nothing was recorded as far as we know" in answer["errors"]["choice"]
            await case.whispered("Nothing was recorded as far as we know")
            await temporal.start()
            await eventually(lambda: running.answers("/readyz"), timeout=60)
            await case.user.press(case.message, "approve")
            assert (await case.settled())["status"] == "approved"
    finally:
        running.stop()
        temporal.stop()


async def test_a_form_that_comes_back_changed(bot: Agent, slack: SlackServer) -> None:
    """What it stands for is signed, and what it asks for is looked at again."""
    case = await Case.of(bot, slack, response_type={"type": "choose", "choices": ["a", "b"]})
    view = await case.user.opened(case.message, "approve")
    metadata = json.loads(view["private_metadata"])
    for changed in ({**metadata, "value": "x"}, {}, {**metadata, "choice": "explode"}):
        await case.user.submit({**view, "private_metadata": json.dumps(changed)}, chosen="a")
    for nothing in ("", "[]", "null", '{"value": 7}'):
        assert await case.user.submit({**view, "private_metadata": nothing}, chosen="a") == {}
    await case.pending()


async def test_somebody_whom_slack_does_not_know(bot: Agent, slack: SlackServer) -> None:
    """Their backup is asked at once."""
    backup = SlackUser(slack, bot.service, someone("bob"))
    steps = [{"after_minutes": 30, "approvers": [backup.email]}]
    await bot.ask(channel="slack", escalation=steps)
    assert "could not be reached" in (await backup.question()).shown


async def test_a_mail_and_a_message_at_once(bot: Agent, slack: SlackServer) -> None:
    """One answer settles both, here from the mail."""
    user = SlackUser(slack, bot.service, someone())
    asked = await Asked.by(bot, approver=user.email, channel=["email", "slack"])
    message = await user.question()
    assert (await asked.send(choice="deny")).status_code == 200
    await eventually(lambda: f"Denied by {user.email}" in message.shown)


async def test_a_slack_that_is_away_for_a_moment(bot: Agent, slack: SlackServer) -> None:
    """The message comes as soon as it can."""
    slack.next("chat.postMessage", refusal("ratelimited", 429, Retry_After="1"))
    slack.next("conversations.open", refusal("internal_error"))
    case = await Case.of(bot, slack)
    assert len(slack.sent_to(case.user.email)) == 1


async def test_without_slack_nobody_is_asked_there(agent: Agent) -> None:
    """The agent is told at once which settings an operator has to make; the route is not there."""
    for channel in ("slack", ["email", "slack"]):
        answer = await agent.post({"action": "x", "approver": someone(), "channel": channel})
        assert refused_fields(answer) == ["channel"]
        assert "HANDOVER_SLACK_BOT_TOKEN and HANDOVER_SLACK_SIGNING_SECRET" in answer.text
    body = body_of({"type": "view_closed"})
    assert (await send(agent.service, body, signed(body))).status_code == 404
