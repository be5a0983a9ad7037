"""SendGrid's Event Webhook, played: events as it tells them, signed as it signs them."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

import httpx2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests import web

MORE: dict[str, dict[str, Any]] = {
    "processed": {},
    "deferred": {"response": "450 4.2.1 Mailbox busy", "attempt": "1"},
    "delivered": {"response": "250 2.0.0 OK", "tls": 1, "ip": "192.0.2.1"},
    "bounce": {
        "reason": "550 5.1.1 No such user",
        "status": "5.1.1",
        "type": "bounce",
        "bounce_classification": "Invalid Address",
        "tls": 1,
        "ip": "192.0.2.1",
    },
    "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
    "spamreport": {},
    "open": {"useragent": "Mozilla/5.0", "ip": "192.0.2.1", "sg_machine_open": False},
    "click": {"url": "https://example.com/", "useragent": "Mozilla/5.0", "ip": "192.0.2.1"},
}
"""What the documentation lists for each kind of event, beside what all have."""


def event(kind: str, mail: dict[str, Any], message_id: str, **changes: Any) -> dict[str, Any]:
    """One event about a mail that SendGrid took, and which `X-Message-Id` it returned."""
    [personalization] = mail["personalizations"]
    return {
        "email": personalization["to"][0]["email"],
        "timestamp": int(time.time()),
        "smtp-id": mail["headers"]["Message-ID"],
        "event": kind,
        "sg_event_id": secrets.token_urlsafe(24),
        "sg_message_id": f"{message_id}.recvd-5f54b5d587-pczjm-1-67BADEEA-6.0",
        **mail["custom_args"],
        **MORE[kind],
        **changes,
    }


class EventWebhook:
    """Posts events to a service, with a key of its own."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """As SendGrid shows it in its settings."""
        info = PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self._key.public_key().public_bytes(Encoding.DER, info)).decode()

    def headers(self, body: bytes, at: float | None = None) -> dict[str, str]:
        timestamp = str(int(time.time() if at is None else at))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": "application/json",
            "User-Agent": "SendGrid Event API",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }

    async def post(
        self, base_url: str, events: Any, at: float | None = None, **headers: str
    ) -> httpx2.Response:
        """In the form in which SendGrid writes its batches: one event a line."""
        body = b"[" + b",\r\n".join(json.dumps(each).encode() for each in events) + b"]\r\n"
        return await self.send(base_url, body, self.headers(body, at) | headers)

    async def send(self, base_url: str, body: bytes, headers: dict[str, str]) -> httpx2.Response:
        async with web.client(timeout=60) as client:
            url = f"{base_url}/events/sendgrid"
            return await client.post(url, content=body, headers=headers)
