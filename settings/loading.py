"""Reads the settings from the environment, and tells all that is wrong with them at once."""

from __future__ import annotations

import os
from collections.abc import Callable

from pydantic import ValidationError

from outgoing import Exceptions
from settings import names
from settings.checks import complaints
from settings.errors import ConfigurationError, variable
from settings.model import Settings
from settings.secrets import load_encryption


def load_settings(*parts: Callable[[Settings], object]) -> Settings:
    """Read the environment, and see that these parts can be made of it.

    Raises `ConfigurationError` with all that is wrong.
    """
    settings, faults = _read()
    found = [*names.misspelt(os.environ, Settings.model_fields), *complaints(settings)]
    for part in (load_encryption, load_exceptions, *parts):
        try:
            part(settings)
        except ConfigurationError as error:
            found += error.faults
    # Of a setting that cannot be read, nothing else is known.
    unread = {fault.partition(":")[0] for fault in faults}
    faults += [fault for fault in found if fault.partition(":")[0] not in unread]
    if faults:
        raise ConfigurationError(*dict.fromkeys(faults))
    return settings


def _read() -> tuple[Settings, list[str]]:
    """Return the settings, and the faults of those that cannot be read, which count as not set."""
    try:
        return Settings(), []
    except ValidationError as error:
        wrong = {str(e["loc"][0]): e["msg"].removeprefix("Value error, ") for e in error.errors()}
        fields = Settings.model_fields
        unset = {name: fields[name].get_default(call_default_factory=True) for name in wrong}
        return Settings(**unset), [f"{variable(name)}: {why}." for name, why in wrong.items()]


def load_exceptions(settings: Settings) -> Exceptions:
    """Return the places to which callbacks may go besides. Raises `ConfigurationError`."""
    try:
        return Exceptions.parse(settings.outgoing_exceptions)
    except ValueError as error:
        raise ConfigurationError(f"HANDOVER_OUTGOING_EXCEPTIONS: {error}.") from error
