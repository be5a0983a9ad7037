"""The settings, read by the composition roots (`worker.py`, `api.main`, `embedded`) only.

Everything of ours begins with `HANDOVER_`; how Temporal is reached is read by Temporal's own
`envconfig` from `TEMPORAL_*`, so that an operator sets it as for any other Temporal program.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig

KeyList = Annotated[list[SecretStr], NoDecode]
"""Keys separated by commas: the first one is used, all are accepted (so that one can rotate)."""


class ConfigurationError(Exception):
    """The settings cannot work together; the message names the setting and says what to do."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HANDOVER_", extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = "development"
    """In production nothing is made up: secrets and a real e-mail transport are required."""
    data_dir: Path = Path(".handover")
    public_url: str = "http://127.0.0.1:8000"
    """What links in messages begin with: this service, as approvers reach it."""
    task_queue: str = "handover-decisions"
    database_url: SecretStr | None = None
    """SQLAlchemy's form; the default is a SQLite file in the data folder."""
    files_url: str | None = None
    """Where files are kept: `s3://bucket/prefix`, or `file:///folder`; the default is a folder in
    the data folder. For S3 the library reads `AWS_*` itself."""

    link_keys: KeyList = Field(default_factory=list[SecretStr])
    """Sign the links in messages: 32 random characters or more each."""
    signing_keys: KeyList = Field(default_factory=list[SecretStr])
    """Ed25519 seeds (32 bytes, base64), which sign decisions and responses. For the API alone."""
    verify_keys: KeyList = Field(default_factory=list[SecretStr])
    """Ed25519 public keys (base64) that count besides `signing_keys`. All that a worker needs."""
    outbox_token: SecretStr | None = None

    email_from: str = "Handover <handover@localhost>"
    email_transport: Literal["sendgrid", "smtp", "outbox"] | None = None
    """Default: SendGrid when it has a key, else SMTP when it has a host, else the outbox."""
    sendgrid_api_key: SecretStr | None = None
    sendgrid_host: str = "https://api.sendgrid.com"
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"

    receipts: bool = True
    """Tell the approver in whose name an answer came: the alarm for a stolen link."""
    max_waits: int = 1000
    """Decisions one API process long-polls at once. Temporal's frontend refuses more than 1,200
    per namespace unless `frontend.namespaceCount` is raised."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="before")
    @classmethod
    def _split_key_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("link_keys", "signing_keys", "verify_keys"):
            if isinstance(text := values.get(name), str):
                values[name] = [key.strip() for key in text.split(",") if key.strip()]
        return values

    @property
    def email(self) -> Literal["sendgrid", "smtp", "outbox"]:
        """The e-mail transport in force."""
        if self.email_transport:
            return self.email_transport
        return "sendgrid" if self.sendgrid_api_key else "smtp" if self.smtp_host else "outbox"

    @property
    def store_url(self) -> str:
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{(self.data_dir / 'store.db').resolve()}"

    @property
    def storage_url(self) -> str:
        return self.files_url or (self.data_dir / "files").resolve().as_uri()


class Secrets(BaseModel):
    """The secrets in force, as text.

    `signing_keys` is empty in a process that only verifies; `verify_keys` has the public half of
    each of them, and what the settings add.
    """

    link_keys: list[str]
    signing_keys: list[str]
    verify_keys: list[str]
    outbox_token: str


def load_settings() -> Settings:
    """Read the environment.

    Raises `ConfigurationError` where production lacks what development makes up for itself.
    """
    settings = Settings()
    if settings.environment == "production":
        if settings.email == "outbox":
            raise ConfigurationError(
                "HANDOVER_EMAIL_TRANSPORT: the outbox is for development. In production set"
                " HANDOVER_SENDGRID_API_KEY, or HANDOVER_SMTP_HOST."
            )
        if not settings.link_keys:
            raise ConfigurationError(
                "HANDOVER_LINK_KEYS is required in production: `make secrets`."
            )
        if not (settings.signing_keys or settings.verify_keys):
            raise ConfigurationError(
                "HANDOVER_SIGNING_KEYS (API) or HANDOVER_VERIFY_KEYS (worker) is required in"
                " production: `make secrets`."
            )
    return settings


def load_secrets(settings: Settings) -> Secrets:
    """The secrets of the environment, and in development what is missing from `secrets.json`.

    The first process makes that file (mode 0600); all others read it.
    """
    made: dict[str, str] = {}
    if settings.environment == "development":
        made = json.loads(
            create_once(settings.data_dir / "secrets.json", json.dumps(new_secrets()))
        )

    def keys(name: Literal["link_keys", "signing_keys", "verify_keys"]) -> list[str]:
        given = [key.get_secret_value() for key in getattr(settings, name)]
        return given or ([made[name]] if name in made else [])

    token = settings.outbox_token
    public = [_public_half(key) for key in keys("signing_keys")]
    return Secrets(
        link_keys=keys("link_keys"),
        signing_keys=keys("signing_keys"),
        verify_keys=list(dict.fromkeys([*public, *keys("verify_keys")])),
        outbox_token=token.get_secret_value() if token else made.get("outbox_token", ""),
    )


def new_secrets() -> dict[str, str]:
    """One fresh value for every secret that a service needs."""
    signing_key = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    return {
        "link_keys": secrets.token_urlsafe(32),
        "signing_keys": signing_key,
        "verify_keys": _public_half(signing_key),
        "outbox_token": secrets.token_urlsafe(16),
    }


def _public_half(signing_key: str) -> str:
    """Raises `ConfigurationError` for what is no Ed25519 seed in base64."""
    try:
        key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(signing_key, validate=True))
    except ValueError as error:
        raise ConfigurationError(
            "HANDOVER_SIGNING_KEYS: each key is 32 bytes in base64; `make secrets` prints one."
        ) from error
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def create_once(path: Path, content: str) -> str:
    """Make a private file (0600) unless it is there, and return what it holds.

    Linking a finished file into place is what makes two processes that start together agree.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


async def connect(*, lazy: bool = False) -> Client:
    """A client for the Temporal server that `TEMPORAL_*` names (default `localhost:7233`)."""
    options = ClientConfig.load_client_connect_config()
    options.setdefault("target_host", "localhost:7233")
    return await Client.connect(**options, data_converter=pydantic_data_converter, lazy=lazy)
