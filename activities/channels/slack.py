"""The Slack channel: a direct message with buttons, which becomes the outcome once there is one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from activities.channels.email import template_context
from activities.channels.errors import (
    DeferredError,
    DeliveryError,
    RefusedError,
    UndeliverableError,
)
from activities.channels.notice import Notice
from activities.deliveries import STORE_TIMEOUT, delivery_key
from handover.addresses import Address
from handover.models import Channel
from links import LinkKeys, SlackLink
from slack_app.web import SlackError, SlackWeb
from templates import render_slack
from workflows.messages import SendNotificationInput
from workflows.state import shown_digest_of

REMEMBERED = 3_600.0
"""Seconds for which a process remembers a person's Slack user."""

MOST_REMEMBERED = 10_000

QUESTIONS = ("decision-request", "escalation")

GONE = (
    *("message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"),
    *("is_inactive", "block_mismatch"),
)
"""Slack's codes for a message that can no longer be changed: it was deleted, or the workspace
forbids it."""

NO_THREAD = (
    *("cannot_reply_to_message", "restricted_action_thread_locked"),
    "restricted_action_non_threadable_channel",
)
"""Slack's codes for a message that takes no replies."""

ADVICE = {
    "missing_scope": "Give the app the scopes of the manifest in docs/channels.md, and install it"
    " again.",
    "messages_tab_disabled": "Turn the app's Messages tab on (App Home).",
}
TOKEN = (
    *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
    *("not_allowed_token_type", "no_permission"),
)


