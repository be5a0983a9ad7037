"""What production refuses to start with, and that it says which setting is meant."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from histories.encryption import Encryption
from links.tokens import key_id
from settings import names
from settings.errors import ConfigurationError
from settings.keys import new_secrets
from settings.loading import load_settings
from settings.model import Settings
from settings.private import keep_private
from settings.secrets import load_secrets
from tests.activities.sendgrid_events import EventWebhook
from tests.support import free_port
from worker import email_channel
from workflows import proof

ROOT = Path(__file__).resolve().parent.parent.parent
REPEATED_BYTES = "MDEyMzQ1NjcwMTIzNDU2NzAxMjM0NTY3MDEyMzQ1Njc="  # 01234567, four times


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment that production starts with; tests spoil one thing each."""
    for name in [name for name in os.environ if name.startswith("HANDOVER_")]:
        monkeypatch.delenv(name)
    made = new_secrets()
    for name, value in {
        "ENVIRONMENT": "production",
        "DATA_DIR": str(tmp_path),
        "PUBLIC_URL": "https://approvals.example.com",
        "DATABASE_URL": "postgresql+psycopg://handover:Zk3-x9QpLw@db/handover",
        "SMTP_HOST": "smtp.example.com",
        "LINK_KEYS": made["link_keys"],
        "SIGNING_KEYS": made["signing_keys"],
    }.items():
        monkeypatch.setenv(f"HANDOVER_{name}", value)
    return monkeypatch


def test_addresses_and_domains_are_read(production: pytest.MonkeyPatch):
    """Of the operator, and of a network of one's own; in whatever spelling."""
    production.setenv("HANDOVER_OPERATOR_EMAIL", "Ops@Bücher.Example")
    production.setenv("HANDOVER_LOCAL_DOMAINS", "Corp.local, .home.arpa,mailhost,")
    settings = load_settings()
    assert settings.operator_email == "Ops@bücher.example"
    assert settings.local_domains == ["corp.local", "home.arpa", "mailhost"]
    for name, value in (("OPERATOR_EMAIL", "ops"), ("LOCAL_DOMAINS", "corp local")):
        with pytest.MonkeyPatch.context() as spoiling:
            spoiling.setenv(f"HANDOVER_{name}", value)
            assert f"HANDOVER_{name}" in refusal()


def refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    return str(refused.value)


def test_good_secrets_are_taken(production: pytest.MonkeyPatch):
    """What `make secrets` prints, two of each for a rotation, with nothing to warn of."""
    for name in ("link_keys", "signing_keys"):
        both = f"{new_secrets()[name]},{new_secrets()[name]}"
        production.setenv(f"HANDOVER_{name.upper()}", both)
    settings = load_settings()
    assert len(load_secrets(settings).verify_keys) == 2
    assert settings.warnings == []


@pytest.mark.parametrize("missing", ["LINK_KEYS", "SIGNING_KEYS", "SMTP_HOST"])
def test_what_is_missing_is_named(production: pytest.MonkeyPatch, missing: str):
    """Production makes nothing up, and has no outbox."""
    production.delenv(f"HANDOVER_{missing}")
    assert f"HANDOVER_{missing}" in refusal()


