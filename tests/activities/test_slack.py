"""The Slack channel against a Slack that refuses what Slack refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from activities.channels.errors import DeferredError, RefusedError, UndeliverableError
from activities.channels.slack import QUESTIONS, SlackChannel
from links import LinkKeys, SlackLink
from slack_app.web import SlackWeb
from templates import Reader
from tests.activities.samples import ANN, LINK, make_notice, make_outcome
from tests.activities.stores import Sent
from tests.hostile import TEXTS, hidden, payload_of
from tests.proven import FILE
from tests.slack_server import TEAM, TOKEN, Answer, SlackServer, refusal
from tests.support import free_port
from workflows.state import shown_digest_of

LINKS = LinkKeys(["k" * 32])
WHERE = ("users.lookupByEmail", "conversations.open", "chat.postMessage")


@pytest.fixture
def server() -> Iterator[SlackServer]:
    server = SlackServer()
    server.join(ANN)
    yield server
    server.stop()


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def channel(server: SlackServer, sent: Sent) -> SlackChannel:
    return SlackChannel(SlackWeb(TOKEN, server.url, timeout=1), LINKS, sent)


async def ask(server: SlackServer, channel: SlackChannel, sent: Sent, **changes: Any) -> str:
    """A question that Ann has in Slack."""
    message_id = await channel.send(make_notice(channel="slack", **changes))
    sent.remember("decision-request", ANN, message_id)
    return message_id


async def test_a_question_is_a_direct_message(server: SlackServer, channel: SlackChannel):
    """To who has this address, in the conversation with them; its id is where it stands."""
    message_id = await channel.send(make_notice(action="Refund order 1142"))
    [message] = server.sent_to(ANN)
    assert message.id == message_id
    assert server.calls == list(WHERE)
    assert "Refund order 1142" in message.shown
    assert "refund-bot asks you" in message.shown
    assert "Refund order 1142" in message.content["text"]
    assert {"approve", "deny", "modify", "note", "not_me", "open"} == set(message.buttons())


async def test_a_button_stands_for_one_person_and_what_they_were_shown(
    server: SlackServer, channel: SlackChannel
):
    """Its value is signed, and names the user to whom it was sent."""
    notice = make_notice()
    notice = replace(notice, decision=notice.decision.model_copy(update={"attachments": [FILE]}))
    await channel.send(notice)
    [message] = server.sent_to(ANN)
    link = LINKS.read_slack(message.buttons()["approve"]["value"])
    user_id = server.users[ANN].id
    assert link == SlackLink("dec_1", ANN, shown_digest_of(notice.decision), TEAM, user_id)


async def test_somebody_is_looked_up_once(server: SlackServer, channel: SlackChannel):
    """Slack limits how often one may ask who somebody is."""
    for number in range(3):
        await channel.send(make_notice(decision_id=f"dec_{number}"))
    assert server.calls == [*WHERE, "chat.postMessage", "chat.postMessage"]


async def test_a_person_is_who_has_just_this_address(server: SlackServer, channel: SlackChannel):
    """However it is spelled; a domain that folds to theirs is somebody else's."""
    ann, namesake = "ann@xn--strae-oqa.de", "ann@strasse.de"
    server.join(ann)
    server.join(namesake)
    for number, spelling in enumerate(("ann@straße.de", "ANN@xn--strae-oqa.de", namesake)):
        await channel.send(make_notice(decision_id=f"dec_{number}", approver=spelling))
    assert server.calls.count("users.lookupByEmail") == 2
    assert [len(server.sent_to(each)) for each in (ann, namesake)] == [2, 1]


async def test_what_was_remembered_is_forgotten_when_it_is_wrong(
    server: SlackServer, channel: SlackChannel
):
    """An account may be made anew with the same address."""
    await channel.send(make_notice())
    server.join(ANN)
    with pytest.raises(UndeliverableError):
        await channel.send(make_notice(decision_id="dec_2"))
    await channel.send(make_notice(decision_id="dec_3"))
    assert len(server.sent_to(ANN)) == 1


@pytest.mark.parametrize("choice", ["approve", "deny"])
async def test_an_answer_asks_once_more(server: SlackServer, channel: SlackChannel, choice: str):
    """A slip of the finger decides nothing."""
    await channel.send(make_notice())
    [message] = server.sent_to(ANN)
    assert message.buttons()[choice]["confirm"]["confirm"]["text"] in ("Approve", "Deny")


