"""The names of variables that begin with `HANDOVER_`: which are settings, or were meant to be.

A misspelt one would be ignored, and the service would run as if it had not been set.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches

PREFIX = "HANDOVER_"

OTHERS = (
    *("API_KEY", "BASE_URL", "CALLBACK_SECRET"),
    *("PORT", "TEMPORAL_PORT", "TEMPORAL_UI_PORT"),
)
"""Names that others read: the SDK, its receivers of callbacks, `make run`, the compose file."""

LIKE, LIKE_BEHIND = 0.8, 0.75
"""Likeness, of 1 for the same letters in the same order, from which on a name is a misspelt one;
and the same for a name that begins with the same word."""

KUBERNETES = re.compile(
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)=.*"
    r"|(\w+_)?PORT=(tcp|udp|sctp)://.*"
)
"""Variables that Kubernetes gives containers beside a service called handover, or handover-…."""


def misspelt(environment: Mapping[str, str], settings: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each variable that was meant to be another."""
    for name, meant in _strange(environment, settings):
        if meant:
            yield f"{name} is no setting, and would be ignored. {PREFIX}{meant} is one."


def unknown(environment: Mapping[str, str], settings: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each variable that is like none that we know."""
    for name, meant in _strange(environment, settings):
        if not meant:
            yield f"{name} is no setting, and is ignored."


def _strange(
    environment: Mapping[str, str], settings: Collection[str]
) -> Iterator[tuple[str, str | None]]:
    """Yield each variable that nobody reads, and the name that it is like."""
    known = [*(name.upper() for name in settings), *OTHERS]
    for variable, value in sorted(environment.items()):
        name = variable.upper().removeprefix(PREFIX)
        if not variable.upper().startswith(PREFIX) or name in known:
            continue
        if not KUBERNETES.fullmatch(f"{name}={value}"):
            yield variable, _like(name, known)


def _like(name: str, known: Collection[str]) -> str | None:
    first, *_ = words = name.split("_")
    same_words = [each for each in known if sorted(each.split("_")) == sorted(words)]
    same_first = [each for each in known if each.startswith(f"{first}_")]
    found = (
        same_words
        or get_close_matches(name, same_first, 1, LIKE_BEHIND)
        or get_close_matches(name, known, 1, LIKE)
    )
    return next(iter(found), None)
