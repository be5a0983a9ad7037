"""Somebody in Slack: what their program sends when they press a button or send a form."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx2

from tests import web
from tests.service import RunningService
from tests.slack_blocks import complain_of_view
from tests.slack_server import SIGNING_SECRET, Message, SlackServer, User
from tests.support import eventually


def signed(body: bytes, *, age: float = 0, secret: str = SIGNING_SECRET) -> dict[str, str]:
    """The headers of a request from Slack."""
    at = str(int(time.time() - age))
    mac = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": f"v0={mac}",
    }


def body_of(payload: dict[str, Any]) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


async def send(service: RunningService, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    async with web.client(timeout=30) as client:
        return await client.post(
            f"{service.base_url}/slack/interactions", content=body, headers=headers
        )


class SlackUser:
    """One person in the workspace, with the messages that they have."""

    def __init__(self, slack: SlackServer, service: RunningService, email: str) -> None:
        self.slack = slack
        self.service = service
        self.email = email
        self.user: User = slack.join(email)

    async def question(self) -> Message:
        """The first message to them, as soon as there is one."""
        return (await eventually(lambda: self.slack.sent_to(self.email)))[0]

    def pressing(self, message: Message, action: str, *, trigger_age: float = 0) -> dict[str, Any]:
        """What Slack tells when they press this button, which has to be there."""
        button = message.buttons()[action]
        return {
            "type": "block_actions",
            "api_app_id": "A1",
            "team": {"id": self.user.team_id, "domain": "example"},
            "user": {"id": self.user.id, "username": "somebody", "team_id": self.user.team_id},
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": message.channel,
                "is_ephemeral": False,
            },
            "trigger_id": self.slack.trigger(trigger_age),
            "channel": {"id": message.channel, "name": "directmessage"},
            "actions": [
                {
                    "type": "button",
                    "block_id": "xyz",
                    "action_id": action,
                    "action_ts": "1.2",
                    **{name: button[name] for name in ("value", "text") if name in button},
                }
            ],
        }

    async def press(self, message: Message, action: str, **changes: Any) -> httpx2.Response:
        body = body_of(self.pressing(message, action, **changes))
        return await send(self.service, body, signed(body))

    async def opened(self, message: Message, action: str) -> dict[str, Any]:
        """The form that opens when they press this button."""
        before = len(self.slack.views)
        pressed = await self.press(message, action)
        assert pressed.status_code == 200, pressed.text
        return (await eventually(lambda: self.slack.views[before:]))[0]

    async def submit(self, view: dict[str, Any], **typed: Any) -> dict[str, Any]:
        """What Slack is told when they send this form, filled in as `submitting` says."""
        body = body_of(self.submitting(view, **typed))
        answer = await send(self.service, body, signed(body))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def answer(self, view: dict[str, Any], **typed: Any) -> dict[str, Any]:
        """The same, and once more where Slack is to show first how it is read."""
        told = await self.submit(view, **typed)
        if told.get("response_action") != "update":
            return told
        assert complain_of_view(told["view"]) is None
        return await self.submit(told["view"])

    def submitting(self, view: dict[str, Any], **typed: Any) -> dict[str, Any]:
        """What Slack tells when they send this form. `typed` is by the names of its fields, `__`
        for a dot; what is not typed stays as the form has it."""
        given = {name.replace("__", "."): value for name, value in typed.items()}
        fields = [block for block in view["blocks"] if block["type"] == "input"]
        assert set(given) <= {block["block_id"] for block in fields}, given
        values = {
            block["block_id"]: {
                block["element"]["action_id"]: _state(block, given.get(block["block_id"]))
            }
            for block in fields
        }
        sent = {name: view[name] for name in ("type", "callback_id", "private_metadata", "blocks")}
        return {
            "type": "view_submission",
            "team": {"id": self.user.team_id},
            "user": {"id": self.user.id, "team_id": self.user.team_id},
            "view": {"id": "V1", **sent, "state": {"values": values}},
        }


def _state(block: dict[str, Any], typed: Any) -> dict[str, Any]:
    """A field's value as Slack tells it; Slack itself insists on what is required."""
    element = block["element"]
    match element["type"]:
        case "plain_text_input":
            value = element.get("initial_value") if typed is None else str(typed)
            assert value or block["optional"], f"Slack asks for {block['block_id']}"
            assert len(value or "") <= element.get("max_length", 3_000)
            return {"type": element["type"], "value": value or None}
        case "datetimepicker":
            assert typed or block["optional"], f"Slack asks for {block['block_id']}"
            return {"type": "datetimepicker", "selected_date_time": typed}
        case _:
            options = {option["text"]["text"]: option for option in element["options"]}
            chosen = options[typed] if typed else element.get("initial_option")
            assert chosen or block["optional"], f"Slack asks for {block['block_id']}"
            return {"type": element["type"], "selected_option": chosen}
