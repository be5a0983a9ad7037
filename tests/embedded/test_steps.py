from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from embedded import steps
from embedded.steps import StepError, run_step
from tests.embedded.conftest import Script, processes_with
from tests.support import eventually


async def test_a_long_step_shows_that_it_goes_on(
    script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a terminal there is a line for the step and one for every interval that goes by."""
    wait = script("wait", f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done")
    lines: list[str] = []

    def say(text: str, end: str = "") -> None:
        lines.append(text)
        if len(lines) == 3:
            (tmp_path / "go").touch()

    monkeypatch.setattr(steps, "say", say)
    monkeypatch.setattr(steps, "SECONDS_BETWEEN_LINES", 0.1)
    await run_step("Waiting", [str(wait)], seconds=60)
    assert lines[:3] == ["Waiting ...", "  0 s", "  0 s"]


async def test_a_failing_step_shows_its_last_words(script: Script) -> None:
    """What the program wrote last is what its failure says."""
    program = script("fail", "echo first; echo no such module >&2; exit 3")
    with pytest.raises(StepError, match=r"status 3:\n    first\n    no such module"):
        await run_step("Failing", [str(program)], seconds=60)


async def test_a_step_out_of_time_ends_with_all_its_processes(
    script: Script, tmp_path: Path
) -> None:
    """Processes that a step started end with it when its time is over."""
    program = script("hang", "sleep 1000 & sleep 1000")
    with pytest.raises(StepError, match="not done within 1 second"):
        await run_step("Hanging", [str(program)], seconds=1, env={"HANDOVER_TEST": str(tmp_path)})
    await eventually(lambda: not processes_with("HANDOVER_TEST", tmp_path))


async def test_an_interrupted_step_ends_with_all_its_processes(
    script: Script, tmp_path: Path
) -> None:
    """Ctrl-C during a download leaves nothing of it behind."""
    program = script("interrupt", "sleep 1000 & sleep 1000")
    step = asyncio.create_task(
        run_step("Hanging", [str(program)], seconds=60, env={"HANDOVER_TEST": str(tmp_path)})
    )
    await eventually(lambda: len(processes_with("HANDOVER_TEST", tmp_path)) == 3)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    await eventually(lambda: not processes_with("HANDOVER_TEST", tmp_path))
