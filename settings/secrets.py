"""The secrets in force, and what they make: the codec that encrypts."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel

from histories.encryption import Encryption
from settings.errors import ConfigurationError
from settings.keys import new_secrets, public_half
from settings.model import Settings
from settings.private import create_once


class Secrets(BaseModel):
    """The secrets in force, as text.

    `signing_keys` is empty in a process that only verifies; `verify_keys` has the public half of
    each of them, and what the settings add.
    """

    link_keys: list[str]
    signing_keys: list[str]
    verify_keys: list[str]
    outbox_token: str


def load_secrets(settings: Settings) -> Secrets:
    """Return the secrets of the environment, and in development those of `secrets.json` for what is
    missing.

    The first process makes that file (mode 0600); all others read it.
    """
    made: dict[str, str] = {}
    if settings.environment == "development":
        new = {name: made for name, made in new_secrets().items() if name != "encryption_keys"}
        made = json.loads(create_once(settings.data_dir / "secrets.json", json.dumps(new)))

    def keys(name: Literal["link_keys", "signing_keys", "verify_keys"]) -> list[str]:
        given = [key.get_secret_value() for key in getattr(settings, name)]
        return given or ([made[name]] if name in made else [])

    token = settings.outbox_token
    public = [public_half(key) for key in keys("signing_keys")]
    return Secrets(
        link_keys=keys("link_keys"),
        signing_keys=keys("signing_keys"),
        verify_keys=list(dict.fromkeys([*public, *keys("verify_keys")])),
        outbox_token=token.get_secret_value() if token else made.get("outbox_token", ""),
    )


def load_encryption(settings: Settings) -> Encryption:
    """Return the codec that encrypts and decrypts by the settings. Raises `ConfigurationError`."""
    keys = [key.get_secret_value() for key in settings.encryption_keys]
    try:
        return Encryption(keys, on=settings.encryption, revoked=settings.revoked_keys)
    except ValueError as error:
        raise ConfigurationError(
            f"HANDOVER_ENCRYPTION_KEYS: {error}; `make secrets` prints one."
        ) from error
