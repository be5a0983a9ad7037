"""`make bench`, with as few decisions as make it run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arrivals import Arrivals, read_name
from benchmarks.contenders import Settled
from benchmarks.load import Round
from tests.support import eventually

ROOT = Path(__file__).resolve().parent.parent.parent
FIGURES = {
    "throughput_ratio",
    "latency_ratio_p50",
    "latency_ratio_p95",
    "actions_per_decision",
    "events_per_decision",
    "history_bytes_per_decision",
}
OF_PLAIN = {"throughput_of_plain", "latency_p50_of_plain"}
FEW = [
    "--held",
    "10",
    "--rest",
    "1",
    "--burst",
    "20",
    "--agents",
    "5",
    "--clicks",
    "2",
    "--imports",
    "1",
    "--waited-for",
    "5",
    "--waits",
    "4",
    "--messages",
    "5",
    "--pages",
    "5",
    "--rounds",
    "1",
    "--alone",
    "3",
    "--crowd",
    "6",
    "--at-once",
    "3",
]


@pytest.fixture(scope="module")
def report(dev_server_program: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines that a run prints; the folder that it worked in is gone."""
    folder = tmp_path_factory.mktemp("bench")
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", *FEW],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not list(folder.iterdir())
    return ran.stdout.splitlines()


def test_the_last_line_holds_every_figure_of_all_configurations(report: list[str]) -> None:
    """Programs read the last line: the plain approval's figures, those with a receipt, and those
    with encryption, which are also told as a part of the plain ones."""
    line: dict[str, Any] = json.loads(report[-1])
    further = {"with_receipts", "with_encryption", "handed_over", "page", "sdk", "burst", "held"}
    assert set(line) == FIGURES | further
    assert set(line["page"]) == {"page_ms_p50", "read_ms_p50", "page_of_read_p50"}
    assert all(figure > 0 for figure in line["page"].values())
    assert set(line["with_receipts"]) == FIGURES
    assert set(line["with_encryption"]) == FIGURES | OF_PLAIN
    for figures in (line, line["with_receipts"], line["with_encryption"]):
        assert all(figures[name] > 0 for name in FIGURES)


def test_the_sdk_loses_no_wait_and_takes_little(report: list[str]) -> None:
    """Each waiting call had its answer over the killed API; memory and the time to import are those
    of a small library."""
    told: dict[str, float] = json.loads(report[-1])["sdk"]
    assert set(told) == {
        "click_to_create_ratio_p50",
        "with_pauses_ratio_p50",
        "waiting_calls",
        "waiting_lost",
        "waiting_peak_mb",
        "import_ms_p50",
    }
    assert (told["waiting_calls"], told["waiting_lost"]) == (20, 0)
    assert 10 < told["waiting_peak_mb"] < 100
    assert 1 < told["import_ms_p50"] < 1000
    assert told["click_to_create_ratio_p50"] > 0
    assert told["with_pauses_ratio_p50"] > 0


def test_the_ratios_are_those_of_the_table(report: list[str]) -> None:
    """Whoever reads the table can check the last line."""
    line: dict[str, Any] = json.loads(report[-1])
    rows = {
        "settled per second, 3 at once": "throughput_ratio",
        "ms from click to agent, p50, 1 at once": "latency_ratio_p50",
        "ms from click to agent, p95, 1 at once": "latency_ratio_p95",
    }
    for row, figure in rows.items():
        cells = next(text.removeprefix(row) for text in report if text.startswith(row)).split()
        bare, plain, default, encrypted = (float(cell.replace(",", "")) for cell in cells)
        assert line[figure] == pytest.approx(plain / bare, rel=0.05)
        assert line["with_receipts"][figure] == pytest.approx(default / bare, rel=0.05)
        assert line["with_encryption"][figure] == pytest.approx(encrypted / bare, rel=0.05)
        of_plain = line["with_encryption"].get(f"{figure.replace('_ratio', '')}_of_plain")
        assert of_plain is None or of_plain == pytest.approx(encrypted / plain, rel=0.05)


