"""The settings, read by the composition roots (`worker.py`, `api.main`, `embedded`) only.

Everything of ours begins with `HANDOVER_`; how Temporal is reached is read by Temporal's own
`envconfig` from `TEMPORAL_*`, so that an operator sets it as for any other Temporal program.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE, S_ISLNK
from typing import Annotated, Literal, cast
from urllib.parse import unquote, urlsplit
from zoneinfo import available_timezones

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import GrpcCompression

import secret_checks
import setting_names
from handover.addresses import Address, a_labels
from histories.encryption import KEY_BYTES, Encryption
from links.tokens import key_id as link_key_id
from outgoing import Exceptions
from workflows import proof

KeyList = Annotated[list[SecretStr], NoDecode]
"""Keys separated by commas: the first one is used, all are accepted (so that one can rotate)."""


ED25519_BYTES = 32

OTHERS = 0o077
"""What the group and everybody else may do with a file."""


THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class ConfigurationError(Exception):
    """The settings cannot work; each of `faults` names its setting and says what to do."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="HANDOVER_", extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = "development"
    """In production nothing is made up: secrets and a real e-mail transport are required."""
    data_dir: Path = Path(".handover")
    public_url: str = "http://127.0.0.1:8000"
    """What links in messages begin with: this service, as approvers reach it."""
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["127.0.0.1", "::1"]
    )
    """Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses and networks (CIDR),
    separated by commas. Where links lead to is said by `public_url` alone."""
    task_queue: str = "handover-decisions"
    database_url: SecretStr | None = None
    """`postgresql://user:password@host/database`; by default a SQLite file in the data folder."""
    files_url: str | None = None
    """Where files are kept: `s3://bucket/prefix`, or `file:///folder`; the default is a folder in
    the data folder. For S3 the library reads `AWS_*` itself."""

    link_keys: KeyList = Field(default_factory=list[SecretStr])
    """Sign the links in messages: 32 random characters or more each."""
    signing_keys: KeyList = Field(default_factory=list[SecretStr])
    """Ed25519 seeds (32 bytes, base64), which sign decisions and responses. For the API alone."""
    verify_keys: KeyList = Field(default_factory=list[SecretStr])
    """Ed25519 public keys (base64) that count besides `signing_keys`. All that a worker needs."""
    encryption_keys: KeyList = Field(default_factory=list[SecretStr])
    """Encrypt all that Temporal stores (32 bytes each, base64): the first encrypts, all decrypt.
    Without any, Temporal stores it as it is."""
    revoked_keys: Annotated[list[str], NoDecode] = Field(default_factory=list[str])
    """Ids of signing, encryption and link keys that count no more: stolen ones, and those that are
    gone for good. What they have signed reads as cancelled, and what they have encrypted is not
    there; of the same by a key that is in none of the lists, nothing is said at all."""
    encryption: bool = True
    """False: `encryption_keys` only decrypt what was encrypted before."""
    ui_origin: str | None = None
    """Where Temporal's UI is opened (`https://host:port`): that page may ask `/codec/decode`."""
    outbox_token: SecretStr | None = None

    language: Literal["en", "de", "fr"] = "en"
    """Of messages and pages, for approvers who have set none and whose browser says none."""
    time_zone: str = "UTC"
    """By which approvers who have set none are told the time: a name such as `Europe/Berlin`."""
    operator_email: str | None = None
    """Who is told when a decision can reach none of its approvers."""
    local_domains: Annotated[list[str], NoDecode] = Field(default_factory=list[str])
    """Domains of one's own network, separated by commas, to which mail is sent although they are
    nobody's in the public DNS: `corp.local`, `home.arpa`, `mailhost`; with all below them."""

    email_from: str = "Handover <handover@localhost>"
    email_transport: Literal["sendgrid", "smtp", "outbox"] | None = None
    """Default: SendGrid when it has a key, else SMTP when it has a host, else the outbox."""
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
    """Of the Slack app: `xoxb-…`. The worker writes with it, and the API opens forms."""
    slack_signing_secret: SecretStr | None = None
    """By which the API knows what comes from Slack."""
    slack_api_url: str = "https://slack.com/api/"
    """For a Slack of its own: `https://slack-gov.com/api/`."""

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
    """Where requests are counted: in each process, or for all in `redis://[:password@]host:port`
    (`rediss://` with TLS)."""
    limits_fail: Literal["open", "closed"] = "open"
    """While Redis is away: nobody is limited, or everybody is refused."""
    rate_limit: int = Field(default=600, ge=0)
    """Requests a minute with one key that has no rate of its own; 0 for any number."""
    link_rate_limit: int = Field(default=60, ge=0)
    """Answers a minute with one link, which may be opened ten times as often, because mail scanners
    open it too; 0 for any number."""
    max_lag: float = Field(default=2, ge=0)
    """Seconds that the oldest message may wait before agents that ask more are held back (429); 0
    for any time."""

    outgoing_exceptions: Annotated[list[str], NoDecode] = Field(default_factory=list[str])
    """Where callbacks may go, and images come from, besides public addresses by https: `host:port`
    and CIDR, separated by commas. For development, and for servers in a network of your own."""
    receipts: bool = True
    """Tell the approver in whose name an answer came: the alarm for a stolen link."""
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
        if (url or is_needed) and not _is_web_address(url or ""):
            raise ValueError(f"{url!r} is no web address: write it whole, with https://")
        return url

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not _is_a_database(url.get_secret_value()):
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
            is_for_ecdsa = isinstance(load_der_public_key(_bytes(text)), EllipticCurvePublicKey)
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
        """Whether what people write is kept from those who read what Temporal stores, and logs."""
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
        return _variable("database_url" if self.database_url else "data_dir")

    @property
    def storage_url(self) -> str:
        return self.files_url or (self.data_dir / "files").resolve().as_uri()

    @property
    def per_second(self) -> dict[str, float | None]:
        """How many messages a second begin by each channel."""
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
        """What works in production too, and what its operator should know of."""
        found = list(setting_names.unknown(os.environ, Settings.model_fields))
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


