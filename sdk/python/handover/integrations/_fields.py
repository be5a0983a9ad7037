"""Fields of a decision that are set once, as values or as functions of the question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..exceptions import ConfigurationError
from ..resources import DecisionFields


def check_fields(fields: Iterable[str], *, without: Iterable[str] = ()) -> None:
    """Check the fields. Raises `TypeError` as Python does for a wrong keyword, and
    `ConfigurationError` for a `callback_url`, because here the answer is waited for."""
    known = DecisionFields.__annotations__.keys() - set(without)
    if unknown := sorted(set(fields) - known):
        raise TypeError(f"got an unexpected keyword argument {unknown[0]!r}")
    if "callback_url" in fields:
        raise ConfigurationError(
            "With a callback_url nothing waits. Call interrupt() in the graph, and start it with an"
            " ApprovalRunner."
        )


def resolve(fields: Mapping[str, Any], asked_about: Any) -> dict[str, Any]:
    """Return the fields, with the functions among them called."""
    return {
        name: field(asked_about) if callable(field) else field for name, field in fields.items()
    }
