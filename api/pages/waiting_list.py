"""The decisions that wait for one approver, the most pressing first.

Temporal's index names the candidates and their order. Whoever reaches Temporal can write it, so
each row, and whether there is one, comes from the decision's history.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.client import Client
from temporalio.common import TypedSearchAttributes
from temporalio.converter import decode_typed_search_attributes

from api.decisions.listing import ENDED_BY_OPERATORS, Filters, find, index_names, is_ours
from api.decisions.waiting import Waiting
from api.http.static import root
from api.problems.errors import NotFound, Unreadable
from api.problems.temporal import readable
from handover.models import BY_URGENCY, Choice, ResponseType, Status
from histories.encryption import Encryption
from histories.reading import Live
from links import Link, LinkKeys
from templates.text import Excerpt, excerpt, visible
from workflows import options

LISTED = 1_000
"""Decisions that are put in order; Temporal's index gives no more in one answer."""

OVER = f"'Completed', 'ContinuedAsNew', {ENDED_BY_OPERATORS}"
"""Statuses of closed workflows, in the index's words."""

ASKED_OF_INDEX = 5
"""Answers of the index that are searched for a person whose address it cannot compare."""

PAGE = 40

READ = 200
"""Histories read for one page: the index has people who are asked later beside those who are asked
now."""

CONCURRENCY = 8
"""Histories that one page reads at the same time."""

ACTION = (400, 8)
"""Characters and lines of an action that a row has room for."""
BACKGROUND = (200, 3)
PAYLOAD = 300
"""Characters of a payload's JSON that a row has room for."""

NO_DATA = ("approve_deny", "confirm")
"""Types of question that a plain yes answers in full."""

FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A decision's place in the order, however many precede it."""

    urgency: int
    expires_at: datetime
    decision_id: str

    def __str__(self) -> str:
        return json.dumps([self.urgency, self.expires_at.isoformat(), self.decision_id])

    @classmethod
    def of(cls, text: str) -> Place:
        """Return the place that `str()` turned into this text."""
        urgency, expires_at, decision_id = json.loads(text)
        return cls(urgency, datetime.fromisoformat(expires_at), decision_id)


