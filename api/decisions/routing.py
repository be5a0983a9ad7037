"""The channels by which each approver of a new decision is asked."""

from __future__ import annotations

from collections.abc import Sequence

from api.decisions.approvers import addresses_of
from handover.addresses import one_form
from handover.models import Channel, ChannelStep, DecisionRequest
from store.approvers import Approvers, Use

Routes = dict[str, list[ChannelStep]]


async def routes_of(
    approvers: Approvers, request: DecisionRequest, lacking_for_slack: Sequence[str]
) -> Routes:
    """Return the channels of those who have set them for this urgency, unless the agent named a
    channel itself.

    What they have set and is not to be had any more is left out: then the rest of it holds.
    """
    if "channel" in request.model_fields_set:
        return {}
    set_by_them = await _steps(approvers, request)
    by_webhook = [who for who, steps in set_by_them.items() if _names(steps, Channel.WEBHOOK)]
    without = await approvers.without_webhook(by_webhook) if by_webhook else []

    def is_there(address: str, channel: str) -> bool:
        match channel:
            case Channel.SLACK:
                return not lacking_for_slack
            case Channel.WEBHOOK:
                return address not in without
            case _:
                return True

    left = {
        address: [step for step in steps if is_there(address, step["channel"])]
        for address, steps in set_by_them.items()
    }
    return {address: _from_now(steps) for address, steps in left.items() if steps}


def channels_at_once(request: DecisionRequest, routes: Routes) -> set[str]:
    """Return the channels by which those are asked at once who are asked first."""
    steps = [step for who in request.approvers for step in routes.get(who, request.channels)]
    return {step.channel for step in steps if not step.after_minutes}


async def _steps(approvers: Approvers, request: DecisionRequest) -> dict[str, list[Use]]:
    settings = await approvers.find_all(addresses_of(request))
    known = {address: settings.get(one_form(address)) for address in addresses_of(request)}
    return {
        address: (preferences.channels or {}).get(request.urgency, [])
        for address, preferences in known.items()
        if preferences
    }


def _from_now(steps: Sequence[Use]) -> list[ChannelStep]:
    """Move the steps forward, so that the first is at once, whatever came before it."""
    waited = min(step["after_minutes"] for step in steps)
    return [
        ChannelStep(channel=step["channel"], after_minutes=step["after_minutes"] - waited)
        for step in steps
    ]


def _names(steps: Sequence[Use], channel: str) -> bool:
    return any(step["channel"] == channel for step in steps)
