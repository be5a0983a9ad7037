"""`/i/{token}`: all that waits for one approver, and their settings.

As with a decision's page, opening it changes nothing: when the button is pressed, only rows with a
choice are answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

from fastapi import APIRouter, Request, Response

from api.access.limiting import ANSWER
from api.decisions.listing import ListsUnavailable
from api.decisions.schemas import MAX_NOTES
from api.doors.deps import Service, ServiceDep
from api.http.cursors import BadCursorError, Cursors
from api.http.requests import DECISION_ID
from api.http.static import root
from api.pages import forms
from api.pages.door import PageRoute
from api.pages.forms import Filled
from api.pages.inbox_answers import Given, Result, answer_all
from api.pages.waiting_list import PAGE, Found, Place, WaitingLists, link_to
from api.people import preferences
from api.people.linked import reading_links
from api.people.page import page
from api.problems.errors import RETRY_AFTER, ApiError, Gone, Invalid
from links import PersonalLink
from store.approvers import Preferences
from templates import LANGUAGES, Reader
from templates.reader import time_zones
from workflows.sentences import N_

LIVES = timedelta(days=30)
"""Lifetime of the link. A mail is kept for years, and the link in it would open whatever is asked
by then. An approver who is asked again has a newer one."""

CHOICE, NOTES = "answer.", "notes."
"""Prefixes of a decision's id, in the names of a row's fields. The value of an answer is the choice
and the digest of what the row showed."""

PRESSED = "send"
"""Name of the button."""

REGIONS = (
    *("Africa", "America", "Antarctica", "Arctic", "Asia"),
    *("Atlantic", "Australia", "Europe", "Indian", "Pacific"),
)
"""Beginnings of the offered names of time zones; others are older spellings of these."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Visitor:
    """The owner of an opened link, and how they read."""

    token: str
    link: PersonalLink
    reader: Reader

    @property
    def approver(self) -> str:
        return self.link.approver


@router.api_route("/i/{token}", methods=["GET", "HEAD"])
async def show(
    service: ServiceDep, token: str, request: Request, after: str | None = None
) -> Response:
    """Show what waits; `after` is the end of the page before."""
    visitor = await _let_in(service, token, request, "inbox")
    return await _inbox(service, visitor, after)


@router.post("/i/{token}")
async def answer(service: ServiceDep, token: str, request: Request) -> Response:
    """Take the answers of the rows with a choice."""
    visitor = await _let_in(service, token, request, "send")
    async with forms.read(request) as form:
        # Before anything that may take its time: this instant decides whether they are in time.
        received_at = await service.clock.now()
        given = list(_given(form))
    if not given or not _is_pressed(form):
        return await _inbox(service, visitor, form.fields.get("after"), typed=form.fields)
    if len(given) > PAGE:
        raise Invalid(N_("These are more answers than one page of the inbox has."))
    await service.limits.count_personal_link(visitor.link, ANSWER)
    results = await answer_all(
        service.decisions, service.answers, visitor.approver, given, received_at
    )
    context = {
        "approver": visitor.approver,
        "results": results,
        "page_of": partial(link_to, service.links, visitor.approver),
        "inbox": f"{root()}/i/{visitor.token}",
    }
    status = _status(results)
    headers = {"Retry-After": str(RETRY_AFTER)} if status == 503 else {}
    return page("inbox_answers", context, visitor.reader, status, headers)


@router.api_route("/i/{token}/settings", methods=["GET", "HEAD"])
async def settings(service: ServiceDep, token: str, request: Request) -> Response:
    """Show how this approver reads, and when and by which channels they are asked."""
    visitor = await _let_in(service, token, request, "settings")
    found = await service.store.approvers.find(visitor.approver)
    return _settings(service, visitor, found, preferences.fields_of(found))


@router.post("/i/{token}/settings")
async def save(service: ServiceDep, token: str, request: Request) -> Response:
    """Keep the chosen settings, which hold from the next message and page on."""
    visitor = await _let_in(service, token, request, "settings")
    async with forms.read(request) as form:
        before = await service.store.approvers.find(visitor.approver)
        fields = preferences.typed(form.fields, before, slack=_has_slack(service))
    wrong = set(preferences.wrong(fields, before))
    if wrong or not _is_pressed(form):
        return _settings(service, visitor, before, fields, wrong=wrong)
    await service.limits.count_personal_link(visitor.link, ANSWER)
    chosen = preferences.chosen(fields, before)
    await service.store.approvers.set(visitor.approver, chosen)
    reader = await service.readers.of(request, visitor.approver)
    visitor = Visitor(token, visitor.link, reader)
    return _settings(service, visitor, chosen, preferences.fields_of(chosen), saved=True)