class SentMessages(Protocol):
    """The messages that were sent before, as `DeliveryLog` has them."""

    async def find(self, key: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in Slack, and our conversation with them; `until` is a time of the monotonic
    clock."""

    team_id: str
    user_id: str
    conversation: str
    until: float


class SlackChannel:
    provider = "slack"

    def __init__(self, web: SlackWeb, links: LinkKeys, sent: SentMessages) -> None:
        self._web = web
        self._links = links
        self._sent = sent
        self._people: dict[str, Person] = {}

    async def send(self, notice: Notice) -> str:
        """Send the message and return `<conversation>:<time stamp>`, by which Slack knows it."""
        try:
            return await self._send(notice)
        except SlackError as error:
            if error.kind == "recipient":
                # Their account may have moved; the next decision looks anew.
                self._people.pop(notice.address.compared, None)
            raise delivery_error(error) from error

    async def check(self) -> None:
        try:
            await self._web.read("auth.test")
        except SlackError as error:
            raise delivery_error(error) from error

    async def _send(self, notice: Notice) -> str:
        match notice.message:
            case "settled":
                return await self._change(notice)
            case "receipt":
                await self._change(notice, only_if_there=True)
                return await self._reply(notice)
            case "reminder":
                return await self._reply(notice, also_in_sight=True)
            case _:
                return await self._post(notice)

    async def _post(self, notice: Notice, where: Mapping[str, object] | None = None) -> str:
        """Post a message of its own, or with `where` a reply to another."""
        person = await self._person(notice.address)
        sent = await self._web.write(
            "chat.postMessage",
            channel=person.conversation,
            **self._content(notice, notice.message, person),
            **(where or {}),
            unfurl_links=False,
            unfurl_media=False,
        )
        return f"{told(sent, 'channel')}:{told(sent, 'ts')}"

    async def _reply(self, notice: Notice, *, also_in_sight: bool = False) -> str:
        """Reply in the thread of the question, and in the conversation, since a thread alone is
        easily overlooked."""
        asked = await self._asked(notice)
        if asked is None:
            return await self._post(notice)
        where: dict[str, object] = {"thread_ts": asked.rpartition(":")[2]}
        if also_in_sight:
            where["reply_broadcast"] = True
        try:
            return await self._post(notice, where=where)
        except SlackError as error:
            if error.code not in NO_THREAD:
                raise
            return await self._post(notice)

    async def _change(self, notice: Notice, *, only_if_there: bool = False) -> str:
        """Turn the question into the outcome, which is posted anew if there is no question."""
        asked = await self._asked(notice)
        if asked:
            conversation, _, ts = asked.rpartition(":")
            try:
                content = self._content(notice, "settled")
                await self._web.write("chat.update", channel=conversation, ts=ts, **content)
            except SlackError as error:
                if error.code not in GONE:
                    raise
            else:
                return asked
        return "" if only_if_there else await self._post(notice)

    def _content(
        self, notice: Notice, message: str, person: Person | None = None
    ) -> dict[str, object]:
        """Return the content. An approver who is asked is a `person`, to whom the buttons
        belong."""
        value = self._value(notice, person) if person and message in QUESTIONS else ""
        made = render_slack(message, template_context(notice), notice.reader, value)
        # Nothing in the text is to become a link or a mention; the blocks know none.
        return {"text": made.text, "blocks": made.blocks, "parse": "none", "link_names": False}

    def _value(self, notice: Notice, person: Person) -> str:
        shown = shown_digest_of(notice.decision)
        who = (person.team_id, person.user_id)
        return self._links.mint_slack(SlackLink(notice.decision.id, notice.approver, shown, *who))

    async def _asked(self, notice: Notice) -> str | None:
        """Return the message that asked this approver."""
        for message in QUESTIONS:
            sending = SendNotificationInput(
                decision_id=notice.decision.id,
                message=message,
                approver=notice.approver,
                channel=Channel.SLACK,
            )
            try:
                async with asyncio.timeout(STORE_TIMEOUT):
                    found = await self._sent.find(delivery_key(sending))
            except Exception as error:
                raise DeferredError("The store cannot say which message it follows.") from error
            if found:
                return found
        return None

    async def _person(self, address: Address) -> Person:
        now = time.monotonic()
        known = self._people.get(address.compared)
        if known and known.until > now:
            return known
        team_id, user_id = await self._user(address)
        opened = await self._web.write("conversations.open", users=user_id)
        if len(self._people) >= MOST_REMEMBERED:
            self._people.clear()
        person = Person(team_id, user_id, told(opened, "channel", "id"), now + REMEMBERED)
        self._people[address.compared] = person
        return person

    async def _user(self, address: Address) -> tuple[str, str]:
        """Return the user's workspace, and their name there."""
        found = await self._web.read("users.lookupByEmail", email=address.envelope)
        user: Any = found.get("user") or {}
        if user.get("deleted") or user.get("is_bot"):
            raise SlackError("users.lookupByEmail", "user_disabled", "recipient")
        return told(found, "user", "team_id"), told(found, "user", "id")


def told(answer: Any, *path: str) -> str:
    """Return a text of Slack's answer. Raises `DeferredError` if it is missing."""
    for name in path:
        answer = cast(dict[str, Any], answer).get(name) if isinstance(answer, dict) else None
    if not answer or not isinstance(answer, str):
        raise DeferredError(f"Slack's answer lacks {'.'.join(path)}.")
    return answer


def delivery_error(error: SlackError) -> DeliveryError:
    """Return the delivery error that Slack's answer means."""
    match error.kind:
        case "recipient" if error.code == "users_not_found":
            return UndeliverableError("Slack knows nobody with this address.")
        case "recipient":
            return UndeliverableError(f"Slack cannot write to this person ({error.code}).")
        case "busy" if error.code == "unreachable":
            return DeferredError(
                "Slack cannot be reached. Where that stays so, check HANDOVER_SLACK_API_URL, and"
                " that the worker may reach it."
            )
        case "busy":
            return DeferredError(f"Slack asks to try later ({error.code}).", error.retry_after)
        case _ if error.code in TOKEN:
            return RefusedError(
                f"Slack refuses us ({error.code}). Check HANDOVER_SLACK_BOT_TOKEN, and that the app"
                " is still installed in the workspace."
            )
        case _:
            advice = ADVICE.get(error.code, "Check the app's settings, and HANDOVER_SLACK_API_URL.")
            return RefusedError(f"Slack refuses our request ({error}). {advice}")
