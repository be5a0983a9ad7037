"""Faults of a secret: whoever could guess it, or has it already, is let in by it."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

SHORTEST = 32
"""Characters of a secret that we use as a key. `make secrets` prints 43."""

DIFFERENT = 8
"""Characters that differ, at least. 32 random hexadecimal digits have about fourteen."""

PLACEHOLDERS = (
    *("changeme", "change-me", "change_me", "replace-me", "replace_me", "replaceme"),
    *("secret", "password", "placeholder", "your-key", "your_key", "example", "development"),
)
"""Words that documentation writes in a secret's place."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret to check. `setting` is the variable that has it. `is_ours`: a key that we use as
    such, and may judge; others are given out by somebody else in a form of their own."""

    setting: str
    value: str
    is_ours: bool = False


def complaints(secrets: Sequence[Secret], made: Collection[str]) -> Iterator[str]:
    """Yield one sentence for each fault; none of them tells the secret.

    `made` are those that development made up for itself.
    """
    for secret in secrets:
        if fault := _fault(secret, made):
            yield f"{secret.setting}: {fault}"
    settings: dict[str, set[str]] = defaultdict(set)
    for secret in secrets:
        settings[secret.value].add(secret.setting)
    for names in settings.values():
        if len(names) > 1:
            yield f"{' and '.join(sorted(names))} have the same secret: each needs its own."


def _fault(secret: Secret, made: Collection[str]) -> str | None:
    value = secret.value
    if value in made:
        return "this secret was made up for development, in secrets.json; `make secrets`."
    if _is_placeholder(secret):
        return "this is a placeholder and no secret; `make secrets`."
    if not secret.is_ours:
        return None
    if len(value) < SHORTEST:
        return f"a key has {SHORTEST} characters or more; `make secrets`."
    if _repeats(value.encode()) or _repeats(_decoded(value)):
        return "this key repeats itself, as no random one does; `make secrets`."
    return None


def _is_placeholder(secret: Secret) -> bool:
    """Return whether it is a placeholder; a key of ours may not even contain one. A password that
    somebody chose may have such a word in it, a random key never does."""
    value = secret.value.casefold()
    return any(word in value if secret.is_ours else word == value for word in PLACEHOLDERS)


def _repeats(value: bytes) -> bool:
    return len(set(value)) < DIFFERENT or value in (value + value)[1:-1]


def _decoded(value: str) -> bytes:
    """Decode base64, which can look random although its content does not."""
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return value.encode()
