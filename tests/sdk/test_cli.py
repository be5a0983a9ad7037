"""The command `handover`, as a process of its own against the running service."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.util import resolve_name
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

import handover
from handover._verdicts import ExitCode, exit_code
from handover.models import Decision
from tests.approver import answer_link, newest_mail, press
from tests.sdk.service import decision as decision_json
from tests.sdk.service import problem, replies
from tests.service import RunningService
from tests.support import eventually

COMMAND = [sys.executable, "-m", "handover.cli"]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def environment(url: str, key: str = "ho_key") -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("HANDOVER_")},
        "HANDOVER_API_KEY": key,
        "HANDOVER_BASE_URL": url,
        "COLUMNS": "300",
    }


@asynccontextmanager
async def started(
    service: RunningService, *arguments: str, stdin: bytes | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        env=environment(service.base_url, service.api_key),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(stdin or b"")
    process.stdin.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process) -> Ended:
    assert process.stdout
    assert process.stderr
    out, err, code = await asyncio.wait_for(
        asyncio.gather(process.stdout.read(), process.stderr.read(), process.wait()), 60
    )
    return Ended(code, out.decode(), err.decode())


async def run(service: RunningService, *arguments: str, stdin: bytes | None = None) -> Ended:
    async with started(service, *arguments, stdin=stdin) as process:
        return await ended(process)


def somebody() -> str:
    return f"cli-{uuid4().hex}@example.com"


async def asked(
    service: RunningService,
    choice: str,
    *arguments: str,
    stdin: bytes | None = None,
    **typed: str,
) -> Ended:
    """`handover ask`, whose approver presses a button."""
    approver = somebody()
    command = ["ask", "Deploy v42?", "--approver", approver, "--timeout", "5m", *arguments]
    async with started(service, *command, stdin=stdin) as process:
        mail = await newest_mail(service, approver)
        await press(answer_link(mail), choice, **typed)
        return await ended(process)


@pytest.mark.parametrize(("choice", "code"), [("approve", 0), ("deny", 1)])
async def test_exit_code_is_the_answer(service: RunningService, choice: str, code: int) -> None:
    """0 for yes and 1 for no, with the sentence on stderr and nothing on stdout."""
    told = await asked(service, choice, notes="as the \x1b[2Jtest says")
    assert told.code == code, told
    assert told.out == ""
    assert "as the" in told.err
    assert "Waiting for cli-" in told.err
    assert "\x1b" not in told.err


async def test_expiry_is_two(service: RunningService) -> None:
    """Nobody answered in time."""
    told = await run(service, "ask", "Deploy?", "--approver", somebody(), "--timeout", "2s")
    assert told.code == 2, told
    assert "nobody answered before" in told.err


@pytest.mark.parametrize("choice", ["approve", "modify"])
async def test_what_may_run_is_on_stdout(service: RunningService, choice: str) -> None:
    """The payload as it was permitted, changed or not, alone on stdout."""
    changed = {"amount": 20, "to": "Ü\N{RIGHT-TO-LEFT OVERRIDE}"}
    ask = partial(asked, service, choice, "--payload", '{"amount": 50}')
    told = await (ask(payload=json.dumps(changed)) if choice == "modify" else ask())
    assert told.code == 0, told
    assert json.loads(told.out) == (changed if choice == "modify" else {"amount": 50})
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in told.out


async def test_change_in_words_is_no_permission(service: RunningService) -> None:
    """Without a payload a change permits nothing, and 0 would be a lie."""
    told = await asked(service, "modify", action="Deploy v41")
    assert told.code == 1, told
    assert 'changed it in words, which nothing can run: "Deploy v41"' in told.err


async def test_every_option_reaches_the_approver(service: RunningService, tmp_path: Path) -> None:
    """Context from stdin, payload from a file, attachments, urgency; the answer as JSON."""
    (tmp_path / "payload.json").write_text('{"version": 42}')
    (tmp_path / "orders.csv").write_text("order,amount\n1142,49.90\n")
    told = await asked(
        service,
        "approve",
        *("--context-file", "-", "--payload", f"@{tmp_path / 'payload.json'}"),
        *("--attach", str(tmp_path / "orders.csv"), "--urgency", "high"),
        *("--channel", "email", "--json"),
        stdin="Überprüft".encode(),
    )
    assert told.code == 0, told
    decision = Decision.model_validate_json(told.out)
    assert decision.status == "approved"
    assert (decision.context, decision.payload, decision.urgency) == (
        "Überprüft",
        {"version": 42},
        "high",
    )
    assert [each.name for each in decision.attachments] == ["orders.csv"]


async def test_chosen_is_on_stdout(service: RunningService) -> None:
    """What was chosen is what a script goes on with."""
    options = ["--type", "choose", "--choice", "blue", "--choice", "green"]
    told = await asked(service, "approve", *options, chosen="green")
    assert (told.code, told.out) == (0, "green\n"), told


async def test_not_waiting(service: RunningService) -> None:
    """The id alone on stdout; it is open, which is no permission. Watched, shown, listed,
    cancelled."""
    asking = ["ask", "Deploy \x1b]0;v42", "--approver", somebody(), "--no-wait"]
    told = await run(service, *asking)
    assert told.code == 4, told
    decision_id = told.out.strip()
    watched = await run(service, "watch", decision_id, "--timeout", "1s")
    assert watched.code == 4, watched
    assert f"handover watch {decision_id}" in watched.err
    shown = await run(service, "get", decision_id)
    assert shown.code == 0
    assert "action    Deploy ⟨U+001B⟩]0;v42" in shown.out

    async def listed() -> bool:
        return decision_id in (await run(service, "list", "--status", "pending", "-n", "500")).out

    await eventually(listed)
    as_json = await run(service, "list", "--status", "pending", "--json", "-n", "1")
    assert len(json.loads(as_json.out)) == 1
    cancelled = await run(service, "cancel", decision_id, "--json")
    assert cancelled.code == 0, cancelled
    assert (await run(service, "watch", decision_id)).code == 1


async def test_the_same_key_asks_once(service: RunningService, tmp_path: Path) -> None:
    """A job that runs again finds its decision, files and all."""
    (tmp_path / "plan.txt").write_text("a plan")
    key = uuid4().hex
    asking = ["ask", "Deploy?", "--approver", somebody(), "--idempotency-key", key]
    asking += ["--attach", str(tmp_path / "plan.txt"), "--no-wait"]
    first, again = await run(service, *asking), await run(service, *asking)
    assert first.code == again.code == 4, (first, again)
    assert first.out == again.out
    shown = await run(service, "get", first.out.strip(), "--json")
    assert len(json.loads(shown.out)["attachments"]) == 1


async def test_interrupted(service: RunningService) -> None:
    """Ctrl-C ends the waiting with 130 and says how to go on with it."""
    approver = somebody()
    async with started(service, "ask", "Deploy?", "--approver", approver) as process:
        assert process.stderr
        line = (await asyncio.wait_for(process.stderr.readline(), 30)).decode()
        decision_id = line.rpartition("(")[2].strip(")\n")
        process.send_signal(signal.SIGINT)
        told = await ended(process)
    assert told.code == 130, told
    assert told.err == (
        f"Interrupted; the decision goes on. To wait on: handover watch {decision_id}\n"
    )
    async with started(service, "watch", decision_id) as process:
        await press(answer_link(await newest_mail(service, approver)), "approve")
        assert (await ended(process)).code == 0
    refused = await run(service, "cancel", decision_id)
    assert refused.code == 3
    assert "409" in refused.err


async def test_spinner_on_a_terminal(service: RunningService) -> None:
    """On a terminal a spinner turns on stderr, and stdout has the result alone."""
    approver = somebody()
    ours, its = pty.openpty()
    shown = bytearray()
    os.set_blocking(ours, False)

    def read() -> bool:
        with suppress(OSError):
            shown.extend(os.read(ours, 65_536))
        return approver.encode() in shown and shown.count("⠋".encode()) > 1

    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "ask", "Deploy?", "--approver", approver, "--payload", "{}"),
        env={**environment(service.base_url, service.api_key), "TERM": "xterm"},
        stdout=asyncio.subprocess.PIPE,
        stderr=its,
    )
    try:
        os.close(its)
        await eventually(read)
        await press(answer_link(await newest_mail(service, approver)), "approve")
        assert process.stdout
        reading = asyncio.ensure_future(process.stdout.read())
        await eventually(lambda: read() and reading.done())
        assert (await process.wait(), await reading) == (0, b"{}\n")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)


def ended_at_once(*arguments: str, **variables: str) -> Ended:
    done = subprocess.run(
        [*COMMAND, *arguments],
        env={**environment("http://127.0.0.1:9"), **variables},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["ask"],
        ["ask", "x"],
        ["ask", "x", "--approver"],
        ["ask", "x", "--approver", "a@example.com", "--timeout", "30"],
        ["ask", "x", "--approver", "a@example.com", "--timeout", "-5m"],
        ["ask", "x", "--approver", "a@example.com", "--payload", "{"],
        ["ask", "x", "--approver", "a@example.com", "--payload", "[]"],
        ["ask", "x", "--approver", "a@example.com", "--payload", ""],
        ["ask", "x", "--approver", "a@example.com", "--payload", '{"a": NaN}'],
        ["ask", "x", "--approver", "a@example.com", "--payload", "@/nowhere"],
        ["ask", "x", "--approver", "a@example.com", "--attach", "/nowhere"],
        ["ask", "x", "--approver", "a@example.com", "--choice", "blue"],
        ["ask", "x", "--approver", "a@example.com", "--urgency", "urgent"],
        ["ask", "x", "--approver", "a@example.com", "-c", "y", "--context-file", "-"],
        ["demand", "x"],
        ["list", "--status", "open"],
    ],
    ids=" ".join,
)
def test_what_is_not_understood_is_no_answer(arguments: list[str]) -> None:
    """A mistake in the command ends with 64, which is no decision's exit code."""
    told = ended_at_once(*arguments)
    assert told.code == 64, told


