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
    """How people are asked, whatever the question. A field that is left out, or None, has the
    service's default."""

    urgency: UrgencyName | None
    """Default: `medium`."""
    timeout_minutes: float | None
    """Minutes until silence means no. Default: 60."""
    escalation: Sequence[EscalationStep | Mapping[str, Any]] | None
    """Backup approvers, each step `after_minutes` from creation, within the timeout."""
    channel: ChannelName | Sequence[ChannelName | ChannelStep | Mapping[str, Any]] | None
    """How approvers are reached, at once or each `after_minutes`. Default: as they have set it, or
    else `email`."""
    options: Sequence[OptionName] | None
    """Choices that the approver may press. Default: all three, or `approve` and `deny` for a
    `response_type` that asks for a value."""
    response_type: ResponseType | Mapping[str, Any] | None
    """The kind of answer. Default: approve or deny."""
    context_images: Sequence[str] | None
    """Up to five http(s) URLs of images to show."""
    attachment_ids: Sequence[str] | None
    """Ids of files uploaded before."""
    callback_url: str | None
    """The URL that gets the outcome; with it, `create` does not wait."""
    metadata: Mapping[str, str] | None
    """Values that come back with the decision, and that operators see."""
    remind_after_minutes: float | None
    """Minutes from asking until those who have not answered are reminded. Default: by urgency."""
    remind_every_minutes: float | None
    """Minutes from one reminder to the next."""
    max_reminders: int | None
    """Reminders to each person, up to 10; 0 for none."""


class FurtherFields(ApprovalFields, total=False):
    """Fields of a question besides its action. A field that is left out, or None, has the service's
    default."""

    context: str | None
    """Background that the approver needs to decide."""
    payload: Mapping[str, Any] | None
    """The exact arguments of the action, which `modify` edits; after that,
    `response_data["payload"]` may run."""


class DecisionFields(FurtherFields, total=False):
    """Fields of a question. A field that is left out, or None, has the service's default."""

    action: Required[str]
    """What the agent wants to do, in words that the approver understands."""
    approver: Required[str | Sequence[str]]
    """The people who are asked first: an e-mail address, or several."""
    enforce: bool | None
    """Raise `ActionDenied` unless the action is permitted."""


class DecisionFilters(TypedDict, total=False):
    """Filters of a list; a decision has to match all that are given."""

    status: StatusName | None
    approver: str | None
    """The address of somebody who is asked at once or by an escalation."""
    agent: str | None
    """An agent's name; another agent's needs a key that sees all."""
    urgency: UrgencyName | None
    created_after: datetime | None
    """A time with a time zone."""
    idempotency_key: str | None
    """The one decision that was asked with this key. It is found without any lag."""
    limit: int | None
    """Most entries of one page: up to 100. Default: 20."""


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

        `idempotency_key` makes a repeated call, even from another process, find the decision of the
        first one instead of asking again. Without it, each call asks.

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
        """Return the decision as it stands now. Raises `NotFoundError`."""
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
        """Return the first page of this agent's decisions, or of all agents' with a key that
        resolves.

        Open ones come first, the newest on top, then those that ended, the last one first. A
        decision has to match all given filters. Iterating over the page fetches further pages when
        needed; `cursor` is the `next_cursor` of a page to continue from. Lists lag some seconds
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
        """Answer in an approver's place, with a key that has this right (`decisions:resolve`).

        `response_data` is the value for the response type; for `modify` it is `{"payload": …}`, or
        `{"action": …}` if the decision has no payload. The decision is still pending if no worker
        of the service has heard of the answer yet; it counts from the moment it came.

        Raises `PermissionDeniedError`, also for a question of this key's own agent, `ConflictError`
        when the decision is settled, and `InvalidRequestError` when the answer does not fit.
        """
        return run(
            self._exchange,
            steps.resolve(
                self._options, decision_id, action, notes=notes, response_data=response_data
            ),
        )

    def cancel(self, decision_id: str, *, notes: str | None = None) -> Decision:
        """Withdraw the question. Raises `ConflictError` when the decision is already settled.

        The decision is still pending if no worker of the service has heard of it yet.
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

        One of all callers gets the decision back, with its `execution`; then
        `permitted_payload(decision)` may run. `done` reports how it ended.

        `claim_id` names the claim: a repeated name is the same claim, until it is reported. By
        default it is made up, so that two calls are two claims; but a call whose answer was lost is
        repeated under the same name, even by this process's next call. `worker`, by default this
        machine and process, is shown to later callers. `instead_of` is the name of a claim that
        failed, or whose worker has died, and may have run some of the action: this claim replaces
        it, and no other.

        Raises `AlreadyClaimed`, and `ActionDenied` if the decision does not permit its action.
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
        """Report to the record how the run of this claim ended: `execution.claim_id` names it.

        `result` is a short text, up to 1,000 characters. With `not_run` the action did not run
        after all, and may be claimed again. The call waits at most 15 seconds for a service that is
        away.

        Raises `ConflictError` if it was reported otherwise, or if there is no such claim.
        """
        return run(
            self._exchange,
            _claims.done(self._options, decision_id, status, claim_id=claim_id, result=result),
        )

    def audit(self, decision_id: str) -> builtins.list[AuditEntry]:
        """Return everything that happened to the decision, in order."""
        return run(self._exchange, steps.audit(self._options, decision_id))


