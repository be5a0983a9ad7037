"""The settings: their names, defaults and forms.

Everything of ours begins with `HANDOVER_`; how Temporal is reached is read by Temporal's own
`envconfig` from `TEMPORAL_*`, so that an operator sets it as for any other Temporal program.
"""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from handover.addresses import Address, a_labels
from settings import names
from settings.addresses import is_a_database, is_web_address
from settings.errors import variable
from settings.keys import key_bytes

KeyList = Annotated[list[SecretStr], NoDecode]
"""Keys separated by commas: the first one is used, all are accepted (so that one can rotate)."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HANDOVER_", extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = "development"
    """The environment: production needs secrets and a real e-mail transport, and makes none up."""
    data_dir: Path = Path(".handover")
    public_url: str = "http://127.0.0.1:8000"
    """The beginning of links in messages: this service, as approvers reach it."""
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["127.0.0.1", "::1"]
    )
    """Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses and networks
    (CIDR), separated by commas. `public_url` alone says where links lead to."""
    task_queue: str = "handover-decisions"
    database_url: SecretStr | None = None
    """`postgresql://user:password@host/database`; by default a SQLite file in the data folder."""
    files_url: str | None = None
    """The folder of files: `s3://bucket/prefix`, or `file:///folder`; the default is one in the
    data folder. For S3 the library reads `AWS_*` itself."""

    link_keys: KeyList = Field(default_factory=list[SecretStr])
    """Keys that sign the links in messages: 32 random characters or more each."""
    signing_keys: KeyList = Field(default_factory=list[SecretStr])
    """Ed25519 seeds (32 bytes, base64), which sign decisions and responses. For the API alone."""
    verify_keys: KeyList = Field(default_factory=list[SecretStr])
    """Ed25519 public keys (base64) that count besides `signing_keys`. All that a worker needs."""
    encryption_keys: KeyList = Field(default_factory=list[SecretStr])
    """Keys that encrypt all that Temporal stores (32 bytes each, base64): the first encrypts, all
    decrypt. Without any, Temporal stores it as it is."""
    revoked_keys: Annotated[list[str], NoDecode] = Field(default_factory=list[str])
    """Ids of signing, encryption and link keys that count no more: stolen ones, and those that are
    gone for good. What they have signed reads as cancelled, and what they have encrypted is not
    there; of the same by a key that is in none of the lists, nothing is said at all."""
    encryption: bool = True
    """True to encrypt; if false, `encryption_keys` only decrypt what was encrypted before."""
    ui_origin: str | None = None
    """The origin of Temporal's UI (`https://host:port`): its page may ask `/codec/decode`."""
    outbox_token: SecretStr | None = None

    language: Literal["en", "de", "fr"] = "en"
    """The language for approvers who have set none and whose browser says none."""
    time_zone: str = "UTC"
    """The time zone for approvers who have set none: a name such as `Europe/Berlin`."""
    operator_email: str | None = None
    """The address that is told when a decision can reach none of its approvers."""
    local_domains: Annotated[list[str], NoDecode] = Field(default_factory=list[str])
    """Domains of one's own network, separated by commas, to which mail is sent although they are
    nobody's in the public DNS: `corp.local`, `home.arpa`, `mailhost`; with all below them."""

    email_from: str = "Handover <handover@localhost>"
    email_transport: Literal["sendgrid", "smtp", "outbox"] | None = None
    """The e-mail transport; by default SendGrid if it has a key, else SMTP if it has a host, else
    the outbox."""
    sendgrid_api_key: SecretStr | None = None
    sendgrid_host: str = "https://api.sendgrid.com"
    sendgrid_event_key: str | None = None
    """The public key of SendGrid's Signed Event Webhook, as SendGrid shows it. For the API, which
    is told at `/events/sendgrid` whether mails arrived."""
    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"

    slack_bot_token: SecretStr | None = None
    """The token of the Slack app: `xoxb-…`. The worker writes with it, and the API opens forms."""
    slack_signing_secret: SecretStr | None = None
    """The secret by which the API knows what comes from Slack."""
    slack_api_url: str = "https://slack.com/api/"
    """The address of Slack's API, which is `https://slack-gov.com/api/` for a Slack of its own."""

    email_per_second: float | None = Field(default=None, gt=0)
    """Messages by this channel that all workers together begin in a second; unset for any number.
    Every worker has to have the same."""
    slack_per_second: float | None = Field(default=None, gt=0)
    webhook_per_second: float | None = Field(default=None, gt=0)

    oidc_issuer: str | None = None
    """An OpenID Connect provider whose tokens administrators may use in place of an API key."""
    oidc_audience: str | None = None
    """The audience that its tokens have to name: this service, as the provider knows it."""
    oidc_scopes_claim: str = "scope"
    """The claim of a token in which our scopes are: words, or a list of them."""

    limits_url: SecretStr = SecretStr("memory://")
    """The place where requests are counted: in each process, or for all in
    `redis://[:password@]host:port` (`rediss://` with TLS)."""
    limits_fail: Literal["open", "closed"] = "open"
    """The rule while Redis is away: nobody is limited, or everybody is refused."""
    rate_limit: int = Field(default=600, ge=0)
    """Requests a minute with one key that has no rate of its own; 0 for any number."""
    link_rate_limit: int = Field(default=60, ge=0)
    """Answers a minute with one link, which may be opened ten times as often, because mail scanners
    open it too; 0 for any number."""
    max_lag: float = Field(default=1, ge=0)
    """Seconds that the oldest message may wait before agents that ask more are held back (429); 0
    for any time."""

    outgoing_exceptions: Annotated[list[str], NoDecode] = Field(default_factory=list[str])
    """Hosts to which callbacks may go, and from which images come, besides public addresses by
    https: `host:port` and CIDR, separated by commas. For development, and for servers of your
    own."""
    receipts: bool = True
    """True to tell the approver in whose name an answer came: the alarm for a stolen link."""
    max_waits: int = 1000
    """Decisions one API process long-polls at once. Temporal's frontend refuses more than 1,200
    per namespace unless `frontend.namespaceCount` is raised."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="before")
    @classmethod
    def _split_key_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("link_keys", "signing_keys", "verify_keys", "encryption_keys"):
            if isinstance(text := values.get(name), str):
                values[name] = [key.strip() for key in text.split(",") if key.strip()]
        return values

    @field_validator(
        *("outgoing_exceptions", "trusted_proxies", "local_domains", "revoked_keys"), mode="before"
    )
    @classmethod
    def _split_places(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [place.strip() for place in value.split(",") if place.strip()]

    @field_validator("public_url", "sendgrid_host", "ui_origin", "oidc_issuer")
    @classmethod
    def _is_web_address(cls, url: str | None, info: ValidationInfo) -> str | None:
        is_needed = info.field_name == "public_url"
        if (url or is_needed) and not is_web_address(url or ""):
            raise ValueError(f"{url!r} is no web address: write it whole, with https://")
        return url

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not is_a_database(url.get_secret_value()):
            raise ValueError(
                "this is no URL of a database: write postgresql://user:password@host/database, and"
                " in the password %40 for @, %2F for / and so on"
            )
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, places: list[str]) -> list[str]:
        for place in places:
            try:
                ipaddress.ip_network(place)
            except ValueError as error:
                raise ValueError(f"{error}: name addresses and networks") from error
        return places

    @field_validator("revoked_keys")
    @classmethod
    def _are_ids(cls, ids: list[str]) -> list[str]:
        if not all(re.fullmatch(r"([0-9a-f]{8}){1,2}", each) for each in ids):
            raise ValueError("name keys by their ids, as errors and /.well-known/handover-keys do")
        return ids

    @field_validator("local_domains")
    @classmethod
    def _are_domains(cls, domains: list[str]) -> list[str]:
        return [a_labels(domain.removeprefix(".")) for domain in domains]

    @field_validator("operator_email")
    @classmethod
    def _is_address(cls, text: str | None) -> str | None:
        return Address.parse(text).shown if text else None

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("this is no time zone: name one as IANA does, such as Europe/Berlin")
        return name

    @field_validator("sendgrid_event_key")
    @classmethod
    def _is_public_key(cls, text: str | None) -> str | None:
        if not text:
            return None
        try:
            is_for_ecdsa = isinstance(load_der_public_key(key_bytes(text)), EllipticCurvePublicKey)
        except (ValueError, UnsupportedAlgorithm):
            is_for_ecdsa = False
        if not is_for_ecdsa:
            raise ValueError("this is no key of SendGrid's Signed Event Webhook: copy it whole")
        return text

    @field_validator("limits_url")
    @classmethod
    def _can_count(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("memory://", "redis://", "rediss://")):
            raise ValueError("requests are counted in memory:// or in redis://host:port")
        return url

    @property
    def email(self) -> Literal["sendgrid", "smtp", "outbox"]:
        """The e-mail transport in force."""
        if self.email_transport:
            return self.email_transport
        return "sendgrid" if self.sendgrid_api_key else "smtp" if self.smtp_host else "outbox"

    @property
    def encrypts(self) -> bool:
        """True if what people write is kept from those who read what Temporal stores, and logs."""
        return self.encryption and bool(self.encryption_keys)

    @property
    def store(self) -> str | Path:
        """The URL of the database, or the SQLite file that is in its place."""
        if self.database_url and (url := self.database_url.get_secret_value()):
            return url
        return (self.data_dir / "store.db").resolve()

    @property
    def store_setting(self) -> str:
        """The variable that says where the store is."""
        return variable("database_url" if self.database_url else "data_dir")

    @property
    def storage_url(self) -> str:
        return self.files_url or (self.data_dir / "files").resolve().as_uri()

    @property
    def per_second(self) -> dict[str, float | None]:
        """The number of messages a second that begin by each channel."""
        return {
            "email": self.email_per_second,
            "slack": self.slack_per_second,
            "webhook": self.webhook_per_second,
        }

    @property
    def lacking_for_slack(self) -> list[str]:
        """The settings without which nobody can be asked in Slack."""
        needed = {
            "HANDOVER_SLACK_BOT_TOKEN": self.slack_bot_token,
            "HANDOVER_SLACK_SIGNING_SECRET": self.slack_signing_secret,
        }
        return [name for name, value in needed.items() if not value]

    @property
    def warnings(self) -> list[str]:
        """Warnings of what works in production too, and its operator should know of."""
        found = list(names.unknown(os.environ, Settings.model_fields))
        is_file = isinstance(self.store, Path) or self.store.startswith("sqlite")
        if self.environment == "production" and is_file:
            found.append(
                "HANDOVER_DATABASE_URL: the store is a SQLite file, for one machine alone; API and"
                " worker have to share it, and its backups are yours. PostgreSQL serves several."
            )
        if self.environment == "production" and self.outgoing_exceptions:
            found.append(
                "HANDOVER_OUTGOING_EXCEPTIONS: callbacks may also go to"
                f" {', '.join(self.outgoing_exceptions)}, whoever names them."
            )
        return found