def test_a_name_that_is_there_twice() -> None:
    """Only the last would be sent; the way to it is told."""
    payload = '{"a": [{"b": 1, "b": 2}]}'
    told = ended_at_once("ask", "x", "--approver", "a@example.com", "--payload", payload)
    assert "a.0.b: this name is there twice" in " ".join(told.err.split())


def test_service_that_refuses(serve: Any) -> None:
    """A refusal is told with its words, and ends with 3."""
    refusal = problem(422, "invalid_request", error="the address is none")
    told = ended_at_once(
        *("ask", "x", "--approver", "nobody"), HANDOVER_BASE_URL=serve(replies(refusal, 422)).url
    )
    assert told.code == 3, told
    assert "handover: 422 invalid_request: the address is none" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("command", [["ask", "x", "--approver", "a@example.com"], ["list"]])
def test_without_a_key(command: list[str]) -> None:
    """Without a key nothing is asked, and nobody at the terminal either."""
    told = ended_at_once(*command, HANDOVER_API_KEY="", HANDOVER_BASE_URL="")
    assert told.code == 3, told
    assert "HANDOVER_API_KEY" in told.err


def test_bugs_are_no_answers() -> None:
    """Whatever breaks ends with 3 and never with an answer's exit code."""
    for broken in (
        "raise OSError(32, 'EPIPE')",
        "raise SystemExit(1)",
        "raise RuntimeError",
        "import typer; raise typer.Abort",
    ):
        code = f"""if True:
            import sys
            from handover import _commands, cli
            def break_off(*args, **kwargs):
                {broken}
            _commands._client = break_off
            sys.argv = ["handover", "ask", "x", "--approver", "a@example.com"]
            cli.main()
        """
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert done.returncode == 3, (broken, done)


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_library(missing: str) -> None:
    """Without the extra, a sentence says what to install."""
    code = f"""if True:
        import sys
        sys.modules[{missing!r}] = None
        from handover.cli import main
        main()
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "pip install 'handover-sdk[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_is_installed() -> None:
    """The project file names the command, and its function is there."""
    project = tomllib.loads((Path(handover.__file__).parent.parent / "pyproject.toml").read_text())
    module, _, function = project["project"]["scripts"]["handover"].partition(":")
    assert callable(getattr(__import__(resolve_name(module, None), fromlist=["_"]), function))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": "approved"}, 0),
        ({"status": "approved", "enforce": True, "action_permitted": True}, 0),
        ({"status": "approved", "enforce": True, "action_permitted": False}, 1),
        ({"status": "approved", "enforce": True}, 1),
        ({"status": "approved", "approved": False}, 1),
        ({"status": "denied"}, 1),
        ({"status": "cancelled"}, 1),
        ({"status": "modified"}, 1),
        ({"status": "modified", "payload": {"a": 1}, "enforce": True, "action_permitted": True}, 1),
        ({"status": "expired"}, 2),
        ({"status": "pending"}, 4),
        ({"status": "scheduled", "execute_at": "2100-01-01T00:00:00Z", "enforce": True}, 4),
        ({"status": "scheduled", "execute_at": "2020-01-01T00:00:00Z", "enforce": True}, 1),
        ({"status": "from_the_future", "action_permitted": True, "approved": True}, 1),
    ],
)
def test_exit_codes(fields: dict[str, Any], code: int) -> None:
    """Only what is certainly permitted is 0; a status that nobody knows is not."""
    told = Decision.model_validate({**decision_json(), "approved": True, **fields})
    assert exit_code(told) == ExitCode(code)
