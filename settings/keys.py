"""Keys as they are written, and new ones."""

from __future__ import annotations

import base64
import secrets

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from histories.encryption import KEY_BYTES
from settings.errors import ConfigurationError

ED25519_BYTES = 32
"""Bytes of an Ed25519 key, private or public."""


def new_secrets() -> dict[str, str]:
    """Return one fresh value for every secret that a service needs."""
    signing_key = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    return {
        "link_keys": secrets.token_urlsafe(32),
        "signing_keys": signing_key,
        "verify_keys": public_half(signing_key),
        "encryption_keys": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        "outbox_token": secrets.token_urlsafe(16),
    }


def public_half(signing_key: str) -> str:
    """Return the public key of a signing key. Raises `ConfigurationError` for what is no Ed25519
    seed in base64."""
    try:
        key = Ed25519PrivateKey.from_private_bytes(key_bytes(signing_key))
    except ValueError as error:
        raise ConfigurationError(
            "HANDOVER_SIGNING_KEYS: each key is an Ed25519 seed, 32 bytes in base64;"
            " `make secrets` prints one."
        ) from error
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def key_bytes(key: str) -> bytes:
    """Return the bytes of a key; none for what is no base64."""
    try:
        return base64.b64decode(key, validate=True)
    except ValueError:
        return b""