async def test_a_code_is_for_the_page(server: SlackServer, channel: SlackChannel):
    """Where an answer needs a mailed code, no button in Slack answers."""
    notice = make_notice()
    decision = notice.decision.model_copy(update={"step_up": True})
    await channel.send(replace(notice, decision=decision))
    [message] = server.sent_to(ANN)
    assert {name: b.get("url") for name, b in message.buttons().items()} == {"open": LINK}


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "x\n" * 900},
        {"payload": {f"key {n}": "value" * 20 for n in range(60)}},
        {"response_type": {"type": "file_upload"}},
        {"response_type": {"type": "choose", "choices": ["a" * 80, "b"]}},
        {"response_type": {"type": "choose", "choices": [f"{n}" for n in range(101)]}},
        {"response_type": {"type": "guess"}},
    ],
    ids=["a long action", "a large payload", "files", "long choices", "many choices", "unknown"],
)
async def test_what_slack_cannot_show_is_approved_on_the_page(
    server: SlackServer, channel: SlackChannel, changes: dict[str, Any]
):
    """Nobody agrees to what they have seen a part of; a no is always at hand."""
    await channel.send(make_notice(**changes))
    [message] = server.sent_to(ANN)
    buttons = message.buttons()
    assert "approve" not in buttons
    assert buttons["open.approve"]["url"] == f"{LINK}?choose=approve"
    assert "value" in buttons["deny"]


async def test_what_is_cut_says_so(server: SlackServer, channel: SlackChannel):
    """And where the rest is."""
    await channel.send(make_notice(context="because " * 1_000))
    [message] = server.sent_to(ANN)
    assert "continued on the page" in message.shown


async def test_a_reminder_is_in_the_thread_and_in_sight(
    server: SlackServer, channel: SlackChannel, sent: Sent
):
    """The question keeps its buttons, and the reminder has none that answer."""
    asked = await ask(server, channel, sent)
    await channel.send(make_notice("reminder"))
    [_, reminder] = server.sent_to(ANN)
    assert reminder.thread == asked.partition(":")[2]
    assert reminder.content["reply_broadcast"] is True
    assert set(reminder.buttons()) == {"open"}


async def test_a_question_becomes_its_outcome(
    server: SlackServer, channel: SlackChannel, sent: Sent
):
    """The message changes, with the answer and its notes; nothing is left to press."""
    asked = await ask(server, channel, sent)
    assert await channel.send(make_notice("settled")) == asked
    [message] = server.sent_to(ANN)
    assert message.versions == 2
    assert set(message.buttons()) == {"open"}
    assert "Approved by bob@example.com" in message.shown
    assert "Checked with the warehouse." in message.shown


async def test_who_was_asked_by_an_escalation_sees_the_outcome_too(
    server: SlackServer, channel: SlackChannel, sent: Sent
):
    """Their question is another message."""
    asked = await channel.send(make_notice("escalation"))
    sent.remember("escalation", ANN, asked)
    await channel.send(make_notice("settled"))
    [message] = server.sent_to(ANN)
    assert (message.id, message.versions) == (asked, 2)


async def test_a_receipt_is_a_reply_to_what_has_become_the_outcome(
    server: SlackServer, channel: SlackChannel, sent: Sent
):
    """Whoever's buttons were pressed learns of it."""
    asked = await ask(server, channel, sent)
    receipt = await channel.send(make_notice("receipt"))
    [question, reply] = server.sent_to(ANN)
    assert (question.id, question.versions, set(question.buttons())) == (asked, 2, {"open"})
    assert (reply.id, reply.thread) == (receipt, question.ts)
    assert "Was that you?" in reply.shown


@pytest.mark.parametrize(
    "error",
    [
        *("message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"),
        *("channel_not_found", "block_mismatch"),
    ],
)
async def test_an_outcome_is_told_where_there_is_no_question(
    server: SlackServer, channel: SlackChannel, sent: Sent, error: str
):
    """Never sent, or deleted since."""
    await channel.send(make_notice("settled"))
    await ask(server, channel, sent)
    server.next("chat.update", refusal(error))
    await channel.send(make_notice("settled"))
    assert len(server.sent_to(ANN)) == 3


@pytest.mark.parametrize("error", ["cannot_reply_to_message", "restricted_action_thread_locked"])
@pytest.mark.parametrize("message", ["reminder", "receipt"])
async def test_what_cannot_be_a_reply_is_a_message(
    server: SlackServer, channel: SlackChannel, sent: Sent, message: str, error: str
):
    """Whatever a workspace forbids, it is said."""
    await ask(server, channel, sent)
    server.next("chat.postMessage", refusal(error))
    await channel.send(make_notice(message))
    [_, alone] = server.sent_to(ANN)
    assert (alone.thread, alone.content.get("reply_broadcast")) == (None, None)


