"""The resources of the API, `client.decisions` and `client.attachments`, blocking and
asynchronous."""

import asyncio
import builtins
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict, Unpack

from . import _attachments, _claims
from . import _decisions as steps
from ._attachments import File, read_file
from ._http import AsyncExchange, Exchange, run, run_async
from ._options import Options
from .models import (
    Attachment,
    AuditEntry,
    Channel,
    ChannelStep,
    Choice,
    Decision,
    EscalationStep,
    ExecutionStatus,
    ResponseType,
    Status,
    Urgency,
)
from .pages import AsyncDecisionPage, DecisionPage

ChannelName = Channel | Literal["email", "slack", "webhook"]
EndName = ExecutionStatus | Literal["succeeded", "failed", "not_run"]
OptionName = Choice | Literal["approve", "deny", "modify"]
StatusName = (
    Status
    | Literal["pending", "approved", "denied", "modified", "scheduled", "expired", "cancelled"]
)
UrgencyName = Urgency | Literal["low", "medium", "high", "critical"]


class ApprovalFields(TypedDict, total=False):
    """How people are asked, whatever it is about. What is left out, or None, is the service's
    default."""

    urgency: UrgencyName | None
    """`medium` where nothing is said."""
    timeout_minutes: float | None
    """Minutes until nobody's answer means no; 60 where nothing is said."""
    escalation: Sequence[EscalationStep | Mapping[str, Any]] | None
    """Backup approvers, each step `after_minutes` from creation, within the timeout."""
    channel: ChannelName | Sequence[ChannelName | ChannelStep | Mapping[str, Any]] | None
    """How approvers are reached, at once or each `after_minutes`. Where nothing is said: as they
    have set it, else `email`."""
    options: Sequence[OptionName] | None
    """What the approver may press. Where nothing is said: all three, and for a `response_type` that
    asks for a value `approve` and `deny`."""
    response_type: ResponseType | Mapping[str, Any] | None
    """The kind of answer asked for; approve or deny where nothing is said."""
    context_images: Sequence[str] | None
    """Up to five http(s) URLs of images to show."""
    attachment_ids: Sequence[str] | None
    """Files uploaded before."""
    callback_url: str | None
    """Where to tell the outcome; `create` does not wait then."""
    metadata: Mapping[str, str] | None
    """Echoed back with the decision, and shown to operators."""
    remind_after_minutes: float | None
    """When those are reminded who have not answered, from when they were asked; what suits the
    urgency where nothing is said."""
    remind_every_minutes: float | None
    """From one reminder to the next."""
    max_reminders: int | None
    """To each who is asked, up to 10; 0 for none."""


class FurtherFields(ApprovalFields, total=False):
    """What a decision may be asked with. What is left out, or None, is the service's default."""

    context: str | None
    """Background that the approver needs to decide."""
    payload: Mapping[str, Any] | None
    """The exact arguments of the action. This is what `modify` edits; what may run then is
    `response_data["payload"]`."""


class DecisionFields(FurtherFields, total=False):
    """What a decision is asked with. What is left out, or None, is the service's default."""

    action: Required[str]
    """What the agent wants to do, in words that the approver understands."""
    approver: Required[str | Sequence[str]]
    """Who is asked first: an e-mail address, or several."""
    enforce: bool | None
    """Raise `ActionDenied` unless the action is permitted."""


