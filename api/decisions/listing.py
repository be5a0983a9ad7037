"""Lists of decisions: Temporal's index says which there may be, each one's history what it is.

Whoever reaches Temporal can write anything into the index, and it lags. So nothing but ids is taken
from it, and every filter is applied again to what was folded.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeGuard

from pydantic import BaseModel, Field
from temporalio.api.workflowservice.v1 import (
    ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from api.decisions.documents import decision_of
from api.decisions.schemas import Address, Moment, Strict
from api.problems.errors import ApiError, NotFound, Unavailable, Unreadable, invalid
from api.problems.temporal import asking_temporal
from handover.addresses import one_form
from handover.models import Decision, Origin, Status, Urgency
from histories.encryption import Encryption
from histories.fold import START_TOLERANCE
from histories.reading import Live, Reading
from workflows.messages import (
    AGENT_ATTRIBUTE,
    APPROVER_ATTRIBUTE,
    STATUS_ATTRIBUTE,
    URGENCY_ATTRIBUTE,
    WORKFLOW,
)

CONCURRENCY = 8
"""Histories that one list reads at the same time."""

PLAIN = re.compile(r"[\w @.+-]*")
"""Characters that every one of Temporal's index stores compares as they are written: quotes end the
text, and at its ends the server strips them; `?` becomes a parameter of PostgreSQL's; SQLite and
PostgreSQL find no backslash and no double quote, which the server doubles and escapes for MySQL."""

ENDED_BY_OPERATORS = "'Terminated', 'Failed', 'Canceled', 'TimedOut'"
NOT_A_PLACE = (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.INTERNAL, RPCStatusCode.UNKNOWN)
"""Answers of index stores to a token that another one has given out."""

EPOCH = datetime.fromtimestamp(0, UTC)


class ListsUnavailable(ApiError):  # noqa: N818 - named as HTTP names them
    code = "lists_unavailable"


class Filters(Strict):
    """The filters of a list. All that are given have to hold."""

    status: Status | None = None
    approver: Address | None = Field(default=None, description="Asked at once or by an escalation.")
    agent: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="The name of an agent; that of another takes `decisions:resolve`."
    )
    urgency: Urgency | None = None
    created_after: Moment | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None,
        description="The one decision that the caller asked with this key, without any lag.",
    )

    def query(self, encryption: Encryption) -> str:
        """Return a query for the index: true for everything that fits, and perhaps for more."""
        return " AND ".join(self._conditions(encryption))

    def _conditions(self, encryption: Encryption) -> Iterator[str]:
        yield f"WorkflowType = '{WORKFLOW}'"
        if self.status == Status.CANCELLED:
            yield (
                f"({STATUS_ATTRIBUTE} = '{self.status}'"
                f" OR ExecutionStatus IN ({ENDED_BY_OPERATORS}))"
            )
        elif self.status:
            yield f"{STATUS_ATTRIBUTE} = '{self.status}'"
        if self.urgency:
            yield f"{URGENCY_ATTRIBUTE} = '{self.urgency}'"
        if self.agent:
            yield from _begins(AGENT_ATTRIBUTE, self.agent)
        if self.approver and _plain(self.approver) == self.approver:
            names = index_names(encryption, self.approver)
            yield " OR ".join(f"{APPROVER_ATTRIBUTE} = '{name}'" for name in names).join("()")
        if self.created_after:
            # The index has Temporal's clock, a decision that of the API.
            earliest = max(self.created_after, EPOCH + START_TOLERANCE) - START_TOLERANCE
            yield f"StartTime >= '{earliest.isoformat()}'"

    def fit(self, reading: Live, decision: Decision) -> bool:
        """Return whether all filters hold of a decision of ours."""
        steps = reading.state.rules.steps
        approvers = {one_form(each) for step in steps for each in step.approvers}
        return (
            self.status in (None, decision.status)
            and self.urgency in (None, decision.urgency)
            and self.agent in (None, reading.input.agent)
            and (self.approver is None or one_form(self.approver) in approvers)
            and (self.created_after is None or decision.created_at > self.created_after)
        )


class Paging(Filters):
    """The parameters of `GET /decisions`."""

    limit: int = Field(default=20, ge=1, le=100, description="The most that one page has.")
    cursor: str | None = Field(default=None, description="`next_cursor` of the page before.")

    @property
    def filters(self) -> Filters:
        return Filters.model_construct(**self.model_dump(exclude={"limit", "cursor"}))


class DecisionSummary(BaseModel):
    """A decision in a list. `GET /decisions/{id}` has all of it."""

    id: str
    status: Status
    approved: bool
    action: str
    urgency: str
    agent: str
    approver: str | list[str]
    created_at: datetime
    expires_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    origin: Origin | None
    escalation_level: int
    execute_at: datetime | None


class Page(BaseModel):
    """One page of a list."""

    decisions: list[DecisionSummary]
    next_cursor: str | None = Field(description="Where the list goes on; null on its last page.")
    unreadable: int = Field(
        description="How many are left out of this page that the service cannot read right now."
        " `GET /decisions/{id}` of one says why, and what an operator has to do."
    )
    lags: Annotated[
        Literal[True],
        Field(description="Lists are some seconds late; `GET /decisions/{id}` is exact."),
    ] = True


@dataclass(frozen=True, slots=True)
class Listed:
    """The decisions of one page; `unread` is how many it lacks that could not be read. The token of
    the next page is empty after the last one."""

    decisions: list[DecisionSummary]
    unread: int
    next_token: bytes


class Listing:
    """Lists decisions. `look` reads the history of one."""

    def __init__(
        self, client: Client, encryption: Encryption, look: Callable[[str], Awaitable[Reading]]
    ) -> None:
        self._client = client
        self._encryption = encryption
        self._look = look
        self._gate = asyncio.Semaphore(CONCURRENCY)

    async def page(self, filters: Filters, limit: int, token: bytes) -> Listed:
        """Return a page of at most `limit` decisions.

        Raises `Invalid` for a token that Temporal does not take, `Unavailable` also where it limits
        how often it is asked, and `ListsUnavailable`.
        """
        found = await find(self._client, filters.query(self._encryption), limit, token)
        runs = (run.execution for run in found.executions)
        entries = await asyncio.gather(
            *(self._that_can_be_read(run.workflow_id, filters, run.run_id) for run in runs)
        )
        return Listed(
            [entry for entry in entries if isinstance(entry, DecisionSummary)],
            unread=sum(isinstance(entry, Unreadable) for entry in entries),
            next_token=found.next_page_token,
        )

    async def _that_can_be_read(
        self, decision_id: str, filters: Filters, run_id: str
    ) -> DecisionSummary | Unreadable | None:
        """Read one. If it cannot be read, that is in the log, and keeps nobody from the others."""
        try:
            return await self.entry(decision_id, filters, run_id)
        except Unreadable as error:
            return error

    async def entry(
        self, decision_id: str, filters: Filters, run_id: str | None = None
    ) -> DecisionSummary | None:
        """Return one decision if all filters hold of it and, if it is told, this is its run.

        Raises `Unavailable` and `Unreadable`.
        """
        async with self._gate:
            try:
                reading = await self._look(decision_id)
            except NotFound:  # its retention ended, or it was never asked
                return None
        if not is_ours(reading, run_id or reading.run_id):
            return None
        # A summary shows nothing that is large enough to be in the store.
        reading = replace(reading, bodies=dict.fromkeys(reading.stored, "null"))
        decision = decision_of(reading)
        return _summary(reading, decision) if filters.fit(reading, decision) else None


async def find(
    client: Client, query: str, limit: int, token: bytes = b""
) -> ListWorkflowExecutionsResponse:
    """Ask the index. Raises as `Listing.page` does."""
    request = ListWorkflowExecutionsRequest(
        namespace=client.namespace, query=query, page_size=limit, next_page_token=token
    )
    async with asking_temporal():
        try:
            return await client.workflow_service.list_workflow_executions(request)
        except RPCError as error:
            raise _refusal(error, token) from error


def is_ours(reading: Reading, run_id: str) -> TypeGuard[Live]:
    """Return whether this run is a decision that we made. Further runs of its id are left out."""
    is_sealed = isinstance(reading, Live) and reading.input.id == reading.decision_id
    return is_sealed and reading.run_id == run_id


def index_names(encryption: Encryption, approver: str) -> list[str]:
    """Return all that the index may have been told of this person: in the one form of their
    address, and as they were spelled, of decisions that began before there was one."""
    spellings = dict.fromkeys([one_form(approver), approver])
    return [name for each in spellings for name in encryption.names(each)]


def _summary(reading: Live, decision: Decision) -> DecisionSummary:
    told = decision.model_dump(include=set(DecisionSummary.model_fields))
    return DecisionSummary(**told, agent=reading.input.agent)


def _plain(text: str) -> str:
    """Return the beginning of the text, as far as the index compares it as it is written."""
    begins = PLAIN.match(text)
    return begins.group() if begins else ""


def _begins(attribute: str, text: str) -> Iterator[str]:
    plain = _plain(text)
    if plain == text:
        yield f"{attribute} = '{plain}'"
    elif plain:
        yield f"{attribute} STARTS_WITH '{plain}'"


def _refusal(error: RPCError, token: bytes) -> Exception:
    if error.status == RPCStatusCode.RESOURCE_EXHAUSTED:
        return Unavailable("Temporal limits how often lists are asked for; try again.")
    if "search attribute" in error.message.lower():
        return ListsUnavailable(
            "The Temporal server does not know the search attributes of decisions. An operator has"
            " to register them in its namespace: HandoverStatus, HandoverUrgency and HandoverAgent"
            " as Keyword, HandoverApprover as KeywordList, HandoverExpiresAt as Datetime."
        )
    if token and error.status in NOT_A_PLACE:
        return invalid("cursor", "the list cannot go on from here; begin anew.")
    return error
