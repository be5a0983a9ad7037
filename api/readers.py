"""Who reads a page: what the approver has set, else what their browser says, else our default."""

from __future__ import annotations

import logging

from babel.core import negotiate_locale
from fastapi import Request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.deps import Service
from templates import LANGUAGES, Reader

log = logging.getLogger(__name__)


async def reader_of(service: Service, request: Request, approver: str) -> Reader:
    """For this approver, who opened a link."""
    return await _preferred(service, of_browser(service, request), approver)


async def reader_for(service: Service, approver: str) -> Reader:
    """For this approver, of whose program we know nothing."""
    return await _preferred(service, default_reader(service), approver)


def default_reader(service: Service) -> Reader:
    return Reader(service.settings.language, service.settings.time_zone)


async def _preferred(service: Service, reader: Reader, approver: str) -> Reader:
    try:
        set_by_them = await service.store.approvers.find(approver)
    except (PoolTimeoutError, OperationalError, InterfaceError) as error:
        # In another language is better than not at all.
        log.error("the store cannot be reached: %s", error)  # noqa: TRY400 - no fault of ours
        return reader
    return reader.preferring(set_by_them.language, set_by_them.time_zone)


def of_browser(service: Service, request: Request) -> Reader:
    """For whoever sent this request."""
    return default_reader(service).preferring(wanted(request.headers.get("accept-language", "")))


def wanted(header: str) -> str | None:
    """The best of our languages for an `Accept-Language` (RFC 9110, section 12.5.4)."""
    ranked = sorted(map(_ranked, header[:500].split(",")), key=lambda entry: -entry[1])
    names = [name for name, weight in ranked if weight > 0]
    return negotiate_locale(names, LANGUAGES, sep="-")


def _ranked(entry: str) -> tuple[str, float]:
    name, _, weight = "".join(entry.lower().split()).partition(";q=")
    try:
        return name, float(weight or 1)
    except ValueError:
        return name, 0
