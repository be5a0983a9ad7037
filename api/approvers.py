"""Whom a key may have asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from api.errors import Forbidden, invalid
from handover.models import Channel, ChannelStep, DecisionRequest
from store.approvers import Approvers
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


def check_slack(lacking: Sequence[str], request: DecisionRequest) -> None:
    """Raises `Invalid` where somebody is to be asked in Slack, for which settings are `lacking`."""
    if lacking and Channel.SLACK in _names(request.channels):
        raise invalid(
            "channel",
            f"'slack' is not set up here: an operator has to set {' and '.join(lacking)};"
            " until then, use 'email'.",
        )


async def check_webhooks(approvers: Approvers, request: DecisionRequest) -> None:
    """Raises `Invalid` where somebody is to be asked by a webhook and none is set for them."""
    if Channel.WEBHOOK not in _names(request.channels):
        return
    if lacking := await approvers.without_webhook(addresses_of(request)):
        raise invalid(
            "channel",
            f"no webhook is set for {', '.join(lacking)}. An administrator sets `webhook_url` with"
            " PUT /approvers/{address}; without one, use 'email'.",
        )


def addresses_of(request: DecisionRequest) -> list[str]:
    """Everybody who may be asked, each once."""
    return list(dict.fromkeys(address for _, address in _approvers(request)))


def _names(steps: Sequence[ChannelStep]) -> list[str]:
    return [step.channel for step in steps]


def _approvers(request: DecisionRequest) -> Iterator[tuple[str, str]]:
    given = request.approver
    if isinstance(given, str):
        yield "approver", given
    else:
        yield from ((f"approver.{number}", each) for number, each in enumerate(given))
    for index, step in enumerate(request.escalation or ()):
        for number, each in enumerate(step.approvers):
            yield f"escalation.{index}.approvers.{number}", each