WEAK = [
    ("LINK_KEYS", "u7Hq2LzX0pV9mR4tB8nK1cW6yE3aJ5s", "32 characters"),
    ("LINK_KEYS", "changeme-u7Hq2LzX0pV9mR4tB8nK1cW6yE3aJ5s", "placeholder"),
    ("LINK_KEYS", "My-Secret-u7Hq2LzX0pV9mR4tB8nK1cW6yE3aJ5s", "placeholder"),
    ("LINK_KEYS", "x" * 43, "repeats"),
    ("LINK_KEYS", "abcdefghij" * 4, "repeats"),
    ("LINK_KEYS", f"{new_secrets()['link_keys']},short", "32 characters"),
    ("SIGNING_KEYS", "bm90IHRoaXJ0eS10d28gYnl0ZXMgbG9uZywgYnV0IG1vcmU=", "Ed25519 seed"),
    ("SIGNING_KEYS", "no base64 at all though long enough to be", "Ed25519 seed"),
    ("SIGNING_KEYS", "A" * 43 + "=", "repeats"),
    ("SIGNING_KEYS", REPEATED_BYTES, "repeats"),
    ("VERIFY_KEYS", new_secrets()["link_keys"][:40], "Ed25519 public key"),
    ("SMTP_PASSWORD", "ChangeMe", "placeholder"),
    ("SENDGRID_API_KEY", "your-key", "placeholder"),
    ("ENCRYPTION_KEYS", REPEATED_BYTES, "repeats"),
    ("LIMITS_URL", "redis://:changeme@redis:6379", "placeholder"),
    ("DATABASE_URL", "postgresql+psycopg://handover:secret@db/handover", "placeholder"),
    ("PUBLIC_URL", "http://approvals.example.com", "https://"),
    ("PUBLIC_URL", "approvals.example.com", "https://"),
]
"""Setting, value, and what is said of it."""


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    WEAK,
    ids=[f"{setting} {number}" for number, (setting, *_) in enumerate(WEAK)],
)
def test_what_is_too_weak_is_named(
    production: pytest.MonkeyPatch, setting: str, value: str, reason: str
):
    """With the reason, and without the secret itself."""
    production.setenv(f"HANDOVER_{setting}", value)
    said = refusal()
    assert f"HANDOVER_{setting}" in said
    assert reason in said
    assert setting == "PUBLIC_URL" or value not in said


@pytest.mark.parametrize("name", ["SIGNING_KEYS", "VERIFY_KEYS", "LINK_KEYS", "ENCRYPTION_KEYS"])
def test_a_key_is_used_or_revoked(production: pytest.MonkeyPatch, name: str):
    """Not both: its id names it."""
    made = new_secrets()
    production.setenv(f"HANDOVER_{name}", made[name.lower()])
    production.setenv("HANDOVER_REVOKED_KEYS", "0123456789abcdef, 01234567")
    assert load_settings().revoked_keys == ["0123456789abcdef", "01234567"]
    ids = {
        "SIGNING_KEYS": proof.key_id(made["verify_keys"]),
        "VERIFY_KEYS": proof.key_id(made["verify_keys"]),
        "LINK_KEYS": key_id(made["link_keys"]),
        "ENCRYPTION_KEYS": Encryption([made["encryption_keys"]]).key_ids[0],
    }
    production.setenv("HANDOVER_REVOKED_KEYS", f"0123456789abcdef,{ids[name]}")
    said = refusal()
    assert f"HANDOVER_REVOKED_KEYS: {ids[name]} is the id of a key in HANDOVER_{name}" in said


