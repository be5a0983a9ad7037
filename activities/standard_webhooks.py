"""Requests after the Standard Webhooks: to agents about outcomes, to approvers' systems about
questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python
from standardwebhooks import Webhook

LIMIT_SECONDS = 20.0
"""Seconds for one attempt. It stays within `options.ATTEMPT_TIMEOUT`, with the reading before and
the report after it."""

USER_AGENT = "Handover (Standard Webhooks)"


@dataclass(frozen=True, slots=True)
class Event:
    """One request, the same on every attempt. By `id` receivers recognise a repeated one."""

    id: str
    body: str

    def headers(self, secrets: Sequence[str], at: datetime) -> dict[str, str]:
        """Return the headers with a signature by each secret, so that one can be exchanged while
        others are in use."""
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": self.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(
                Webhook(each).sign(self.id, at, self.body) for each in secrets
            ),
        }


def event(about: Sequence[str], type: str, timestamp: object, data: Mapping[str, Any]) -> Event:
    """Return the event. `about` names its subject, and reveals nothing else."""
    named = hashlib.sha256("\n".join(about).encode()).hexdigest()
    said = {"type": type, "timestamp": timestamp, "data": data}
    body = json.dumps(to_jsonable_python(said), ensure_ascii=False, separators=(",", ":"))
    return Event(id=f"msg_{named[:32]}", body=body)
