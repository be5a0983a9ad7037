"""Faults of the settings, each under the name of its variable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ConfigurationError(Exception):
    """The settings cannot work; each of `faults` names its setting and says what to do."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@contextmanager
def naming(setting: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn these errors into a fault of this setting."""
    try:
        yield
    except errors as error:
        raise ConfigurationError(f"{setting}: {error}") from error


def variable(field: str) -> str:
    """Return the name of a setting's environment variable."""
    return f"HANDOVER_{field.upper()}"