class AsyncDecisions:
    """Decisions, in an event loop: the same methods, awaited. Cancelling a task stops its waiting,
    and not the decision."""

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

        `idempotency_key` makes a repeated call, even from another process, find the decision of the
        first one instead of asking again. Without it, each call asks.

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
        """Return the decision as it stands now. Raises `NotFoundError`."""
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
        """Return the first page of this agent's decisions, or of all agents' with a key that
        resolves.

        Open ones come first, the newest on top, then those that ended, the last one first. A
        decision has to match all given filters. Iterating over the page fetches further pages when
        needed; `cursor` is the `next_cursor` of a page to continue from. Lists lag some seconds
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
        """Answer in an approver's place, with a key that has this right (`decisions:resolve`).

        `response_data` is the value for the response type; for `modify` it is `{"payload": …}`, or
        `{"action": …}` if the decision has no payload. The decision is still pending if no worker
        of the service has heard of the answer yet; it counts from the moment it came.

        Raises `PermissionDeniedError`, also for a question of this key's own agent, `ConflictError`
        when the decision is settled, and `InvalidRequestError` when the answer does not fit.
        """
        return await run_async(
            self._exchange,
            steps.resolve(
                self._options, decision_id, action, notes=notes, response_data=response_data
            ),
        )

    async def cancel(self, decision_id: str, *, notes: str | None = None) -> Decision:
        """Withdraw the question. Raises `ConflictError` when the decision is already settled.

        The decision is still pending if no worker of the service has heard of it yet.
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

        One of all callers gets the decision back, with its `execution`; then
        `permitted_payload(decision)` may run. `done` reports how it ended.

        `claim_id` names the claim: a repeated name is the same claim, until it is reported. By
        default it is made up, so that two calls are two claims; but a call whose answer was lost is
        repeated under the same name, even by this process's next call. `worker`, by default this
        machine and process, is shown to later callers. `instead_of` is the name of a claim that
        failed, or whose worker has died, and may have run some of the action: this claim replaces
        it, and no other.

        Raises `AlreadyClaimed`, and `ActionDenied` if the decision does not permit its action.
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
        """Report to the record how the run of this claim ended: `execution.claim_id` names it.

        `result` is a short text, up to 1,000 characters. With `not_run` the action did not run
        after all, and may be claimed again. The call waits at most 15 seconds for a service that is
        away.

        Raises `ConflictError` if it was reported otherwise, or if there is no such claim.
        """
        return await run_async(
            self._exchange,
            _claims.done(self._options, decision_id, status, claim_id=claim_id, result=result),
        )

    async def audit(self, decision_id: str) -> builtins.list[AuditEntry]:
        """Return everything that happened to the decision, in order."""
        return await run_async(self._exchange, steps.audit(self._options, decision_id))


class Attachments:
    """Files for approvers, blocking."""

    def __init__(self, options: Options, exchange: Exchange) -> None:
        self._options = options
        self._exchange = exchange

    def upload(
        self, file: File, *, name: str | None = None, decision_id: str | None = None
    ) -> Attachment:
        """Send a file of up to 10 MB: a path, the bytes, or a file opened for reading bytes.

        Its `id` goes into the `attachment_ids` of a question; with `decision_id` the file is added
        to a pending decision. `name` is the one that approvers read, by default the file's own;
        bytes need one.

        Raises `InvalidRequestError` for a file that is not taken, such as programs and archives,
        `ContentTooLargeError`, and `ConflictError` when the decision is settled.
        """
        content = read_file(file, name)
        return run(
            self._exchange,
            _attachments.upload(self._options, content, decision_id=decision_id),
        )

    def list(self, decision_id: str) -> builtins.list[Attachment]:
        """Return the files of a decision, in the order in which they were added."""
        return run(self._exchange, _attachments.list_(self._options, decision_id))


class AsyncAttachments:
    """Files for approvers, in an event loop: the same methods, awaited."""

    def __init__(self, options: Options, exchange: AsyncExchange) -> None:
        self._options = options
        self._exchange = exchange

    async def upload(
        self, file: File, *, name: str | None = None, decision_id: str | None = None
    ) -> Attachment:
        """Send a file of up to 10 MB: a path, the bytes, or a file opened for reading bytes.

        Its `id` goes into the `attachment_ids` of a question; with `decision_id` the file is added
        to a pending decision. `name` is the one that approvers read, by default the file's own;
        bytes need one.

        Raises `InvalidRequestError` for a file that is not taken, such as programs and archives,
        `ContentTooLargeError`, and `ConflictError` when the decision is settled.
        """
        content = await asyncio.to_thread(read_file, file, name)
        return await run_async(
            self._exchange,
            _attachments.upload(self._options, content, decision_id=decision_id),
        )

    async def list(self, decision_id: str) -> builtins.list[Attachment]:
        """Return the files of a decision, in the order in which they were added."""
        return await run_async(self._exchange, _attachments.list_(self._options, decision_id))


def checked(given: Mapping[str, Any], fields: Any, method: str) -> dict[str, Any]:
    """Return the fields, or raise the TypeError that Python itself raises for a wrong keyword."""
    if unknown := sorted(given.keys() - fields.__annotations__.keys()):
        raise TypeError(f"{method}() got an unexpected keyword argument {unknown[0]!r}")
    if missing := sorted(fields.__required_keys__ - given.keys()):
        raise TypeError(f"{method}() needs the keyword argument {missing[0]!r}")
    return dict(given)


def checked_question(
    action: str, approver: str | Sequence[str], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields of `approve`, checked."""
    further = checked(fields, FurtherFields, "approve")
    return {"action": action, "approver": approver, **further}
