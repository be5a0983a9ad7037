"""`dev_mode`: a service inside the client that asks nobody and approves everything."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from ._base import Answer, Call
from .models import Decision, DecisionRequest, Origin, Status

USERS_LINE = 5
"""Frames from the warning to the line that called `create`, for both kinds of client."""


class DevModeWarning(UserWarning):
    """A decision was approved by `dev_mode`: no person has seen it."""


class DevService:
    """Answers as the service would, from memory and without any network."""

    def __init__(self) -> None:
        self._decisions: dict[str, Decision] = {}
        self._by_key: dict[str, str] = {}

    def answer(self, call: Call) -> Answer:
        match call.method, call.path.split("/")[2:]:
            case "POST", []:
                return self._create(call)
            case "GET", ["handover-keys"]:
                return _answer(200, {"keys": []})
            case "GET", [decision_id] if decision_id in self._decisions:
                return _answer(200, self._decisions[decision_id].model_dump(mode="json"))
            case "POST", [decision_id, "cancel"] if decision_id in self._decisions:
                return _problem(409, "decision_settled", "dev_mode has approved it already")
            case _:
                return _problem(404, "not_found", "dev_mode has no such decision, and no record")

    def _create(self, call: Call) -> Answer:
        try:
            request = DecisionRequest.model_validate_json(call.content or b"")
        except ValidationError as error:
            return _invalid(error)
        key = call.headers["idempotency-key"]
        if key not in self._by_key:
            decision = _approved(request)
            self._by_key[key] = decision.id
            self._decisions[decision.id] = decision
            warnings.warn(
                f"dev_mode approved {decision.id} without asking anybody: {decision.action}",
                DevModeWarning,
                stacklevel=USERS_LINE + 1,
            )
        return _answer(201, self._decisions[self._by_key[key]].model_dump(mode="json"))


class DevExchange:
    """`DevService` for the blocking client."""

    def __init__(self) -> None:
        self._service = DevService()

    def send(self, call: Call) -> Answer:
        return self._service.answer(call)

    def close(self) -> None:
        """There is nothing to close."""


class AsyncDevExchange:
    """`DevService` for the asynchronous client."""

    def __init__(self) -> None:
        self._service = DevService()

    async def send(self, call: Call) -> Answer:
        return self._service.answer(call)

    async def close(self) -> None:
        """There is nothing to close."""


def _approved(request: DecisionRequest) -> Decision:
    now = datetime.now(UTC)
    return Decision(
        **request.model_dump(exclude={"attachment_ids", "callback_url", "escalation", "channel"}),
        id=f"dec_dev_{uuid4().hex}",
        status=Status.APPROVED,
        approved=True,
        action_permitted=True if request.enforce else None,
        origin=Origin.DEV,
        created_at=now,
        resolved_at=now,
        expires_at=now + timedelta(minutes=request.timeout_minutes),
    )


def _invalid(error: ValidationError) -> Answer:
    errors = [
        {"field": ".".join(map(str, found["loc"])), "message": found["msg"]}
        for found in error.errors(include_url=False)
    ]
    return _problem(422, "invalid_request", "the request is not valid", errors=errors)


def _problem(status: int, code: str, sentence: str, **more: object) -> Answer:
    return _answer(status, {"status": status, "code": code, "error": sentence, **more})


def _answer(status: int, body: Mapping[str, Any]) -> Answer:
    return Answer(status, {}, json.dumps(body).encode(), took=0.0)