def test_handing_over_a_message_is_timed_beside_a_bare_activity(report: list[str]) -> None:
    """The same figures for people and for programs; a message takes longer than an empty file."""
    handed: dict[str, float] = json.loads(report[-1])["handed_over"]
    [told] = [text for text in report if text.startswith("ms from asking")]
    said = [float(number) for number in re.findall(r"p\d\d ([\d.]+)", told)]
    names = ("message_ms_p50", "message_ms_p95", "activity_ms_p50", "activity_ms_p95")
    assert [handed[name] for name in names] == pytest.approx(said, abs=0.06)
    assert 0 < handed["activity_ms_p50"] < handed["message_ms_p50"] <= handed["message_ms_p95"]


def test_mails_keep_pace_with_questions(report: list[str]) -> None:
    """Asked as fast as agents can: the same figures for people and for programs."""
    burst: dict[str, float] = json.loads(report[-1])["burst"]
    [told] = [text for text in report if text.startswith("20 asked at")]
    assert f"asked at {burst['asked_per_second']:.1f} a second" in told
    assert 0 < burst["told_per_second"] <= burst["asked_per_second"]
    assert 0 <= burst["lag_s_p50"] <= burst["lag_s_p95"] <= burst["lag_s_most"]
    assert 0 <= burst["lag_s_last"] <= burst["lag_s_most"] + 0.01


def test_waits_at_rest_are_measured(report: list[str]) -> None:
    """What each process takes, and how long others' reads are."""
    held: dict[str, float] = json.loads(report[-1])["held"]
    assert any(text.startswith("10 waits at rest: CPU ms a second: ") for text in report)
    assert held["waits"] == 10
    assert {"server_cpu_ms_per_s", "worker_cpu_ms_per_s", "api_cpu_ms_per_s"} <= set(held)
    assert 0 < held["read_ms_p50"] <= held["read_ms_p95"]


def test_a_plain_approval_costs_five_actions_and_eighteen_events(report: list[str]) -> None:
    """Start, notification, timer, signal and upsert; a receipt is one more activity, and encryption
    adds nothing but bytes."""
    line: dict[str, Any] = json.loads(report[-1])
    assert line["actions_per_decision"] == 5
    assert line["events_per_decision"] <= 18
    assert line["with_receipts"]["actions_per_decision"] == 6
    assert line["with_receipts"]["events_per_decision"] <= 24
    assert line["with_encryption"]["actions_per_decision"] == 5
    assert line["with_encryption"]["events_per_decision"] <= 18
    by_encryption = line["with_encryption"]["history_bytes_per_decision"]
    assert line["history_bytes_per_decision"] < by_encryption


def test_a_round_tells_what_its_decisions_took() -> None:
    """Percentiles in milliseconds, and a rate over the whole of the round."""
    played = Round([Settled("", n / 1000) for n in range(1, 102)], seconds=2.0, cpu={"api": 0.5})
    assert played.latency(50) == pytest.approx(51)
    assert played.latency(95) == pytest.approx(96)
    assert played.per_second == pytest.approx(50.5)
    assert played.cpu_each("api") == pytest.approx(500 / 101)
    assert isnan(played.cpu_each("worker"))


async def test_what_arrives_is_told_once_and_taken_away(tmp_path: Path) -> None:
    """A half-written file is left alone; one for nobody goes away without a word."""
    arrivals = Arrivals(tmp_path, read_name)
    watching = asyncio.create_task(arrivals.watch())
    mine = arrivals.expect("me")
    for name in (".me", "somebody", "me"):
        (tmp_path / name).touch()
    assert await asyncio.wait_for(mine, 30) == ""
    await eventually(lambda: [path.name for path in tmp_path.iterdir()] == [".me"])
    watching.cancel()
