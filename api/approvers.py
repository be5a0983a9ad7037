"""Whom a key may have asked."""

from __future__ import annotations

from collections.abc import Iterator

from api.errors import Forbidden
from handover.models import DecisionRequest
from store.keys import ApiKey


def check_approvers(key: ApiKey, request: DecisionRequest) -> None:
    """Raises `Forbidden`, naming each field with somebody whom this key may not ask."""
    refused = [
        {"field": field, "message": f"this key may not ask {address}."}
        for field, address in _approvers(request)
        if not key.may_ask(address)
    ]
    if refused:
        first = refused[0]
        raise Forbidden(
            f"{first['field']}: {first['message']}", code="approver_not_allowed", errors=refused
        )


def _approvers(request: DecisionRequest) -> Iterator[tuple[str, str]]:
    given = request.approver
    if isinstance(given, str):
        yield "approver", given
    else:
        yield from ((f"approver.{number}", each) for number, each in enumerate(given))
    for index, step in enumerate(request.escalation or ()):
        for number, each in enumerate(step.approvers):
            yield f"escalation.{index}.approvers.{number}", each
