"""URLs that somebody gave us to send to."""

from __future__ import annotations

from api.problems.errors import invalid
from outgoing import GuardedClient, OutgoingError


async def check_url(outgoing: GuardedClient, url: str, field: str) -> None:
    """Check a URL early, for whoever mistyped it; sending checks it again. Raises `Invalid`."""
    try:
        await outgoing.check(url)
    except OutgoingError as error:
        raise invalid(field, f"{error}.") from error