@dataclass(frozen=True, slots=True)
class Row:
    """One waiting decision. `choices` is empty if it has to be opened to be answered."""

    place: Place
    urgency: str
    agent: str
    action: Excerpt
    background: Excerpt
    payload: dict[str, Any] | None
    payload_line: str | None
    has_payload: bool
    files: int
    expires_at: datetime
    type: ResponseType
    digest: str
    choices: tuple[Choice, ...]
    needs_code: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A page. `count` is how many wait, and `about` says that only the index counts them; `further`
    is where the next page begins. `unread` counts decisions that cannot be read right now."""

    rows: list[Row]
    unread: int
    count: int
    about: bool
    further: Place | None


class WaitingLists:
    """Lists what waits. `encryption` has the names by which the index knows an address."""

    def __init__(self, client: Client, waiting: Waiting, encryption: Encryption) -> None:
        self._client = client
        self._waiting = waiting
        self._encryption = encryption

    async def of(self, approver: str, after: Place | None = None) -> Found:
        """Return a page of the decisions that this approver may answer now.

        Raises `Unavailable` and `ListsUnavailable`.
        """
        candidates = await self._candidates(approver)
        begun = 0 if after is None else len([place for place in candidates if place <= after])
        found, looked_at = await self._rows(approver, list(candidates.items())[begun:])
        rows = [each for each in found if isinstance(each, Row)]
        rest = len(candidates) - begun - looked_at
        further = list(candidates)[begun + looked_at - 1] if rest else None
        about = after is not None or further is not None
        # By what is proven; the index has the order of the pages.
        rows.sort(key=lambda row: row.place)
        unread = len(found) - len(rows)
        return Found(rows, unread, len(candidates) if about else len(rows), about, further)

    async def _candidates(self, approver: str) -> dict[Place, str]:
        """Yield the runs of decisions that may wait for them, in order."""
        names = set(index_names(self._encryption, approver))
        filters = Filters.model_construct(status=Status.PENDING, approver=approver)
        # Those that are not over: one that an operator has paused is not running, and waits.
        query = f"{filters.query(self._encryption)} AND ExecutionStatus NOT IN ({OVER})"
        found: dict[Place, str] = {}
        token = b""
        for _ in range(ASKED_OF_INDEX):
            page = await find(self._client, query, LISTED, token)
            for run in page.executions:
                told = decode_typed_search_attributes(run.search_attributes)
                if names & set(told.get(options.APPROVER_KEY) or ()):
                    found[_place(run, told)] = run.execution.run_id
            token = page.next_page_token
            if not token or len(found) >= LISTED:
                break
        return dict(sorted(found.items()))

    async def _rows(
        self, approver: str, candidates: Sequence[tuple[Place, str]]
    ) -> tuple[list[Row | Unreadable], int]:
        """Return as many rows as a page has, and how many candidates were examined for them."""
        gate = asyncio.Semaphore(CONCURRENCY)

        async def look(decision_id: str, run_id: str) -> Row | Unreadable | None:
            async with gate:
                return await self._row(approver, decision_id, run_id)

        rows: list[Row | Unreadable] = []
        looked_at = 0
        while len(rows) < PAGE and looked_at < min(READ, len(candidates)):
            next_ones = candidates[looked_at : min(READ, looked_at + PAGE - len(rows))]
            looked_at += len(next_ones)
            found = await asyncio.gather(
                *(look(place.decision_id, run) for place, run in next_ones)
            )
            rows += filter(None, found)
        return rows, looked_at

    async def _row(self, approver: str, decision_id: str, run_id: str) -> Row | Unreadable | None:
        """Return a row, or None if this decision does not wait for them, whatever the index says.
        One that cannot be read may wait for them; the log has the reason."""
        try:
            known = self._waiting.glance(decision_id)
            reading = known or await self._waiting.look(decision_id)
            if not is_ours(reading, run_id) or reading.settled or not _waits_for(reading, approver):
                return None
            with readable(decision_id):
                return _row_of(reading)
        except Unreadable as error:
            return error
        except NotFound:  # its retention may have ended in between
            return None


def choices_in_a_row(reading: Live) -> tuple[Choice, ...]:
    """Return the answers that need no opening: the row shows the whole question, which takes no
    more than yes or no."""
    rules, request = reading.state.rules, reading.input.request
    fits = not excerpt(request.action, *ACTION).cut and (
        not rules.has_payload or _payload_line(reading) is not None
    )
    if rules.step_up or rules.response_type.type not in NO_DATA or not fits:
        return ()
    return tuple(each for each in (Choice.DENY, Choice.APPROVE) if each in rules.options)


def _place(run: WorkflowExecutionInfo, told: TypedSearchAttributes) -> Place:
    urgency = _rank(told.get(options.URGENCY_KEY) or "")
    return Place(urgency, told.get(options.EXPIRES_AT_KEY) or FAR, run.execution.workflow_id)


def _rank(urgency: str) -> int:
    known = [str(each) for each in BY_URGENCY]
    return known.index(urgency) if urgency in known else len(known)


def _waits_for(reading: Live, approver: str) -> bool:
    is_asked = reading.state.may_answer(reading.state.known_as(approver))
    return is_asked and datetime.now(UTC) <= reading.state.rules.expires_at


def _row_of(reading: Live) -> Row:
    rules, request = reading.state.rules, reading.input.request
    return Row(
        place=Place(_rank(request.urgency), rules.expires_at, reading.decision_id),
        urgency=request.urgency,
        agent=reading.input.agent,
        action=excerpt(request.action, *ACTION),
        background=_background(reading),
        payload=request.payload,
        payload_line=_payload_line(reading),
        has_payload=rules.has_payload,
        files=len(reading.state.attachments) + len(request.context_images),
        expires_at=rules.expires_at,
        type=rules.response_type,
        digest=reading.state.shown_digest,
        choices=choices_in_a_row(reading),
        needs_code=rules.step_up,
    )


def _background(reading: Live) -> Excerpt:
    if "context" in reading.input.stored:
        return Excerpt("", cut=True)
    return excerpt(reading.input.request.context or "", *BACKGROUND)


def _payload_line(reading: Live) -> str | None:
    """Return the payload in full; None if there is none, or if it is too long for a row."""
    payload = reading.input.request.payload
    line = visible(json.dumps(payload, ensure_ascii=False))
    return line if payload is not None and len(line) <= PAYLOAD else None


def link_to(links: LinkKeys, approver: str, decision_id: str) -> str:
    """Return the path of the decision's own page, seen from the inbox."""
    return f"{root()}/d/{links.mint(Link(decision_id, approver))}"
