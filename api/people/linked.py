"""The link of one approver to one decision: its rights, and their end."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog

from api.access.limiting import Limits
from api.decisions.decisions import Decisions
from api.decisions.documents import decision_of
from api.files.downloads import NO_FILE
from api.problems.errors import Gone, NeedsOperator, NotFound
from histories.reading import Live
from links import BadTokenError, Link, LinkKeys, UnknownLinkKeyError

log = logging.getLogger(__name__)

READ_FOR = timedelta(days=90)
"""Time after the end for which a link still shows the outcome."""

NO_LINK = "This link is not complete, or it is not ours."


@contextmanager
def reading_links(otherwise: str = NO_LINK) -> Generator[None]:
    """Turn a token that is not ours into `NotFound`, with these words, and one whose key only
    another process knows into `NeedsOperator`."""
    try:
        yield
    except BadTokenError as error:
        raise NotFound(otherwise) from error
    except UnknownLinkKeyError as error:
        log.error("a link cannot be read: %s", error)  # noqa: TRY400 - no fault of ours
        raise NeedsOperator(str(error)) from error


class Linked:
    """Links, and the decisions behind them."""

    def __init__(self, links: LinkKeys, decisions: Decisions, limits: Limits) -> None:
        self._links = links
        self._decisions = decisions
        self._limits = limits

    def read(self, token: str) -> Link:
        """Read a link. Raises `NotFound` and `NeedsOperator`."""
        with reading_links():
            return self._links.read(token)

    async def decision_behind(self, link: Link) -> Live:
        """Return the decision as it stands. Raises `NotFound` and `Gone`."""
        structlog.contextvars.bind_contextvars(decision_id=link.decision_id)
        reading = await self._decisions.glance(link.decision_id)
        resolved_at = decision_of(reading).resolved_at
        if reading.settled and resolved_at and datetime.now(UTC) - resolved_at > READ_FOR:
            raise Gone("This decision ended more than 90 days ago; its link no longer shows it.")
        return reading

    async def open(self, token: str, use: str) -> tuple[Link, Live]:
        """Return the link and its decision, for one of its files, after counting this use. Raises
        `NotFound`, `NeedsOperator` and `TooMany`."""
        with reading_links(NO_FILE):
            link = self._links.read(token)
        structlog.contextvars.bind_contextvars(decision_id=link.decision_id)
        await self._limits.count_link(link, use)
        return link, await self._decisions.glance(link.decision_id)


def may_read(reading: Live, link: Link) -> bool:
    """Return whether the link may read: its owner may answer, or the page still shows the
    outcome."""
    if not reading.settled:
        return reading.state.may_answer(reading.state.known_as(link.approver))
    resolved_at = decision_of(reading).resolved_at
    return resolved_at is None or datetime.now(UTC) - resolved_at <= READ_FOR
