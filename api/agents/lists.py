"""`GET /decisions`: the list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.decisions.listing import Filters, Listing, Page, Paging
from api.decisions.starting import id_for
from api.doors.auth import KeyedRoute, Reader
from api.doors.deps import ServiceDep
from api.http.cursors import BadCursorError, Cursors
from api.http.openapi import problems
from api.problems.errors import Forbidden, invalid
from store.keys import AUDIT, RESOLVE, ApiKey

router = APIRouter(tags=["decisions"], route_class=KeyedRoute)


@router.get(
    "/decisions",
    responses=problems("missing_scope", "invalid_request", "lists_unavailable"),
)
async def list_decisions(
    service: ServiceDep, key: Reader, asked: Annotated[Paging, Query()]
) -> Page:
    """List an agent's own decisions; with a key that may resolve or audit, those of all agents.

    Open ones come first, the newest on top, then those that ended, the last one first. A page may
    have fewer entries than `limit`, or none, while `next_cursor` says that there are more: the
    index knows ids, and a decision whose record does not match is left out. The index lags some
    seconds behind (`lags`): a new decision may be missing, and one just settled may be missing from
    both lists. `GET /decisions/{id}` is exact, and so is the list of the one decision that the
    caller asked with an `idempotency_key`. `unreadable` counts the decisions that nobody can read
    right now.
    """
    filters = _for(key, asked.filters)
    listing = Listing(service.client, service.encryption, service.waiting.look)
    if filters.idempotency_key is not None:
        found = await listing.entry(id_for(key.name, filters.idempotency_key), filters)
        return Page(decisions=[found] if found else [], unreadable=0, next_cursor=None)
    cursors = Cursors(service.secrets.link_keys)
    list_of = f"{key.name}\n{filters.model_dump_json()}"
    token = _token(cursors, asked.cursor, list_of)
    listed = await listing.page(filters, asked.limit, token)
    further = listed.next_token
    return Page(
        decisions=listed.decisions,
        unreadable=listed.unread,
        next_cursor=cursors.mint(further, list_of) if further else None,
    )


def _for(key: ApiKey, filters: Filters) -> Filters:
    """Return the filters that this key may use. Raises `Forbidden`."""
    if key.sees_all:
        return filters
    if filters.agent not in (None, key.name):
        raise Forbidden(
            f"The decisions of other agents take a key with the scope {RESOLVE} or {AUDIT}."
        )
    return filters.model_copy(update={"agent": key.name})


def _token(cursors: Cursors, cursor: str | None, list_of: str) -> bytes:
    if cursor is None:
        return b""
    try:
        return cursors.read(cursor, list_of)
    except BadCursorError as error:
        raise invalid(
            "cursor",
            "this is no cursor of this list; send `next_cursor` as it was given, with the same"
            " filters and the same agent's key, or none to begin anew.",
        ) from error
