from __future__ import annotations

from pathlib import Path

import pytest

from embedded.plan import Plan
from embedded.ports import read_ports
from settings.model import Settings


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    ports = read_ports({"HANDOVER_PORT": "8010", "HANDOVER_TEMPORAL_PORT": "7010"})
    return Plan(Settings(data_dir=tmp_path), ports, dev_server=tmp_path / "temporal")


def test_our_own_server_gets_no_settings_of_another(plan: Plan) -> None:
    """A key and a namespace that are meant for a cloud would keep every part from connecting."""
    outer = {"TEMPORAL_API_KEY": "secret", "TEMPORAL_NAMESPACE": "prod", "PATH": "/bin"}
    environment = plan.environment(outer)
    temporal = {key: environment[key] for key in environment if key.startswith("TEMPORAL_")}
    assert temporal == {
        "TEMPORAL_ADDRESS": "127.0.0.1:7010",
        "TEMPORAL_CONFIG_FILE": "/dev/null",
    }
    assert environment["PATH"] == "/bin"


def test_what_the_operator_sets_is_kept(plan: Plan) -> None:
    """The run's own choices are defaults, where a choice is possible."""
    made_up = plan.environment({})
    assert made_up["HANDOVER_PUBLIC_URL"] == "http://127.0.0.1:8010"
    assert made_up["HANDOVER_MAX_WAITS"] == "4000"
    chosen = {"HANDOVER_PUBLIC_URL": "https://handover.example", "HANDOVER_MAX_WAITS": "10"}
    assert chosen.items() <= plan.environment(chosen).items()


def test_a_server_that_is_there_keeps_its_settings(tmp_path: Path) -> None:
    """Every part is told of it just as the operator said, and waits no more than it may allow."""
    plan = Plan(Settings(data_dir=tmp_path), read_ports({}))
    outer = {"TEMPORAL_ADDRESS": "temporal.example:7233", "TEMPORAL_API_KEY": "secret"}
    environment = plan.environment(outer)
    assert outer.items() <= environment.items()
    assert "HANDOVER_MAX_WAITS" not in environment


def test_every_part_uses_the_same_data_folder(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder means the one beside whoever started the run, for all of its parts."""
    monkeypatch.chdir(plan.settings.data_dir)
    relative = Plan(Settings(data_dir=Path("here")), plan.ports)
    assert relative.environment({})["HANDOVER_DATA_DIR"] == str(plan.data / "here")