def _status(results: Sequence[Result]) -> int:
    if any(result.counts for result in results):
        return 200
    return 503 if any(result.became == "unconfirmed" for result in results) else 409


async def _let_in(service: Service, token: str, request: Request, use: str) -> Visitor:
    """Admit the visitor. Raises `NotFound`, `NeedsOperator`, `Gone` and `TooMany`."""
    with reading_links(N_("This link is not complete, or it is not ours.")):
        link = service.links.read_personal(token)
    await service.limits.count_personal_link(link, use)
    if datetime.now(UTC) - link.minted_at > LIVES:
        raise Gone(N_("A link to an inbox works for 30 days. Every newer mail has a new one."))
    return Visitor(token, link, await service.readers.of(request, link.approver))


async def _inbox(
    service: Service, visitor: Visitor, after: str | None, typed: Mapping[str, str] | None = None
) -> Response:
    """Render the inbox. `typed` is a form that sent nothing."""
    cursors = Cursors(service.secrets.link_keys)
    list_of = f"inbox\n{visitor.approver}"
    found = await _found(service, visitor, _place(cursors, after, list_of))
    context = {
        "approver": visitor.approver,
        "found": found,
        "page_of": partial(link_to, service.links, visitor.approver),
        "now": datetime.now(UTC),
        "inbox": f"{root()}/i/{visitor.token}",
        "after": after if after else "",
        "further": cursors.mint(str(found.further).encode(), list_of) if found.further else None,
        "typed": typed or {},
        "not_sent": typed is not None,
    }
    return page("inbox", context, visitor.reader, 200 if typed is None else 422)


def _lists(service: Service) -> WaitingLists:
    return WaitingLists(service.client, service.waiting, service.encryption)


async def _found(service: Service, visitor: Visitor, after: Place | None) -> Found:
    try:
        return await _lists(service).of(visitor.approver, after)
    except ListsUnavailable as error:
        raise ApiError(
            N_(
                "This service keeps no index of what waits, so there is no inbox. The link in each"
                " mail opens the decision that it is about."
            ),
            code=error.problem.code,
        ) from error


def _place(cursors: Cursors, after: str | None, list_of: str) -> Place | None:
    """Return the place, or None for the first page, also for a place that is not ours."""
    try:
        return Place.of(cursors.read(after, list_of).decode()) if after else None
    except BadCursorError:
        return None


def _is_pressed(form: Filled) -> bool:
    """Return whether somebody pressed the button: scripts of mail scanners send forms without."""
    return PRESSED in form.fields


def _given(form: Filled) -> Iterator[Given]:
    """Return the choices, at most as many as a page can have."""
    for name, value in form.fields.items():
        decision_id = name.removeprefix(CHOICE)
        if name.startswith(CHOICE) and DECISION_ID.fullmatch(decision_id):
            choice, _, digest = value.partition(" ")
            notes = form.fields.get(NOTES + decision_id, "").strip()[:MAX_NOTES]
            yield Given(decision_id, choice, digest, notes or None)


def _settings(
    service: Service,
    visitor: Visitor,
    found: Preferences,
    fields: Mapping[str, str],
    *,
    wrong: set[str] | None = None,
    saved: bool = False,
) -> Response:
    context = {
        "approver": visitor.approver,
        **preferences.shown(found, fields, slack=_has_slack(service)),
        "languages": LANGUAGES,
        "regions": _zones(),
        "is_listed": _is_listed(fields["time_zone"]),
        "default_zone": service.settings.time_zone,
        "wrong": wrong or set(),
        "saved": saved,
        "now": datetime.now(UTC),
        "inbox": f"{root()}/i/{visitor.token}",
    }
    return page("settings", context, visitor.reader, 422 if wrong else 200)


def _has_slack(service: Service) -> bool:
    return not service.settings.lacking_for_slack


@lru_cache
def _zones() -> dict[str, list[str]]:
    """Return the offered time zones beside UTC, by region."""
    return {
        region: sorted(zone for zone in time_zones() if zone.startswith(f"{region}/"))
        for region in REGIONS
    }


def _is_listed(zone: str) -> bool:
    return zone in ("", "UTC") or any(zone in zones for zones in _zones().values())