@pytest.mark.parametrize("given", ["mine", "0123", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lP"])
def test_revoked_keys_are_named_by_their_ids(production: pytest.MonkeyPatch, given: str):
    """Whatever else is there is refused, so that nothing is revoked by half."""
    production.setenv("HANDOVER_REVOKED_KEYS", given)
    assert "HANDOVER_REVOKED_KEYS" in refusal()


@pytest.mark.parametrize("name", ["link_keys", "signing_keys"])
def test_a_development_secret_is_refused(production: pytest.MonkeyPatch, tmp_path: Path, name: str):
    """A data folder of development may come along, but not its keys."""
    made = new_secrets()
    (tmp_path / "secrets.json").write_text(json.dumps(made))
    load_settings()
    production.setenv(f"HANDOVER_{name.upper()}", made[name])
    said = refusal()
    assert f"HANDOVER_{name.upper()}" in said
    assert "development" in said


@pytest.mark.parametrize(
    "other", ["LINK_KEYS", "ENCRYPTION_KEYS", "SMTP_PASSWORD", "DATABASE_URL", "VERIFY_KEYS"]
)
def test_a_secret_has_one_purpose(production: pytest.MonkeyPatch, other: str):
    """Whoever learns one secret learns one; also where a worker is given the key that signs."""
    key = os.environ["HANDOVER_SIGNING_KEYS"]
    quoted = key.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    as_url = f"postgresql+psycopg://handover:{quoted}@db/handover"
    production.setenv(f"HANDOVER_{other}", as_url if other == "DATABASE_URL" else key)
    said = refusal()
    assert f"HANDOVER_{other}" in said
    assert "HANDOVER_SIGNING_KEYS" in said
    assert key not in said


def test_the_key_of_sendgrids_events_is_looked_at_at_once(production: pytest.MonkeyPatch):
    """Cut off or confused with another, it would refuse all events, and nobody would notice."""
    key = EventWebhook().public_key
    for wrong in (key[:-8], f"{key}\n", new_secrets()["verify_keys"], "SG.key"):
        production.setenv("HANDOVER_SENDGRID_EVENT_KEY", wrong)
        assert refusal().startswith("HANDOVER_SENDGRID_EVENT_KEY: this is no key")
    production.setenv("HANDOVER_SENDGRID_EVENT_KEY", key)
    assert load_settings().sendgrid_event_key == key
    production.setenv("HANDOVER_SENDGRID_EVENT_KEY", "")
    assert load_settings().sendgrid_event_key is None


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("HANDOVER_SLACK_BOT_TOKEN", "xapp-1-A0-1-abc", "Bot User OAuth Token"),
        ("HANDOVER_SLACK_BOT_TOKEN", "xoxe.xoxb-1-abc", "token rotation off"),
        ("HANDOVER_SLACK_API_URL", "http://slack.com/api/", "https://"),
        ("HANDOVER_SLACK_API_URL", "", "https://"),
    ],
)
def test_slacks_settings_are_looked_at_at_once(
    production: pytest.MonkeyPatch, setting: str, value: str, words: str
):
    """A token of another kind would be refused by Slack with the first question only."""
    production.setenv(setting, value)
    with pytest.raises(ConfigurationError, match=f"{setting}: .*{words}"):
        load_settings()


@pytest.mark.parametrize("value", ["0", "-1", "many", "10/s"])
@pytest.mark.parametrize("channel", ["email", "slack", "webhook"])
def test_a_rate_is_a_number_above_0(production: pytest.MonkeyPatch, channel: str, value: str):
    """Each channel has its own; what is no rate is refused with the setting's name."""
    production.setenv(f"HANDOVER_{channel.upper()}_PER_SECOND", "0.5")
    rates: dict[str, float | None] = dict.fromkeys(["email", "slack", "webhook"])
    assert load_settings().per_second == rates | {channel: 0.5}
    production.setenv(f"HANDOVER_{channel.upper()}_PER_SECOND", value)
    assert refusal().startswith(f"HANDOVER_{channel.upper()}_PER_SECOND: Input should be ")


def test_what_is_lacking_for_slack(production: pytest.MonkeyPatch):
    """Each setting by its name, until there is none."""
    token, secret = "HANDOVER_SLACK_BOT_TOKEN", "HANDOVER_SLACK_SIGNING_SECRET"
    assert load_settings().lacking_for_slack == [token, secret]
    production.setenv(token, "xoxb-0000-abc")
    assert load_settings().lacking_for_slack == [secret]
    production.setenv(secret, "8f742231b10e8888abcd99yyyzzz85a5")
    assert load_settings().lacking_for_slack == []
    production.setenv(secret, "")
    assert load_settings().lacking_for_slack == [secret]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_needs_no_tls(production: pytest.MonkeyPatch, host: str):
    """To try it out behind nothing."""
    production.setenv("HANDOVER_PUBLIC_URL", f"http://{host}:8000")
    load_settings()


def test_sqlite_is_taken_with_a_warning(production: pytest.MonkeyPatch):
    """One machine can do with it; who runs it should know."""
    production.delenv("HANDOVER_DATABASE_URL")
    [warning] = load_settings().warnings
    assert "SQLite" in warning


