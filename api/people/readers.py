"""Finds the reader of a page: the approver's settings, or else their browser's, or else our
default."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

from babel.core import negotiate_locale
from fastapi import Request

from store import StoreAway
from store.approvers import Approvers
from templates import LANGUAGES, Reader

REGIONAL = re.compile(r"([a-z]{2,3})(?:-[a-z]{4})?-([a-z]{2}|[0-9]{3})(?:-.*)?")
"""A language with its region (RFC 5646), such as `de-ch`."""

log = logging.getLogger(__name__)


class Readers:
    """Finds readers. `default` reads if nobody has said anything."""

    def __init__(self, approvers: Approvers, default: Reader) -> None:
        self._approvers = approvers
        self.default = default

    async def of(self, request: Request, approver: str) -> Reader:
        """Return this approver as a reader, who opened a link."""
        return _there(await self._preferred(self.of_browser(request), approver), request)

    async def of_program(self, approver: str) -> Reader:
        """Return this approver as a reader whose program we know nothing of."""
        return await self._preferred(self.default, approver)

    def of_browser(self, request: Request) -> Reader:
        """Return the sender of this request as a reader."""
        return _there(self.default.preferring(wanted(_header(request))), request)

    async def _preferred(self, reader: Reader, approver: str) -> Reader:
        try:
            set_by_them = await self._approvers.find(approver)
        except StoreAway as error:
            # In another language is better than not at all.
            log.error("the store cannot be reached: %s", error)  # noqa: TRY400 - no fault of ours
            return reader
        return reader.preferring(set_by_them.language, set_by_them.time_zone)


def wanted(header: str) -> str | None:
    """Return the best of our languages for an `Accept-Language` (RFC 9110, section 12.5.4)."""
    return negotiate_locale(_names(header), LANGUAGES, sep="-")


def region_of(language: str, header: str) -> str | None:
    """Return the region of this language, from the first entry that names one for it."""
    matches = (REGIONAL.fullmatch(name) for name in _names(header))
    return next((each[2].upper() for each in matches if each and each[1] == language), None)


def _there(reader: Reader, request: Request) -> Reader:
    """Return the region that their browser names for the language they read, and for no other."""
    return replace(reader, region=region_of(reader.language, _header(request)))


def _header(request: Request) -> str:
    return request.headers.get("accept-language", "")


def _names(header: str) -> list[str]:
    """Return the wanted languages, the best first."""
    ranked = sorted(map(_ranked, header[:500].split(",")), key=lambda entry: -entry[1])
    return [name for name, weight in ranked if weight > 0]


def _ranked(entry: str) -> tuple[str, float]:
    name, _, weight = "".join(entry.lower().split()).partition(";q=")
    try:
        return name, float(weight or 1)
    except ValueError:
        return name, 0