@pytest.mark.parametrize("message", ["reminder", "receipt"])
async def test_what_follows_a_deleted_question(
    server: SlackServer, channel: SlackChannel, sent: Sent, message: str
):
    """Stands alone."""
    await ask(server, channel, sent)
    server.messages.clear()
    await channel.send(make_notice(message))
    assert [each.thread for each in server.sent_to(ANN)] == [None]


@pytest.mark.parametrize("given", [{"payload": {"amount": 5, "to": "Ann"}}, {"action": "Less"}])
async def test_changes_are_told(
    server: SlackServer, channel: SlackChannel, sent: Sent, given: dict[str, Any]
):
    """What may be done, beside what was asked."""
    payload = {"amount": 10, "to": "Ann"} if "payload" in given else None
    notice = make_notice("settled", payload=payload)
    outcome = make_outcome(notice.decision, choice="modify", data=given)
    await channel.send(replace(notice, outcome=outcome))
    [message] = server.sent_to(ANN)
    assert ("amount: 5  (asked: 10)" if payload else "Less") in message.shown


@pytest.mark.parametrize("message", [*QUESTIONS, "reminder", "settled", "receipt"])
@pytest.mark.parametrize("language", ["de", "fr"])
async def test_messages_are_in_the_readers_language(
    server: SlackServer, channel: SlackChannel, message: str, language: str
):
    """And within Slack's limits in each."""
    everything = {"context": "c", "payload": {"a": 1}, "context_images": ["https://x.example/a"]}
    notice = make_notice(message, **everything)
    await channel.send(replace(notice, reader=Reader(language)))
    [sent] = server.sent_to(ANN)
    assert "the agent’s own words" not in sent.shown  # noqa: RUF001


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("message", ["decision-request", "settled"])
async def test_whatever_an_agent_writes_arrives(
    server: SlackServer, channel: SlackChannel, message: str, name: str
):
    """Slack takes the whole message, and shows nothing that cannot be seen."""
    text = TEXTS[name]
    await channel.send(make_notice(message, action=text, context=text, payload=payload_of(text)))
    [sent] = server.sent_to(ANN)
    assert not hidden(sent.shown)
    assert not {"<", ">"} & set(sent.content["text"])


@pytest.mark.parametrize("method", WHERE)
@pytest.mark.parametrize("error", ["user_not_found", "is_archived", "cannot_dm_bot"])
async def test_who_cannot_be_written_to_is_skipped(
    server: SlackServer, channel: SlackChannel, method: str, error: str
):
    """No retry helps, and the next approver is asked."""
    server.next(method, refusal(error))
    with pytest.raises(UndeliverableError, match=error):
        await channel.send(make_notice())


async def test_who_is_not_in_slack(channel: SlackChannel):
    """The record says it in a sentence."""
    with pytest.raises(UndeliverableError, match="Slack knows nobody with this address"):
        await channel.send(make_notice(approver="eve@example.com"))


@pytest.mark.parametrize("changes", [{"is_deleted": True}, {"is_bot": True}])
async def test_who_reads_nothing(
    server: SlackServer, channel: SlackChannel, changes: dict[str, bool]
):
    """A deactivated account, and a program."""
    server.users[ANN] = replace(server.users[ANN], **changes)
    with pytest.raises(UndeliverableError):
        await channel.send(make_notice())


async def test_a_wrong_token_is_the_operators(server: SlackServer, sent: Sent):
    """And the message says which setting to look at."""
    channel = SlackChannel(SlackWeb("xoxb-wrong", server.url), LINKS, sent)
    with pytest.raises(RefusedError, match="HANDOVER_SLACK_BOT_TOKEN"):
        await channel.send(make_notice())


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("not_authed", "HANDOVER_SLACK_BOT_TOKEN"),
        ("account_inactive", "HANDOVER_SLACK_BOT_TOKEN"),
        ("token_revoked", "HANDOVER_SLACK_BOT_TOKEN"),
        ("missing_scope", "manifest"),
        ("messages_tab_disabled", "Messages tab"),
        ("invalid_blocks", "Check the app"),
        ("an_error_of_tomorrow", "Check the app"),
    ],
)
async def test_what_is_ours_skips_nobody(
    server: SlackServer, channel: SlackChannel, error: str, advice: str
):
    """The next approver's message would be refused just the same: an operator has to look."""
    server.next("chat.postMessage", refusal(error))
    with pytest.raises(RefusedError, match=advice):
        await channel.send(make_notice())


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (refusal("ratelimited", 429, Retry_After="40"), 40),
        (refusal("ratelimited", 429, Retry_After="86400"), 300),
        (refusal("ratelimited", 429, retry_after="7"), 7),
        (refusal("ratelimited", 429, Retry_After="soon"), None),
        (refusal("ratelimited"), None),
        (refusal("internal_error"), None),
        (refusal("service_unavailable", 503), None),
        (refusal("fatal_error"), None),
        (refusal("request_timeout"), None),
        (refusal("team_added_to_org"), None),
        (refusal("org_login_required"), None),
        (Answer("<html>Bad gateway</html>", 502), None),
        (Answer("", 500), None),
    ],
)
async def test_a_busy_slack_says_when_to_come_back(
    server: SlackServer, channel: SlackChannel, answer: Answer, seconds: int | None
):
    """Within bounds, and where it does not say, Temporal's own schedule holds."""
    server.next("chat.postMessage", answer)
    with pytest.raises(DeferredError) as caught:
        await channel.send(make_notice())
    assert caught.value.retry_after == (timedelta(seconds=seconds) if seconds else None)


