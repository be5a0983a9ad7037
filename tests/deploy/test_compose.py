"""What docker-compose.yml promises, read from the file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.envconfig import ClientConfigProfile

from settings.model import Settings
from tests.deploy import compose
from tests.deploy.compose import ENV_EXAMPLE, ROOT, SERVICES

OURS = ("api", "worker")
SECRETS = (
    "POSTGRES_PASSWORD",
    "HANDOVER_LINK_KEYS",
    "HANDOVER_SIGNING_KEYS",
    "HANDOVER_VERIFY_KEYS",
    "HANDOVER_ENCRYPTION_KEYS",
)


def named_in_env_example() -> set[str]:
    return set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", ENV_EXAMPLE.read_text(), re.MULTILINE))


def jobs() -> set[str]:
    """The services that others wait for to be done."""
    return {
        name
        for service in SERVICES.values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }


def test_every_variable_is_in_env_example_and_nothing_else_is():
    """Who has read .env.example knows every knob, and none of them turns in the void."""
    # Compose reads this one itself; the profile it chooses is checked below.
    assert named_in_env_example() == compose.variables_used() | {"COMPOSE_PROFILES"}


@pytest.mark.parametrize("service", OURS)
def test_every_variable_of_ours_is_a_setting(service: str):
    """A misspelt HANDOVER_ variable would be ignored without a word."""
    given = {n for n in SERVICES[service]["environment"] if n.startswith("HANDOVER_")}
    assert given <= {f"HANDOVER_{field.upper()}" for field in Settings.model_fields}


@pytest.mark.parametrize("service", OURS)
def test_every_temporal_variable_is_read_by_the_sdk(service: str):
    """What the SDK's own reader of TEMPORAL_ variables finds is all that is given."""
    given = {n: v for n, v in SERVICES[service]["environment"].items() if n.startswith("TEMPORAL_")}
    profile = ClientConfigProfile.load(disable_file=True, override_env_vars=given)
    assert {profile.address, profile.namespace} == set(given.values())


def test_the_worker_cannot_sign():
    """The signing key reaches the API's container and no other."""
    holders = {n for n, s in SERVICES.items() if "HANDOVER_SIGNING_KEYS" in yaml.safe_dump(s)}
    assert holders == {"api"}


def test_the_api_holds_no_credentials_of_the_mail_provider():
    """It sends nothing, and verifies what SendGrid tells with a public key."""
    given = set(SERVICES["api"]["environment"]) - {"HANDOVER_SENDGRID_EVENT_KEY"}
    assert not {n for n in given if re.search("SENDGRID|SMTP", n)}


def test_the_worker_cannot_tell_what_slack_signs():
    """It writes in Slack; what is pressed there reaches the API alone."""
    holders = {n for n, s in SERVICES.items() if "SLACK_SIGNING_SECRET" in yaml.safe_dump(s)}
    writers = {n for n, s in SERVICES.items() if "SLACK_BOT_TOKEN" in yaml.safe_dump(s)}
    assert (holders, writers) == ({"api"}, {"api", "worker"})


def test_a_misspelt_name_in_env_stops_ours():
    """It would be handed on to nobody: a job reads the names, and what is ours waits for it."""
    job = SERVICES["env-names"]
    assert (job["env_file"], job["network_mode"]) == ([".env"], "none")
    for service in OURS:
        needed = SERVICES[service]["depends_on"]["env-names"]
        assert needed == {"condition": "service_completed_successfully"}

    def ended(env: str) -> tuple[int, str]:
        command = [sys.executable, *job["command"][1:]]
        variables = {"PATH": os.environ["PATH"], **compose.read_env(env)}
        done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
        return done.returncode, done.stdout

    example = ENV_EXAMPLE.read_text().replace("\n# HANDOVER_", "\nHANDOVER_")
    assert ended(example) == (0, "")
    misspelt = example.replace("HANDOVER_SMTP_HOST=", "HANDOVER_SMPT_HOST=")
    meant = "HANDOVER_SMPT_HOST is no setting, and would be ignored. HANDOVER_SMTP_HOST is one.\n"
    assert ended(misspelt) == (1, meant)


def test_make_secrets_prints_what_env_example_leaves_open():
    """`make secrets >> .env` is all it takes; the values differ each time."""
    venv = Path(sys.prefix)
    # Told that the environment is up to date, make installs nothing.
    command = ["make", "--silent", f"--old-file={venv}/.service", f"VENV={venv}", "secrets"]
    first, second = (
        compose.read_env(subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout)
        for _ in range(2)
    )
    assert set(first) == set(SECRETS)
    assert all(first[name] != second[name] for name in first)
    assert re.fullmatch(r"[\w-]{32,}", first["POSTGRES_PASSWORD"])  # it stands in a URL


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_stops_compose(name: str):
    """No secret has a default anywhere: without it nothing starts, and the message names it."""
    uses = [
        use for use in compose.VARIABLE.finditer(compose.FILE.read_text()) if use["name"] == name
    ]
    assert uses
    for use in uses:
        with pytest.raises(compose.MissingVariableError, match=name):
            compose.interpolate(use[0], {name: ""})


