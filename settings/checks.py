"""Checks of the settings: what does not go together, and what production lacks."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import cast
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from links.tokens import key_id as link_key_id
from settings import secret_checks
from settings.addresses import THIS_MACHINE
from settings.errors import ConfigurationError, variable
from settings.keys import ED25519_BYTES, key_bytes, public_half
from settings.model import Settings
from settings.secrets import load_encryption
from workflows import proof


def complaints(settings: Settings) -> Iterator[str]:
    """Yield what does not go together, and what production lacks, most important first."""
    if bool(settings.oidc_issuer) != bool(settings.oidc_audience):
        yield (
            "HANDOVER_OIDC_ISSUER and HANDOVER_OIDC_AUDIENCE go together: without an audience, any"
            " token of the issuer would count here."
        )
    yield from _complaints_about_slack(settings)
    yield from _complaints_about_temporal()
    yield from _complaints_about_revoked_keys(settings)
    if settings.environment == "production":
        yield from _complaints_in_production(settings)


def _complaints_in_production(settings: Settings) -> Iterator[str]:
    """Yield what is missing in production or too weak for it."""
    if settings.email == "outbox":
        yield (
            "HANDOVER_EMAIL_TRANSPORT: the outbox is for development. In production set"
            " HANDOVER_SENDGRID_API_KEY, or HANDOVER_SMTP_HOST."
        )
    if not settings.link_keys:
        yield "HANDOVER_LINK_KEYS is required in production: `make secrets`."
    if not (settings.signing_keys or settings.verify_keys):
        yield (
            "HANDOVER_SIGNING_KEYS (API) or HANDOVER_VERIFY_KEYS (worker) is required in"
            " production: `make secrets`."
        )
    address = urlsplit(settings.public_url)
    if address.scheme != "https" and address.hostname not in THIS_MACHINE:
        yield (
            "HANDOVER_PUBLIC_URL: links are the right to answer, so in production they begin with"
            " https://, on this machine alone with http://."
        )
    if settings.oidc_issuer and urlsplit(settings.oidc_issuer).scheme != "https":
        yield "HANDOVER_OIDC_ISSUER: in production the issuer's address begins with https://."
    made = settings.data_dir / "secrets.json"
    known = json.loads(made.read_text()).values() if made.exists() else ()
    yield from secret_checks.complaints(list(_given_secrets(settings)), known)
    try:
        _ = [public_half(key.get_secret_value()) for key in settings.signing_keys]
    except ConfigurationError as error:
        yield from error.faults
    if any(len(key_bytes(key.get_secret_value())) != ED25519_BYTES for key in settings.verify_keys):
        yield "HANDOVER_VERIFY_KEYS: each key is an Ed25519 public key, 32 bytes in base64."


def _complaints_about_revoked_keys(settings: Settings) -> Iterator[str]:
    for setting, key_id in _key_ids(settings):
        if key_id in settings.revoked_keys:
            yield (
                f"HANDOVER_REVOKED_KEYS: {key_id} is the id of a key in {setting}, too. Take it out"
                " of one of them."
            )


def _key_ids(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the ids of the keys that are set, with their settings. A text that is no key has
    another complaint."""
    with suppress(ConfigurationError):
        for key in settings.signing_keys:
            yield "HANDOVER_SIGNING_KEYS", proof.key_id(public_half(key.get_secret_value()))
    for key in settings.verify_keys:
        if key_bytes(public := key.get_secret_value()):
            yield "HANDOVER_VERIFY_KEYS", proof.key_id(public)
    for key in settings.link_keys:
        yield "HANDOVER_LINK_KEYS", link_key_id(key.get_secret_value())
    with suppress(ConfigurationError):
        for key_id in load_encryption(settings).key_ids:
            yield "HANDOVER_ENCRYPTION_KEYS", key_id


def _complaints_about_slack(settings: Settings) -> Iterator[str]:
    token = settings.slack_bot_token
    if token and not token.get_secret_value().startswith("xoxb-"):
        yield (
            "HANDOVER_SLACK_BOT_TOKEN: this is no bot token; copy the Bot User OAuth Token"
            " (xoxb-…) of the app's page OAuth & Permissions, with token rotation off."
        )
    address = urlsplit(settings.slack_api_url)
    is_here = address.hostname in THIS_MACHINE
    if address.scheme != "https" and not (address.scheme == "http" and is_here):
        yield "HANDOVER_SLACK_API_URL: Slack's address begins with https://."


def _complaints_about_temporal() -> Iterator[str]:
    """Yield a complaint about an address that Temporal's own libraries would try for ever."""
    address = os.environ.get("TEMPORAL_ADDRESS")
    if address and re.search(r"[\s/]", address):
        yield f"TEMPORAL_ADDRESS: {address!r} is no host and port, such as temporal:7233."


def _given_secrets(settings: Settings) -> Iterator[secret_checks.Secret]:
    """Yield all secrets of the settings, and their public keys, which are none of the others."""
    for field in Settings.model_fields:
        name = variable(field)
        match getattr(settings, field):
            case SecretStr() as secret if field.endswith("_url"):
                if password := urlsplit(secret.get_secret_value()).password:
                    yield secret_checks.Secret(name, unquote(password))
            case SecretStr() as secret if secret:
                yield secret_checks.Secret(name, secret.get_secret_value())
            case list() as keys if field.endswith("_keys") and field != "revoked_keys":
                for key in cast(list[SecretStr], keys):
                    yield secret_checks.Secret(name, key.get_secret_value(), is_ours=True)
            case _:
                pass