@pytest.mark.parametrize("method", WHERE)
async def test_an_answer_that_lacks_what_it_is_for(
    server: SlackServer, channel: SlackChannel, method: str
):
    """Is none: it is asked again, and the record says what was missing."""
    server.next(method, Answer({"ok": True}))
    with pytest.raises(DeferredError, match="lacks"):
        await channel.send(make_notice())


@pytest.mark.parametrize("error", ["update_failed", "external_channel_migrating", "ratelimited"])
async def test_a_change_that_fails_for_the_moment(
    server: SlackServer, channel: SlackChannel, sent: Sent, error: str
):
    """Is tried again, and nothing else is said in its place."""
    asked = await ask(server, channel, sent)
    server.next("chat.update", refusal(error))
    with pytest.raises(DeferredError):
        await channel.send(make_notice("settled"))
    assert await channel.send(make_notice("settled")) == asked
    assert len(server.sent_to(ANN)) == 1


async def test_what_is_not_slack(server: SlackServer, channel: SlackChannel):
    """A page of somebody else in its place is for the operator to look at."""
    server.next("users.lookupByEmail", Answer("<html>Please log in</html>"))
    with pytest.raises(RefusedError, match="HANDOVER_SLACK_API_URL"):
        await channel.send(make_notice())


async def test_nobody_retries_but_temporal(server: SlackServer, channel: SlackChannel):
    """One attempt is one call, whatever becomes of it."""
    server.next("users.lookupByEmail", refusal("ratelimited", 429, Retry_After="1"))
    with pytest.raises(DeferredError):
        await channel.send(make_notice())
    assert server.calls == ["users.lookupByEmail"]


async def test_a_silent_slack(server: SlackServer, channel: SlackChannel):
    """Is left, and asked again later."""
    server.hang = True
    with pytest.raises(DeferredError, match="cannot be reached"):
        await channel.send(make_notice())


async def test_no_slack_at_all(sent: Sent):
    """The same."""
    web = SlackWeb(TOKEN, f"http://127.0.0.1:{free_port()}/api/")
    with pytest.raises(DeferredError, match="cannot be reached"):
        await SlackChannel(web, LINKS, sent).send(make_notice())


async def test_a_store_that_is_away_delays_what_follows(
    server: SlackServer, channel: SlackChannel, sent: Sent
):
    """A question is sent without it; what has to find the question waits."""
    sent.is_down = True
    await channel.send(make_notice())
    with pytest.raises(DeferredError):
        await channel.send(make_notice("settled"))


async def test_tokens_and_buttons_are_not_logged(
    channel: SlackChannel, server: SlackServer, caplog: pytest.LogCaptureFixture
):
    """Not even when everything is."""
    caplog.set_level(logging.DEBUG)
    await channel.send(make_notice())
    [message] = server.sent_to(ANN)
    assert TOKEN not in caplog.text
    assert message.buttons()["approve"]["value"] not in caplog.text


async def test_a_check_asks_who_we_are(server: SlackServer, channel: SlackChannel):
    """And nothing else; a token that Slack does not know, and a Slack that is away, are told."""
    await channel.check()
    assert server.calls == ["auth.test"]
    with pytest.raises(RefusedError, match="Check HANDOVER_SLACK_BOT_TOKEN"):
        await SlackChannel(SlackWeb("xoxb-other", server.url, timeout=1), LINKS, Sent()).check()
    away = SlackWeb(TOKEN, f"http://127.0.0.1:{free_port()}/api/", timeout=1)
    with pytest.raises(DeferredError, match="check HANDOVER_SLACK_API_URL"):
        await SlackChannel(away, LINKS, Sent()).check()
