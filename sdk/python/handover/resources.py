"""The resources of the API: `client.decisions`, blocking and asynchronous."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict, Unpack

from . import _decisions as steps
from ._http import AsyncExchange, Exchange, run, run_async
from ._options import Options
from .models import AuditEntry, Channel, Choice, Decision, EscalationStep, ResponseType, Urgency

ChannelName = Channel | Literal["email", "slack", "webhook"]
OptionName = Choice | Literal["approve", "deny", "modify"]
UrgencyName = Urgency | Literal["low", "medium", "high", "critical"]


class DecisionFields(TypedDict, total=False):
    """What a decision is asked with. What is left out, or None, is the service's default."""

    action: Required[str]
    """What the agent wants to do, in words that the approver understands."""
    approver: Required[str | Sequence[str]]
    """Who is asked first: an e-mail address, or several."""
    context: str | None
    """Background that the approver needs to decide."""
    urgency: UrgencyName | None
    """`medium` where nothing is said."""
    timeout_minutes: float | None
    """Minutes until nobody's answer means no; 60 where nothing is said."""
    escalation: Sequence[EscalationStep | Mapping[str, Any]] | None
    """Backup approvers, each step `after_minutes` from creation, within the timeout."""
    channel: ChannelName | Sequence[ChannelName] | None
    """How approvers are reached: `email` where nothing is said."""
    options: Sequence[OptionName] | None
    """What the approver may press. Where nothing is said: all three, and for a `response_type` that
    asks for a value `approve` and `deny`."""
    payload: Mapping[str, Any] | None
    """The exact arguments of the action. This is what `modify` edits; what may run then is
    `response_data["payload"]`."""
    response_type: ResponseType | Mapping[str, Any] | None
    """The kind of answer asked for; approve or deny where nothing is said."""
    context_images: Sequence[str] | None
    """Up to five http(s) URLs of images to show."""
    attachment_ids: Sequence[str] | None
    """Files uploaded before."""
    callback_url: str | None
    """Where to tell the outcome; `create` does not wait then."""
    enforce: bool | None
    """Raise `ActionDenied` unless the action is permitted."""
    metadata: Mapping[str, str] | None
    """Echoed back with the decision, and shown to operators."""
    remind_after_minutes: float | None
    """When those are reminded who have not answered, from when they were asked; what suits the
    urgency where nothing is said."""
    remind_every_minutes: float | None
    """From one reminder to the next."""
    max_reminders: int | None
    """To each who is asked, up to 10; 0 for none."""


class Decisions:
    """Decisions, blocking."""

    def __init__(self, options: Options, exchange: Exchange) -> None:
        self._options = options
        self._exchange = exchange

    def create(
        self,
        *,
        wait: bool = True,
        idempotency_key: str | None = None,
        **fields: Unpack[DecisionFields],
    ) -> Decision:
        """Ask people to decide, and wait until the decision is settled.

        It waits for as long as the decision lives, through dropped connections and restarts of the
        service. With `wait=False` or a `callback_url` it returns the pending decision at once.

        `idempotency_key` makes a repeated call, also from another process, find the decision of
        the first one instead of asking again. Without it, each call asks.

        Raises `ActionDenied` when `enforce` is set and the action is not permitted, an `APIError`
        when the service refuses the request, and `APIConnectionError` when it cannot be reached.
        """
        asked = checked_fields(fields)
        return run(
            self._exchange,
            steps.create(self._options, asked, wait=wait, idempotency_key=idempotency_key),
        )

    def get(self, decision_id: str) -> Decision:
        """The decision as it stands now. Raises `NotFoundError`."""
        return run(self._exchange, steps.get(self._options, decision_id))

    def wait(self, decision_id: str, *, timeout: float | None = None) -> Decision:
        """Wait until the decision is settled.

        Raises `WaitTimeoutError` when it still is not after `timeout` seconds; the decision goes
        on then. Raises `ActionDenied` when it was created with `enforce` and does not permit.
        """
        return run(self._exchange, steps.wait(self._options, decision_id, timeout=timeout))

    def cancel(self, decision_id: str) -> Decision:
        """Withdraw the question. Raises `ConflictError` when the decision is settled already."""
        return run(self._exchange, steps.cancel(self._options, decision_id))

    def audit(self, decision_id: str) -> list[AuditEntry]:
        """Everything that happened to the decision, in order."""
        return run(self._exchange, steps.audit(self._options, decision_id))


class AsyncDecisions:
    """Decisions, in an event loop: the same methods, to be awaited."""

    def __init__(self, options: Options, exchange: AsyncExchange) -> None:
        self._options = options
        self._exchange = exchange

    async def create(
        self,
        *,
        wait: bool = True,
        idempotency_key: str | None = None,
        **fields: Unpack[DecisionFields],
    ) -> Decision:
        """As `Decisions.create`. Cancelling the task stops the waiting, not the decision."""
        asked = checked_fields(fields)
        return await run_async(
            self._exchange,
            steps.create(self._options, asked, wait=wait, idempotency_key=idempotency_key),
        )

    async def get(self, decision_id: str) -> Decision:
        """As `Decisions.get`."""
        return await run_async(self._exchange, steps.get(self._options, decision_id))

    async def wait(self, decision_id: str, *, timeout: float | None = None) -> Decision:  # noqa: ASYNC109 - the same signature as the blocking client
        """As `Decisions.wait`."""
        return await run_async(
            self._exchange, steps.wait(self._options, decision_id, timeout=timeout)
        )

    async def cancel(self, decision_id: str) -> Decision:
        """As `Decisions.cancel`."""
        return await run_async(self._exchange, steps.cancel(self._options, decision_id))

    async def audit(self, decision_id: str) -> list[AuditEntry]:
        """As `Decisions.audit`."""
        return await run_async(self._exchange, steps.audit(self._options, decision_id))


def checked_fields(fields: DecisionFields) -> dict[str, Any]:
    """The fields, with the TypeError that Python itself raises for a wrong keyword."""
    if unknown := sorted(fields.keys() - DecisionFields.__annotations__.keys()):
        raise TypeError(f"create() got an unexpected keyword argument {unknown[0]!r}")
    if missing := sorted(DecisionFields.__required_keys__ - fields.keys()):
        raise TypeError(f"create() needs the keyword argument {missing[0]!r}")
    return dict(fields)