class Secrets(BaseModel):
    """The secrets in force, as text.

    `signing_keys` is empty in a process that only verifies; `verify_keys` has the public half of
    each of them, and what the settings add.
    """

    link_keys: list[str]
    signing_keys: list[str]
    verify_keys: list[str]
    outbox_token: str


def load_settings(*parts: Callable[[Settings], object]) -> Settings:
    """Read the environment, and see that these parts can be made of it.

    Raises `ConfigurationError` with all that is wrong.
    """
    settings, faults = _read()
    found = [*setting_names.misspelt(os.environ, Settings.model_fields), *_complaints(settings)]
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
    """The settings, and what is wrong with those that cannot be read, which count as not set."""
    try:
        return Settings(), []
    except ValidationError as error:
        wrong = {str(e["loc"][0]): e["msg"].removeprefix("Value error, ") for e in error.errors()}
        fields = Settings.model_fields
        unset = {name: fields[name].get_default(call_default_factory=True) for name in wrong}
        return Settings(**unset), [f"{_variable(name)}: {why}." for name, why in wrong.items()]


def _variable(field: str) -> str:
    return f"HANDOVER_{field.upper()}"


@contextmanager
def naming(setting: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn these errors into a fault of this setting."""
    try:
        yield
    except errors as error:
        raise ConfigurationError(f"{setting}: {error}") from error


def _complaints(settings: Settings) -> Iterator[str]:
    """What does not go together, and what production lacks, most important first."""
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
    """What is missing in production or too weak for it."""
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
        _ = [_public_half(key.get_secret_value()) for key in settings.signing_keys]
    except ConfigurationError as error:
        yield from error.faults
    if any(len(_bytes(key.get_secret_value())) != ED25519_BYTES for key in settings.verify_keys):
        yield "HANDOVER_VERIFY_KEYS: each key is an Ed25519 public key, 32 bytes in base64."


def _complaints_about_revoked_keys(settings: Settings) -> Iterator[str]:
    for setting, key_id in _key_ids(settings):
        if key_id in settings.revoked_keys:
            yield (
                f"HANDOVER_REVOKED_KEYS: {key_id} is the id of a key in {setting}, too. Take it out"
                " of one of them."
            )


def _key_ids(settings: Settings) -> Iterator[tuple[str, str]]:
    """The ids of the keys that are set, with their settings; a key that is none has another
    complaint."""
    with suppress(ConfigurationError):
        for key in settings.signing_keys:
            yield "HANDOVER_SIGNING_KEYS", proof.key_id(_public_half(key.get_secret_value()))
    for key in settings.verify_keys:
        if _bytes(public := key.get_secret_value()):
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
    """Its own libraries would try such an address for ever."""
    address = os.environ.get("TEMPORAL_ADDRESS")
    if address and re.search(r"[\s/]", address):
        yield f"TEMPORAL_ADDRESS: {address!r} is no host and port, such as temporal:7233."


def _is_web_address(url: str) -> bool:
    """Whether paths can be put behind it."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    is_bare = not (parts.query or parts.fragment or parts.username or re.search(r"\s", url))
    return parts.scheme in ("http", "https") and is_whole and is_bare


def _is_a_database(url: str) -> bool:
    """Whether it can be one: only the store knows more."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    is_known = re.fullmatch(r"postgres|postgresql(\+psycopg2?)?|sqlite(\+aiosqlite)?", parts.scheme)
    return bool(is_known) and parts.netloc.count("@") <= 1


def _given_secrets(settings: Settings) -> Iterator[secret_checks.Secret]:
    """All that the settings keep secret, and the public keys, which are none of the others."""
    for field in Settings.model_fields:
        name = f"HANDOVER_{field.upper()}"
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


def load_secrets(settings: Settings) -> Secrets:
    """The secrets of the environment, and in development what is missing from `secrets.json`.

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
    public = [_public_half(key) for key in keys("signing_keys")]
    return Secrets(
        link_keys=keys("link_keys"),
        signing_keys=keys("signing_keys"),
        verify_keys=list(dict.fromkeys([*public, *keys("verify_keys")])),
        outbox_token=token.get_secret_value() if token else made.get("outbox_token", ""),
    )


def load_encryption(settings: Settings) -> Encryption:
    """What the settings encrypt and decrypt with. Raises `ConfigurationError`."""
    keys = [key.get_secret_value() for key in settings.encryption_keys]
    try:
        return Encryption(keys, on=settings.encryption, revoked=settings.revoked_keys)
    except ValueError as error:
        raise ConfigurationError(
            f"HANDOVER_ENCRYPTION_KEYS: {error}; `make secrets` prints one."
        ) from error


def load_exceptions(settings: Settings) -> Exceptions:
    """Where callbacks may go besides. Raises `ConfigurationError`."""
    try:
        return Exceptions.parse(settings.outgoing_exceptions)
    except ValueError as error:
        raise ConfigurationError(f"HANDOVER_OUTGOING_EXCEPTIONS: {error}.") from error


def new_secrets() -> dict[str, str]:
    """One fresh value for every secret that a service needs."""
    signing_key = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    return {
        "link_keys": secrets.token_urlsafe(32),
        "signing_keys": signing_key,
        "verify_keys": _public_half(signing_key),
        "encryption_keys": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
        "outbox_token": secrets.token_urlsafe(16),
    }


def _public_half(signing_key: str) -> str:
    """Raises `ConfigurationError` for what is no Ed25519 seed in base64."""
    try:
        key = Ed25519PrivateKey.from_private_bytes(_bytes(signing_key))
    except ValueError as error:
        raise ConfigurationError(
            "HANDOVER_SIGNING_KEYS: each key is an Ed25519 seed, 32 bytes in base64;"
            " `make secrets` prints one."
        ) from error
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def _bytes(key: str) -> bytes:
    """Empty for what is no base64."""
    try:
        return base64.b64decode(key, validate=True)
    except ValueError:
        return b""


def create_once(path: Path, content: str) -> str:
    """Make a private file (0600) unless it is there, and return what it holds.

    Linking a finished file into place is what makes two processes that start together agree.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)
    return path.read_text()


def keep_private(folder: Path) -> list[str]:
    """Take the data folder, and the files in it, from everybody else on the machine; what this
    process makes from here on is its own alone.

    Returns what could not be taken, as warnings: a folder that belongs to somebody else.
    """
    os.umask(OTHERS)
    open_to_others: list[str] = []
    for path in (folder, *folder.iterdir()) if folder.is_dir() else ():
        try:
            _take_from_others(path)
        except FileNotFoundError:  # a process beside this one has just removed it
            continue
        except PermissionError:
            open_to_others.append(
                f"HANDOVER_DATA_DIR: {path} is open to others on this machine and belongs to"
                " somebody else: let its owner take that away (`chmod go= …`)."
            )
    return open_to_others


def _take_from_others(path: Path) -> None:
    mode = path.lstat().st_mode
    if mode & OTHERS and not S_ISLNK(mode):
        path.chmod(S_IMODE(mode) & ~OTHERS)


async def connect(encryption: Encryption | None = None, *, lazy: bool = False) -> Client:
    """A client for the Temporal server that `TEMPORAL_*` names (default `localhost:7233`)."""
    options = ClientConfig.load_client_connect_config()
    options.setdefault("target_host", "localhost:7233")
    is_here = urlsplit(f"//{options.get('target_host')}").hostname in THIS_MACHINE
    return await Client.connect(
        **options,
        data_converter=(encryption or Encryption()).converter,
        # On one machine packing costs both sides more than the bytes that it saves.
        grpc_compression=GrpcCompression.NONE if is_here else GrpcCompression.GZIP,
        lazy=lazy,
    )