def test_all_faults_are_told_at_once(production: pytest.MonkeyPatch):
    """Whoever sets up a service mends them in one go, each by the name of its setting."""
    for name, value in {
        "ENCRYPTION_KEYS": "short",
        "OUTGOING_EXCEPTIONS": "everywhere",
        "LINK_KEYS": "x" * 43,
        "OIDC_AUDIENCE": "handover",
        "SMTP_PORT": "smtp",
        "SMPT_PASSWORD": "q8Lm2-TzK0w",
        "TIME_ZONE": "Berlin",
        "TRUSTED_PROXIES": "10.0.0.1,10.0.0.0/33",
        "SIGNING_KEYS": "no base64 at all though long enough to be",
        "EMAIL_FROM": "nobody",
    }.items():
        production.setenv(f"HANDOVER_{name}", value)
    production.setenv("TEMPORAL_ADDRESS", "http://temporal:7233")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(email_channel)
    named = [
        re.split(r"[: ]", fault)[0].removeprefix("HANDOVER_") for fault in refused.value.faults
    ]
    assert sorted(named) == [
        *("EMAIL_FROM", "ENCRYPTION_KEYS", "ENCRYPTION_KEYS", "LINK_KEYS", "OIDC_ISSUER"),
        *("OUTGOING_EXCEPTIONS", "SIGNING_KEYS", "SMPT_PASSWORD", "SMTP_PORT"),
        *("TEMPORAL_ADDRESS", "TIME_ZONE", "TRUSTED_PROXIES"),
    ]
    assert all(fault.endswith((".", "one.")) for fault in refused.value.faults)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SMPT_HOST", "SMTP_HOST"),
        ("LINK_KEY", "LINK_KEYS"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("FROM_EMAIL", "EMAIL_FROM"),
        ("SMTP_USER", "SMTP_USERNAME"),
        ("TIMEZONE", "TIME_ZONE"),
        ("SLACK_SECRET", "SLACK_SIGNING_SECRET"),
        ("TEMPORL_PORT", "TEMPORAL_PORT"),
        ("API_KY", "API_KEY"),
        ("smpt_host", "SMTP_HOST"),
        ("SMPT_PORT", "SMTP_PORT"),
    ],
)
def test_a_misspelt_setting_stops_the_start(production: pytest.MonkeyPatch, name: str, meant: str):
    """With the name that was meant: ignored, it would send mail into the outbox without a word."""
    production.setenv(f"HANDOVER_{name}", "587")
    assert refusal() == (
        f"HANDOVER_{name} is no setting, and would be ignored. HANDOVER_{meant} is one."
    )


def test_what_is_like_no_setting_is_warned_of(production: pytest.MonkeyPatch):
    """It may be another program's; those that we know of need no word."""
    for name in ("API_KEY", "BASE_URL", "CALLBACK_SECRET", "PORT", "TEMPORAL_PORT"):
        production.setenv(f"HANDOVER_{name}", "8000")
    for name, value in {
        "PORT": "tcp://10.0.0.7:8000",
        "PORT_8000_TCP_ADDR": "10.0.0.7",
        "PORT_8000_TCP_PROTO": "tcp",
        "SERVICE_HOST": "10.0.0.7",
        "API_SERVICE_PORT_HTTP": "8000",
        "SMTP_PORT_25_TCP": "tcp://10.0.0.8:25",
    }.items():
        production.setenv(f"HANDOVER_{name}", value)  # as Kubernetes does
    production.setenv("HANDOVER_LOGO", "x")
    assert load_settings().warnings == ["HANDOVER_LOGO is no setting, and is ignored."]