def test_ports_are_bound_to_this_machine_only():
    """Docker opens a port past the firewall; only 127.0.0.1 is ours to open."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", ["postgres", "temporal"])
def test_the_stores_of_truth_are_not_reachable_from_outside(name: str):
    """Who reaches Temporal can terminate decisions; nobody outside the network can."""
    assert "ports" not in SERVICES[name]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_tells_its_health_or_is_a_job_that_others_wait_for(name: str):
    """So that what depends on it starts when it can, and `docker compose ps` tells the truth."""
    assert (name in jobs()) != ("healthcheck" in SERVICES[name])


def test_dependencies_exist_and_can_be_fulfilled():
    """A service waited for to be healthy has a health check, and no wait goes in a circle."""
    order: list[str] = []
    waiting = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    while free := [name for name, needs in waiting.items() if set(needs) <= set(order)]:
        order += free
        waiting = {name: needs for name, needs in waiting.items() if name not in free}
    assert not waiting
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[name]


def test_images_are_pinned():
    """The same file starts the same programs next year."""
    images = [service["image"] for service in SERVICES.values()]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for image in images:
        assert re.search(r":v?\d+\.\d+", image), image


def test_temporals_tools_are_of_the_servers_version():
    """The schema that they set up is the one that this server expects."""
    versions = {
        service["image"].rpartition(":")[2]
        for service in SERVICES.values()
        if service["image"].startswith(("temporalio/server", "temporalio/admin-tools"))
    }
    assert len(versions) == 1


def test_the_temporal_ui_is_read_only():
    assert SERVICES["temporal-ui"]["environment"]["TEMPORAL_DISABLE_WRITE_ACTIONS"] == "true"


def test_the_server_allows_the_waits_that_the_api_holds():
    """Beyond its limit the Temporal server refuses long-polls, and agents would see errors."""
    file = ROOT / "deploy/temporal/dynamic-config.yaml"
    [limit] = yaml.safe_load(file.read_text())["frontend.namespaceCount"]
    waits = int(SERVICES["api"]["environment"]["HANDOVER_MAX_WAITS"])
    assert Settings.model_fields["max_waits"].default < waits < limit["value"]


def test_without_mailpit_the_worker_wants_another_transport():
    """The example chooses Mailpit; the compose file itself never does."""
    example = compose.read_env(ENV_EXAMPLE.read_text())
    assert SERVICES["mailpit"]["profiles"] == [example["COMPOSE_PROFILES"]]
    assert example["HANDOVER_SMTP_HOST"] == "mailpit"
    assert SERVICES["worker"]["environment"]["HANDOVER_SMTP_HOST"] is None


@pytest.mark.parametrize("name", [*OURS, "env-names"])
def test_our_containers_can_do_little(name: str):
    """No root, no capabilities, nothing to write to but the data volume."""
    service: dict[str, Any] = SERVICES[name]
    assert service["read_only"]
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - the container's
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert all(volume.endswith(":/data") for volume in service.get("volumes", []))


def test_the_image_runs_without_root_and_without_what_built_it():
    """No root by a number that a cluster can check; no pip; no secret among its variables."""
    *_, packages, runs = compose.stages()
    users = re.findall(r"^USER (\S+)$", runs, re.MULTILINE)
    assert [user for user in users if int(user) > 0] == users != []
    assert runs.index("\nUSER ") > max(m.start() for m in re.finditer(r"\n(RUN|COPY) ", runs))
    assert re.search(r"pip uninstall\b.*\bpip$", packages, re.MULTILINE)
    assert re.search(r"pip uninstall\b.*\bpip$", runs, re.MULTILINE)
    assert "pip install" not in runs
    assert not re.search(r"^ARG|_KEYS?=|PASSWORD|TOKEN", runs + packages, re.MULTILINE)


def test_what_is_installed_is_what_was_locked():
    """Each package by its hash and as a wheel: nothing is built, nothing else comes along."""
    installs = re.findall(r"pip install ([^\n&]+)", (ROOT / "Dockerfile").read_text())
    for install in installs:
        assert "--require-hashes --only-binary :all:" in install or (
            "--no-deps --no-build-isolation ./sdk" in install
        )


def test_the_image_has_all_that_the_services_import():
    """A room that was added to the house moves into the image too."""
    lines = compose.copied(compose.stages()[-1])
    there = {Path(source).stem for sources, _ in lines for source in sources}
    ours = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    needed, unread = set[str](), {"api", "worker"}
    while unread:
        needed |= unread
        unread = {name for room in unread for name in imported(room)} & ours - needed
    assert needed <= there


def imported(room: str) -> set[str]:
    """The first names of all that a room of the house imports."""
    place = ROOT / room
    files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    lines = "\n".join(file.read_text() for file in files)
    return set(re.findall(r"^\s*(?:from|import) (\w+)", lines, re.MULTILINE))


def test_the_build_gets_what_the_dockerfile_copies_and_no_secret():
    """.dockerignore lets nothing in by accident: least of all .env and a data folder."""
    lines = [line for stage in compose.stages() for line in compose.copied(stage)]
    assert lines
    for sources, _ in lines:
        for source in sources:
            assert (ROOT / source).exists(), source
            assert not compose.is_ignored(source), source
    for secret in (".env", ".handover/secrets.json", ".git/config", "api/__pycache__"):
        assert compose.is_ignored(secret), secret


@pytest.mark.parametrize(
    "script", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda path: path.name
)
def test_the_scripts_are_shell(script: Path):
    """They parse, as the admin tools' image would have it: sh, not bash."""
    subprocess.run(["sh", "-n", script], check=True)