class DecisionFilters(TypedDict, total=False):
    """What a list shows; all that are given have to hold."""

    status: StatusName | None
    approver: str | None
    """The address of somebody who is asked at once or by an escalation."""
    agent: str | None
    """An agent's name; that of another takes a key that sees all."""
    urgency: UrgencyName | None
    created_after: datetime | None
    """With a time zone."""
    idempotency_key: str | None
    """The one decision that was asked with this key. It is found without any lag."""
    limit: int | None
    """The most that one page has: up to 100, 20 where nothing is said."""


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
        asked = checked(fields, DecisionFields, "create")
        waits = wait and not asked.get("callback_url")
        return run(
            self._exchange,
            steps.create(self._options, asked, wait=waits, idempotency_key=idempotency_key),
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

    def list(
        self, *, cursor: str | None = None, **filters: Unpack[DecisionFilters]
    ) -> DecisionPage:
        """The first page of this agent's decisions; of all agents', with a key that resolves.

        Open ones come first, the newest on top, then those that ended, the last one first. All
        filters that are given have to hold. Iterating over the page fetches the further ones as it
        gets to them; `cursor` is the `next_cursor` of a page to go on from. Lists lag some seconds
        behind; `get` is exact.
        """
        asked = checked(filters, DecisionFilters, "list")
        return DecisionPage.fetch(self._options, self._exchange, asked, cursor)

    def resolve(
        self,
        decision_id: str,
        action: OptionName,
        *,
        notes: str | None = None,
        response_data: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Answer in an approver's place, with a key that may (`decisions:resolve`).

        `response_data` is what the response type asks for; for `modify` it is `{"payload": …}`, or
        `{"action": …}` where the decision has no payload. The decision is still pending where no
        worker of the service has heard of the answer yet; it counts from the moment it came.

        Raises `PermissionDeniedError`, also for what this key's own agent asked, `ConflictError`
        when the decision is settled, and `InvalidRequestError` when the answer does not fit.
        """
        return run(
            self._exchange,
            steps.resolve(
                self._options, decision_id, action, notes=notes, response_data=response_data
            ),
        )

    def cancel(self, decision_id: str, *, notes: str | None = None) -> Decision:
        """Withdraw the question. Raises `ConflictError` when the decision is settled already.

        It is still pending where no worker of the service has heard of it yet.
        """
        return run(self._exchange, steps.cancel(self._options, decision_id, notes=notes))

    def extend(self, decision_id: str, *, timeout_minutes: float) -> Decision:
        """Give more time: until `timeout_minutes` from now.

        Raises `InvalidRequestError` (`not_longer`) unless that is later than `expires_at`, and
        `ConflictError` when the decision is settled.
        """
        return run(self._exchange, steps.extend(self._options, decision_id, timeout_minutes))

    def claim(
        self,
        decision_id: str,
        *,
        claim_id: str | None = None,
        worker: str | None = None,
        instead_of: str | None = None,
    ) -> Decision:
        """Take the one run that a decision permits, before its action runs.

        Of all who claim, one gets the decision back, with its `execution`; what may run then is
        `permitted_payload(decision)`. How it ended is told with `done`.

        `claim_id` names the claim: the same again is the same claim, until it is reported. Where
        none is given it is made up, so that two calls are two claims; but a call whose answer was
        lost is repeated under the same name, also by this process's next call. `worker` is told to
        whoever comes second; this machine and process, where nothing is said. `instead_of` is the
        name of a claim that failed, or whose worker has died, and may have run some of the action:
        this one takes its place, and nobody else's.

        Raises `AlreadyClaimed`, and `ActionDenied` where the decision does not permit its action.
        """
        return run(
            self._exchange,
            _claims.claim(
                self._options,
                decision_id,
                claim_id=claim_id,
                worker=worker,
                instead_of=instead_of,
            ),
        )

    def done(
        self, decision_id: str, status: EndName, *, claim_id: str, result: str | None = None
    ) -> Decision:
        """Tell the record how the run of this claim ended: `execution.claim_id` names it.

        `result` is in short, up to 1,000 characters. With `not_run` the action did not run after
        all, and may be claimed again. A service that is away is waited for, 15 seconds at most.

        Raises `ConflictError` where it was reported otherwise, and where there is no such claim.
        """
        return run(
            self._exchange,
            _claims.done(self._options, decision_id, status, claim_id=claim_id, result=result),
        )

    def audit(self, decision_id: str) -> builtins.list[AuditEntry]:
        """Everything that happened to the decision, in order."""
        return run(self._exchange, steps.audit(self._options, decision_id))


class AsyncDecisions:
    """Decisions, in an event loop: the same methods, to be awaited. Cancelling a task stops its
    waiting, and not the decision."""

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
        """Ask people to decide, and wait until the decision is settled.

        It waits for as long as the decision lives, through dropped connections and restarts of the
        service. With `wait=False` or a `callback_url` it returns the pending decision at once.

        `idempotency_key` makes a repeated call, also from another process, find the decision of
        the first one instead of asking again. Without it, each call asks.

        Raises `ActionDenied` when `enforce` is set and the action is not permitted, an `APIError`
        when the service refuses the request, and `APIConnectionError` when it cannot be reached.
        """
        asked = checked(fields, DecisionFields, "create")
        waits = wait and not asked.get("callback_url")
        return await run_async(
            self._exchange,
            steps.create(self._options, asked, wait=waits, idempotency_key=idempotency_key),
        )

    async def get(self, decision_id: str) -> Decision:
        """The decision as it stands now. Raises `NotFoundError`."""
        return await run_async(self._exchange, steps.get(self._options, decision_id))

    async def wait(self, decision_id: str, *, timeout: float | None = None) -> Decision:  # noqa: ASYNC109 - the same signature as the blocking client
        """Wait until the decision is settled.

        Raises `WaitTimeoutError` when it still is not after `timeout` seconds; the decision goes
        on then. Raises `ActionDenied` when it was created with `enforce` and does not permit.
        """
        return await run_async(
            self._exchange, steps.wait(self._options, decision_id, timeout=timeout)
        )

    async def list(
        self, *, cursor: str | None = None, **filters: Unpack[DecisionFilters]
    ) -> AsyncDecisionPage:
        """The first page of this agent's decisions; of all agents', with a key that resolves.

        Open ones come first, the newest on top, then those that ended, the last one first. All
        filters that are given have to hold. Iterating over the page fetches the further ones as it
        gets to them; `cursor` is the `next_cursor` of a page to go on from. Lists lag some seconds
        behind; `get` is exact.
        """
        asked = checked(filters, DecisionFilters, "list")
        return await AsyncDecisionPage.fetch(self._options, self._exchange, asked, cursor)

    async def resolve(
        self,
        decision_id: str,
        action: OptionName,
        *,
        notes: str | None = None,
        response_data: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Answer in an approver's place, with a key that may (`decisions:resolve`).

        `response_data` is what the response type asks for; for `modify` it is `{"payload": …}`, or
        `{"action": …}` where the decision has no payload. The decision is still pending where no
        worker of the service has heard of the answer yet; it counts from the moment it came.

        Raises `PermissionDeniedError`, also for what this key's own agent asked, `ConflictError`
        when the decision is settled, and `InvalidRequestError` when the answer does not fit.
        """
        return await run_async(
            self._exchange,
            steps.resolve(
                self._options, decision_id, action, notes=notes, response_data=response_data
            ),
        )

    async def cancel(self, decision_id: str, *, notes: str | None = None) -> Decision:
        """Withdraw the question. Raises `ConflictError` when the decision is settled already.

        It is still pending where no worker of the service has heard of it yet.
        """
        return await run_async(
            self._exchange, steps.cancel(self._options, decision_id, notes=notes)
        )

    async def extend(self, decision_id: str, *, timeout_minutes: float) -> Decision:
        """Give more time: until `timeout_minutes` from now.

        Raises `InvalidRequestError` (`not_longer`) unless that is later than `expires_at`, and
        `ConflictError` when the decision is settled.
        """
        return await run_async(
            self._exchange, steps.extend(self._options, decision_id, timeout_minutes)
        )

    async def claim(
        self,
        decision_id: str,
        *,
        claim_id: str | None = None,
        worker: str | None = None,
        instead_of: str | None = None,
    ) -> Decision:
        """Take the one run that a decision permits, before its action runs.

        Of all who claim, one gets the decision back, with its `execution`; what may run then is
        `permitted_payload(decision)`. How it ended is told with `done`.

        `claim_id` names the claim: the same again is the same claim, until it is reported. Where
        none is given it is made up, so that two calls are two claims; but a call whose answer was
        lost is repeated under the same name, also by this process's next call. `worker` is told to
        whoever comes second; this machine and process, where nothing is said. `instead_of` is the
        name of a claim that failed, or whose worker has died, and may have run some of the action:
        this one takes its place, and nobody else's.

        Raises `AlreadyClaimed`, and `ActionDenied` where the decision does not permit its action.
        """
        return await run_async(
            self._exchange,
            _claims.claim(
                self._options,
                decision_id,
                claim_id=claim_id,
                worker=worker,
                instead_of=instead_of,
            ),
        )

    async def done(
        self, decision_id: str, status: EndName, *, claim_id: str, result: str | None = None
    ) -> Decision:
        """Tell the record how the run of this claim ended: `execution.claim_id` names it.

        `result` is in short, up to 1,000 characters. With `not_run` the action did not run after
        all, and may be claimed again. A service that is away is waited for, 15 seconds at most.

        Raises `ConflictError` where it was reported otherwise, and where there is no such claim.
        """
        return await run_async(
            self._exchange,
            _claims.done(self._options, decision_id, status, claim_id=claim_id, result=result),
        )

    async def audit(self, decision_id: str) -> builtins.list[AuditEntry]:
        """Everything that happened to the decision, in order."""
        return await run_async(self._exchange, steps.audit(self._options, decision_id))


class Attachments:
    """Files that approvers are shown, blocking."""

    def __init__(self, options: Options, exchange: Exchange) -> None:
        self._options = options
        self._exchange = exchange

    def upload(
        self, file: File, *, name: str | None = None, decision_id: str | None = None
    ) -> Attachment:
        """Send a file of up to 10 MB: a path, the bytes, or a file opened for reading bytes.

        Its `id` goes into the `attachment_ids` of a question; with `decision_id` it is shown with a
        decision that is pending already. `name` is what approvers read, the file's own where
        nothing is said; bytes need one.

        Raises `InvalidRequestError` for what is not taken, such as programs and archives,
        `ContentTooLargeError`, and `ConflictError` when the decision is settled.
        """
        content = read_file(file, name)
        return run(
            self._exchange,
            _attachments.upload(self._options, content, decision_id=decision_id),
        )

    def list(self, decision_id: str) -> builtins.list[Attachment]:
        """The files that are shown with a decision, in the order in which they were added."""
        return run(self._exchange, _attachments.list_(self._options, decision_id))


class AsyncAttachments:
    """Files that approvers are shown, in an event loop: the same methods, to be awaited."""

    def __init__(self, options: Options, exchange: AsyncExchange) -> None:
        self._options = options
        self._exchange = exchange

    async def upload(
        self, file: File, *, name: str | None = None, decision_id: str | None = None
    ) -> Attachment:
        """Send a file of up to 10 MB: a path, the bytes, or a file opened for reading bytes.

        Its `id` goes into the `attachment_ids` of a question; with `decision_id` it is shown with a
        decision that is pending already. `name` is what approvers read, the file's own where
        nothing is said; bytes need one.

        Raises `InvalidRequestError` for what is not taken, such as programs and archives,
        `ContentTooLargeError`, and `ConflictError` when the decision is settled.
        """
        content = await asyncio.to_thread(read_file, file, name)
        return await run_async(
            self._exchange,
            _attachments.upload(self._options, content, decision_id=decision_id),
        )

    async def list(self, decision_id: str) -> builtins.list[Attachment]:
        """The files that are shown with a decision, in the order in which they were added."""
        return await run_async(self._exchange, _attachments.list_(self._options, decision_id))


def checked(given: Mapping[str, Any], fields: Any, method: str) -> dict[str, Any]:
    """The fields, with the TypeError that Python itself raises for a wrong keyword."""
    if unknown := sorted(given.keys() - fields.__annotations__.keys()):
        raise TypeError(f"{method}() got an unexpected keyword argument {unknown[0]!r}")
    if missing := sorted(fields.__required_keys__ - given.keys()):
        raise TypeError(f"{method}() needs the keyword argument {missing[0]!r}")
    return dict(given)


def checked_question(
    action: str, approver: str | Sequence[str], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of `approve`."""
    further = checked(fields, FurtherFields, "approve")
    return {"action": action, "approver": approver, **further}
