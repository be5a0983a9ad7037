"""Checks of the approvers whom a request names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from api.problems.errors import Forbidden, Invalid, invalid
from handover.addresses import Address, one_form
from handover.models import Channel, ChannelStep, DecisionRequest
from store.approvers import Approvers
from store.keys import ApiKey


def check_approvers(key: ApiKey, request: DecisionRequest) -> None:
    """Raise `Forbidden`, naming each field with somebody whom this key may not ask."""
    refused = [
        {"field": field, "message": f"this key may not ask {address}."}
        for field, address in named(request)
        if not key.may_ask(address)
    ]
    if refused:
        first = refused[0]
        raise Forbidden(
            f"{first['field']}: {first['message']}", code="approver_not_allowed", errors=refused
        )


def check_places(local_domains: Collection[str], named: Iterable[tuple[str, str]]) -> None:
    """Raise `Invalid`, naming each field with an address, or an `@domain`, of a network of one's
    own that is none of `local_domains`."""
    refused = [
        {
            "field": field,
            "message": f"{text} is in a network of its own, which no mail from the internet gets"
            " to. Where it is yours, an operator allows its domain with HANDOVER_LOCAL_DOMAINS.",
        }
        for field, text in named
        if not is_allowed_place(local_domains, text)
    ]
    if refused:
        raise Invalid(f"{refused[0]['field']}: {refused[0]['message']}", errors=refused)


def is_allowed_place(local_domains: Collection[str], text: str) -> bool:
    """Return whether mail may be sent to this address, or to those of an `@domain`."""
    address = Address.parse(f"x{text}" if text.startswith("@") else text)
    return not address.is_local or address.is_within(local_domains)


def check_slack(lacking: Sequence[str], request: DecisionRequest) -> None:
    """Raise `Invalid` if somebody is to be asked in Slack, for which settings are `lacking`."""
    if lacking and Channel.SLACK in _names(request.channels):
        raise invalid(
            "channel",
            f"'slack' is not set up here: an operator has to set {' and '.join(lacking)};"
            " until then, use 'email'.",
        )


async def check_webhooks(approvers: Approvers, request: DecisionRequest) -> None:
    """Raise `Invalid` if somebody is to be asked by a webhook and none is set for them."""
    if Channel.WEBHOOK not in _names(request.channels):
        return
    if lacking := await approvers.without_webhook(addresses_of(request)):
        raise invalid(
            "channel",
            f"no webhook is set for {', '.join(lacking)}. An administrator sets `webhook_url` with"
            " PUT /approvers/{address}; without one, use 'email'.",
        )


def addresses_of(request: DecisionRequest) -> list[str]:
    """Return everybody who may be asked, each once and as they are spelled first."""
    people: dict[str, str] = {}
    for _, address in named(request):
        people.setdefault(one_form(address), address)
    return list(people.values())


def named(request: DecisionRequest) -> Iterator[tuple[str, str]]:
    """Yield each address of a request, with the field that has it."""
    given = request.approver
    if isinstance(given, str):
        yield "approver", given
    else:
        yield from ((f"approver.{number}", each) for number, each in enumerate(given))
    for index, step in enumerate(request.escalation or ()):
        for number, each in enumerate(step.approvers):
            yield f"escalation.{index}.approvers.{number}", each


def _names(steps: Sequence[ChannelStep]) -> list[str]:
    return [step.channel for step in steps]
