"""Lists of decisions, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from . import _decisions as steps
from ._http import AsyncExchange, Exchange, run, run_async
from ._options import Options
from .models import DecisionSummary


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """One page of a list; iterating over it goes on through all further pages."""

    items: list[DecisionSummary]
    """The entries of this page. It may have fewer than the limit, or none, while there are more
    pages."""
    next_cursor: str | None
    """The cursor of the next page; None on the last page."""
    unreadable: int
    """Number of decisions left out of this page because the service cannot read them right now."""
    _options: Options
    _exchange: Exchange
    _filters: Mapping[str, Any]

    @classmethod
    def fetch(
        cls, options: Options, exchange: Exchange, filters: Mapping[str, Any], cursor: str | None
    ) -> Self:
        found = run(exchange, steps.list_(options, {**filters, "cursor": cursor}))
        return cls(found.decisions, found.next_cursor, found.unreadable, options, exchange, filters)

    def next_page(self) -> Self | None:
        """Fetch the page after this one; None after the last."""
        if self.next_cursor is None:
            return None
        return self.fetch(self._options, self._exchange, self._filters, self.next_cursor)

    def __iter__(self) -> Iterator[DecisionSummary]:
        page: Self | None = self
        while page:
            yield from page.items
            page = page.next_page()


@dataclass(frozen=True, slots=True)
class AsyncDecisionPage:
    """One page of a list; iterating over it goes on through all further pages."""

    items: list[DecisionSummary]
    """The entries of this page. It may have fewer than the limit, or none, while there are more
    pages."""
    next_cursor: str | None
    """The cursor of the next page; None on the last page."""
    unreadable: int
    """Number of decisions left out of this page because the service cannot read them right now."""
    _options: Options
    _exchange: AsyncExchange
    _filters: Mapping[str, Any]

    @classmethod
    async def fetch(
        cls,
        options: Options,
        exchange: AsyncExchange,
        filters: Mapping[str, Any],
        cursor: str | None,
    ) -> Self:
        found = await run_async(exchange, steps.list_(options, {**filters, "cursor": cursor}))
        return cls(found.decisions, found.next_cursor, found.unreadable, options, exchange, filters)

    async def next_page(self) -> Self | None:
        """Fetch the page after this one; None after the last."""
        if self.next_cursor is None:
            return None
        return await self.fetch(self._options, self._exchange, self._filters, self.next_cursor)

    async def __aiter__(self) -> AsyncIterator[DecisionSummary]:
        page: Self | None = self
        while page:
            for decision in page.items:
                yield decision
            page = await page.next_page()
