"""The time for which a server asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol


class Headers(Protocol):
    """The headers of an answer, without regard to the case of their names."""

    def get(self, name: str, /) -> str | None: ...


def retry_after(headers: Headers) -> timedelta | None:
    """Read `Retry-After` (seconds or a date) or `X-RateLimit-Reset` (epoch); None if neither is
    present and readable."""
    now = datetime.now(UTC)
    try:
        if value := headers.get("Retry-After"):
            wait = (
                timedelta(seconds=int(value))
                if value.strip().isdecimal()
                else parsedate_to_datetime(value) - now
            )
        elif value := headers.get("X-RateLimit-Reset"):
            wait = datetime.fromtimestamp(int(value), UTC) - now
        else:
            return None
    except (ValueError, TypeError, OverflowError):
        return None
    return max(wait, timedelta(seconds=1))
