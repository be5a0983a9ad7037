from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from embedded import supervisor as module
from embedded.errors import ChildDiedError
from embedded.supervisor import STOP_SECONDS, Supervisor
from tests.embedded.conftest import Script, processes_with
from tests.support import eventually, wait_until

Start = Callable[[Supervisor, str, str], Coroutine[Any, Any, None]]

# Each stand-in makes a file when it is up, so that no test has to guess.
OBEDIENT = 'trap "echo $NAME >> stopped; exit 0" TERM; touch $NAME-up; while :; do sleep 0.05; done'
DEAF = 'trap "" TERM; touch $NAME-up; while :; do sleep 0.05; done'


@pytest.fixture
def start(script: Script, tmp_path: Path) -> Start:
    """Starts a stand-in and returns once it is up."""

    async def start(supervisor: Supervisor, name: str, text: str) -> None:
        command = [script(name, text)]
        env = {**os.environ, "NAME": name, "HANDOVER_TEST": str(tmp_path)}
        await supervisor.start(name, command, env, tmp_path)
        await eventually((tmp_path / f"{name}-up").exists)

    return start


async def test_programs_stop_in_reverse_order(start: Start, tmp_path: Path) -> None:
    """Who depends on others is stopped before them, and `run` ends without an error."""
    supervisor = Supervisor(tmp_path / "logs")

    async def bring_up() -> None:
        for name in ("temporal", "worker", "api"):
            await start(supervisor, name, OBEDIENT)
        supervisor.ask_to_stop()

    await supervisor.run(bring_up())
    assert (tmp_path / "stopped").read_text().split() == ["api", "worker", "temporal"]
    assert not processes_with("HANDOVER_TEST", tmp_path)


async def test_asking_again_changes_nothing(start: Start, tmp_path: Path) -> None:
    """The second Ctrl-C of a terminal neither hurries nor breaks the stop."""
    supervisor = Supervisor(tmp_path / "logs")

    async def bring_up() -> None:
        await start(supervisor, "worker", OBEDIENT)
        await start(
            supervisor,
            "api",
            'trap "touch asked; until [ -e go ]; do sleep 0.05; done; echo api >> stopped; exit 0"'
            " TERM; touch api-up; while :; do sleep 0.05; done",
        )

    run = asyncio.create_task(supervisor.run(bring_up()))
    await eventually((tmp_path / "api-up").exists)
    supervisor.ask_to_stop()
    await eventually((tmp_path / "asked").exists)
    supervisor.ask_to_stop()
    (tmp_path / "go").touch()
    await run
    assert (tmp_path / "stopped").read_text().split() == ["api", "worker"]