def test_every_variable_that_we_read_is_known():
    """The SDK's, and those of `make run` and the compose file."""
    read = {
        name
        for folder in ("sdk/python/handover", "embedded")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\bHANDOVER_[A-Z_]*[A-Z]\b", path.read_text())
    }
    read |= set(re.findall(r"\bHANDOVER_[A-Z_]*[A-Z]\b", (ROOT / ".env.example").read_text()))
    assert len(read) > 20
    environment = dict.fromkeys(read, "x")
    assert [*names.misspelt(environment, Settings.model_fields)] == []
    assert [*names.unknown(environment, Settings.model_fields)] == []


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("PUBLIC_URL", "approvals.example.com", "no web address"),
        ("PUBLIC_URL", "", "no web address"),
        ("PUBLIC_URL", "https://", "no web address"),
        ("PUBLIC_URL", "https://approvals.example.com/?a=b", "no web address"),
        ("PUBLIC_URL", "https://example.com:port", "no web address"),
        ("SENDGRID_HOST", "api.eu.sendgrid.com", "no web address"),
        ("UI_ORIGIN", "temporal.example.com", "no web address"),
        ("OIDC_ISSUER", "id.example.com", "no web address"),
        ("DATABASE_URL", "mysql://handover:p4ss@db/handover", "postgresql://user"),
        ("DATABASE_URL", "postgres://handover:p4/ss@db/handover", "%2F for /"),
        ("DATABASE_URL", "postgres://handover:p4@ss@db/handover", "%40 for @"),
        ("DATABASE_URL", "db/handover", "postgresql://user"),
        ("LIMITS_URL", "localhost:6379", "redis://"),
    ],
)
def test_an_address_that_is_none_is_named(
    production: pytest.MonkeyPatch, setting: str, value: str, words: str
):
    """At the start, and not with the first link or request; without a password in it."""
    production.setenv(f"HANDOVER_{setting}", value)
    said = refusal()
    assert said.startswith(f"HANDOVER_{setting}: ")
    assert words in said
    assert "p4" not in said


@pytest.mark.parametrize("url", ["postgres://u@h/d", "postgresql:///d?host=/run", "sqlite:///a.db"])
def test_a_database_has_several_names(production: pytest.MonkeyPatch, url: str):
    """As providers write it, and as other programs do."""
    production.setenv("HANDOVER_DATABASE_URL", url)
    assert load_settings().store == url


def test_development_makes_up_what_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Nothing has to be set, nothing is warned of, and the same secrets are found again."""
    monkeypatch.setenv("HANDOVER_DATA_DIR", str(tmp_path))
    settings = load_settings()
    assert settings.warnings == []
    assert load_secrets(settings) == load_secrets(Settings())
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("program", "wrong", "said"),
    [
        (
            ["-m", "uvicorn", "api.main:app", "--port", str(free_port())],
            {"LINK_KEYS": "too-short-a-key", "SMPT_HOST": "smtp.example.com"},
            ("LINK_KEYS: a key has 32 characters or more", "SMPT_HOST is no setting"),
        ),
        (
            ["worker.py"],
            # A port that no program is given to listen on.
            {"DATABASE_URL": "postgres://h:too-short-a-key@127.0.0.1:1/h"},
            ("DATABASE_URL: the database cannot be used: ", "Connection refused"),
        ),
    ],
    ids=["api", "worker"],
)
def test_the_programs_do_not_start(
    production: pytest.MonkeyPatch, program: list[str], wrong: dict[str, str], said: tuple[str, str]
):
    """They end at once, with a sentence for each fault, and without the secret."""
    for name, value in wrong.items():
        production.setenv(f"HANDOVER_{name}", value)
    ended = subprocess.run(
        [sys.executable, *program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert all(words in ended.stderr for words in said), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "too-short-a-key" not in ended.stderr + ended.stdout


def test_the_data_folder_is_taken_from_others(tmp_path: Path):
    """Also where it existed, with what is in it; a link's target is left alone."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("of somebody else")
    elsewhere.chmod(0o644)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    for name, mode in (("store.db", 0o644), ("run", 0o755), ("api-key", 0o600)):
        (folder / name).write_text("")
        (folder / name).chmod(mode)
    (folder / "linked").symlink_to(elsewhere)
    before = os.umask(0o022)
    try:
        assert keep_private(folder) == []
        assert keep_private(tmp_path / "not there yet") == []
        (folder / "new.db").write_text("")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.iterdir()}
    del modes["linked"]
    assert modes == {"store.db": 0o600, "run": 0o700, "api-key": 0o600, "new.db": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644