async def test_a_deaf_program_is_killed_in_its_share_of_the_time(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs that ignore the request are killed; the one behind them still gets its turn."""
    monkeypatch.setattr(module, "STOP_SECONDS", 0.9)
    supervisor = Supervisor(tmp_path / "logs")

    async def bring_up() -> None:
        await start(supervisor, "temporal", OBEDIENT)
        await start(supervisor, "worker", DEAF)
        await start(supervisor, "api", DEAF)
        supervisor.ask_to_stop()

    await supervisor.run(bring_up())
    assert (tmp_path / "stopped").read_text().split() == ["temporal"]
    # What a killed shell was just running ends by itself.
    await eventually(lambda: not processes_with("HANDOVER_TEST", tmp_path))


def test_the_shares_of_all_programs_stay_below_five_seconds() -> None:
    """Also with nobody listening the whole stop keeps its promise."""
    assert STOP_SECONDS < 5


async def test_what_a_program_started_ends_with_it(start: Start, tmp_path: Path) -> None:
    """A grandchild that ignores the request does not outlive the run."""
    supervisor = Supervisor(tmp_path / "logs")

    async def bring_up() -> None:
        await start(supervisor, "api", f"({DEAF.replace('$NAME', 'child')}) & {OBEDIENT}")
        await eventually((tmp_path / "child-up").exists)
        supervisor.ask_to_stop()

    await supervisor.run(bring_up())
    await eventually(lambda: not processes_with("HANDOVER_TEST", tmp_path))


@pytest.mark.parametrize(
    ("ending", "words"),
    [("exit 7", "ended with status 7"), ("kill -KILL $$", "was ended by signal 9 (Killed)")],
)
async def test_a_program_that_dies_stops_the_others(
    start: Start, tmp_path: Path, ending: str, words: str
) -> None:
    """The error says who died, how, and what it wrote last; the others are stopped."""
    supervisor = Supervisor(tmp_path / "logs")

    async def bring_up() -> None:
        await start(supervisor, "api", OBEDIENT)
        await start(supervisor, "worker", f"touch worker-up; echo no such table >&2; {ending}")

    with pytest.raises(ChildDiedError) as died:
        await supervisor.run(bring_up())
    assert f"worker {words}" in str(died.value)
    assert "    no such table" in str(died.value)
    assert str(tmp_path / "logs" / "worker.log") in str(died.value)
    assert (tmp_path / "stopped").read_text().split() == ["api"]


async def test_a_program_that_cannot_be_started_is_one_that_dies(tmp_path: Path) -> None:
    """A missing program is reported by its name, not by a traceback."""
    supervisor = Supervisor(tmp_path / "logs")

    async def bring_up() -> None:
        await supervisor.start("temporal", [tmp_path / "missing"], os.environ, tmp_path)

    with pytest.raises(ChildDiedError) as died:
        await supervisor.run(bring_up())
    assert "missing: No such file or directory" in str(died.value)
    assert "Traceback" not in str(died.value)


async def test_a_stop_does_not_wait_for_the_start(start: Start, tmp_path: Path) -> None:
    """Ctrl-C while something is still waited for stops what is there already."""
    supervisor = Supervisor(tmp_path / "logs")

    async def bring_up() -> None:
        await start(supervisor, "temporal", OBEDIENT)
        supervisor.ask_to_stop()
        await asyncio.Event().wait()

    await supervisor.run(bring_up())
    assert (tmp_path / "stopped").read_text().split() == ["temporal"]


async def test_a_start_that_fails_stops_what_was_started(start: Start, tmp_path: Path) -> None:
    """The failure of the start is what `run` raises, after everything has been stopped."""
    supervisor = Supervisor(tmp_path / "logs")

    async def bring_up() -> None:
        await start(supervisor, "temporal", OBEDIENT)
        raise LookupError("not ready")

    with pytest.raises(LookupError, match="not ready"):
        await supervisor.run(bring_up())
    assert (tmp_path / "stopped").read_text().split() == ["temporal"]


async def test_the_log_of_the_run_before_is_kept(start: Start, tmp_path: Path) -> None:
    """A restart does not wipe out why the last run went wrong, and logs do not grow for ever."""
    for words in ("first", "second", "third"):
        supervisor = Supervisor(tmp_path / "logs")
        with pytest.raises(ChildDiedError):
            await supervisor.run(start(supervisor, "api", f"touch api-up; echo {words}"))
    assert (tmp_path / "logs" / "api.log").read_text() == "third\n"
    assert (tmp_path / "logs" / "api.log.1").read_text() == "second\n"
    assert len(list((tmp_path / "logs").iterdir())) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_programs_end_when_their_supervisor_is_killed(script: Script, tmp_path: Path) -> None:
    """SIGKILL leaves the supervisor no time to stop anybody: the system does it."""
    program = script("api", "touch api-up; exec sleep 1000")
    supervising = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISE, str(program), str(tmp_path)],
        env={**os.environ, "HANDOVER_TEST": str(tmp_path)},
    )
    wait_until((tmp_path / "api-up").exists)
    supervising.send_signal(signal.SIGKILL)
    supervising.wait()
    wait_until(lambda: not processes_with("HANDOVER_TEST", tmp_path))


_SUPERVISE = """
import asyncio, os, pathlib, sys
from embedded.supervisor import Supervisor

async def supervise(program, folder):
    supervisor = Supervisor(folder / "logs")
    await supervisor.run(supervisor.start("api", [program], os.environ, folder))

asyncio.run(supervise(sys.argv[1], pathlib.Path(sys.argv[2])))
"""
