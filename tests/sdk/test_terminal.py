"""Without a key, in a terminal: a real one (a pty), with a program that asks in it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """
import asyncio, json, sys
from handover import AsyncHandoverClient, HandoverClient
fields = json.loads(sys.argv[2])
ask = {"action": "Refund order 1142", "approver": "approver@example.com", **fields}
async def main():
    async with AsyncHandoverClient() as client:
        return await client.decisions.create(**ask)
if sys.argv[1] == "asynchronous":
    decision = asyncio.run(main())
else:
    client = HandoverClient()
    decision = client.decisions.create(**ask)
    assert client.decisions.get(decision.id) == decision
print("ENDED " + decision.model_dump_json())
"""
QUESTION = r"\[a\]pprove.*\? $"


class Terminal:
    """A program in a terminal, and whoever sits at it."""

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        program: tuple[str, ...] = ("-c", PROGRAM),
    ) -> None:
        ours, theirs = pty.openpty()
        self._ours = ours
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)

    def until(self, pattern: str) -> str:
        """What is shown since the last time, as soon as it matches."""
        deadline = time.monotonic() + 30
        while not (found := re.search(pattern, self.shown, re.DOTALL)):
            assert time.monotonic() < deadline, self.shown
            self._read(deadline - time.monotonic())
        passed, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return passed

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._ours], [], [], max(seconds, 0))
        if ready:
            self.shown += os.read(self._ours, 65_536).decode().replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def ended(self) -> dict[str, Any]:
        """The decision, once the program has it."""
        told = self.until(r"ENDED (\{.*\})\n")
        assert self.process.wait(30) == 0
        return json.loads(told[told.rindex("ENDED ") + 6 :])

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
        os.close(self._ours)


def _take_terminal() -> None:
    """Runs in the child: makes the pty its controlling terminal, so that Ctrl-C reaches it."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HANDOVER_")}
    for name in ("CI", "EDITOR", "VISUAL"):
        kept.pop(name, None)
    return {**kept, "LOGNAME": "alice", "PYTHONIOENCODING": "utf-8", "COLUMNS": "60", **more}


@pytest.fixture
def sit_at() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(kind: str = "blocking", editor: str = "", **fields: Any) -> Terminal:
        more = {"EDITOR": editor} if editor else {}
        opened.append(Terminal([kind, json.dumps(fields)], environment(**more)))
        return opened[-1]

    yield open_terminal
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize("kind", ["blocking", "asynchronous"])
def test_approves(sit_at: Callable[..., Terminal], kind: str) -> None:
    """What is asked is shown, `a` and notes approve, and nobody is said to be proven."""
    terminal = sit_at(
        kind, context="The parcel broke.", payload={"amount": 49.9}, urgency="high", enforce=True
    )
    shown = terminal.until(QUESTION)
    assert "│ Refund order 1142\n" in shown
    assert "│ The parcel broke.\n" in shown
    assert '│   "amount": 49.9\n' in shown
    assert "Urgency: high" in shown
    assert "approver@example.com" in shown
    terminal.type("a\n")
    terminal.until("Notes.*: ")
    terminal.type("Go ahead.\n")
    decision = terminal.ended()
    assert (decision["status"], decision["origin"]) == ("approved", "dev")
    assert (decision["resolved_by"], decision["response_notes"]) == ("alice", "Go ahead.")
    assert decision["action_permitted"]


def test_denies(sit_at: Callable[..., Terminal]) -> None:
    """`d` denies; what is no choice is asked again."""
    terminal = sit_at()
    for typed in ("yes", "", "approve!"):
        terminal.until(QUESTION)
        terminal.type(f"{typed}\n")
        terminal.until("! type a or d or m")
    terminal.until(QUESTION)
    terminal.type("d\n")
    terminal.until("Notes.*: ")
    terminal.type("\n")
    decision = terminal.ended()
    assert (decision["status"], decision["response_notes"]) == ("denied", None)


@pytest.mark.parametrize("kind", ["blocking", "asynchronous"])
@pytest.mark.parametrize(("key", "notes"), [("\x03", "Ctrl-C"), ("\x04", "no input")])
@pytest.mark.parametrize("typed", ["", "a\n"])
def test_stops(
    sit_at: Callable[..., Terminal], kind: str, key: str, notes: str, typed: str
) -> None:
    """Ctrl-C and the end of the input mean no, also after an `a`; the program goes on."""
    terminal = sit_at(kind)
    terminal.until(QUESTION)
    if typed:
        terminal.type(typed)
        terminal.until("Notes.*: ")
    terminal.type(key)
    decision = terminal.ended()
    assert (decision["status"], decision["approved"]) == ("denied", False)
    assert decision["response_notes"] == f"{notes} at the terminal"


def test_types_another_payload(sit_at: Callable[..., Terminal]) -> None:
    """Without an editor the payload is typed; what is no JSON object is asked again."""
    terminal = sit_at(payload={"amount": 60})
    for typed in ('{"amount":', "[1]", '{"amount": NaN}', '{"amount": 9007199254740993}'):
        terminal.until(QUESTION)
        terminal.type("m\n")
        terminal.until("JSON: ")
        terminal.type(f"{typed}\n")
        if "99" in typed:
            terminal.until("Notes.*: ")
            terminal.type("\n")
        terminal.until("\n! ")
    terminal.until(QUESTION)
    terminal.type("m\n")
    terminal.until("JSON: ")
    terminal.type('{"amount": 45}\n')
    terminal.until("Notes.*: ")
    terminal.type("\n")
    decision = terminal.ended()
    assert (decision["status"], decision["approved"]) == ("modified", False)
    assert decision["response_data"] == {"payload": {"amount": 45}}


def test_edits_the_payload(sit_at: Callable[..., Terminal], tmp_path: Path) -> None:
    """`$EDITOR` gets the payload as JSON, with hidden characters written out; an editor that fails
    changes nothing."""
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "seen = pathlib.Path(__file__).with_name('seen')\n"
        "if not seen.exists():\n"
        "    seen.write_text(file.read_text())\n"
        "    sys.exit(3)\n"
        "file.write_text(file.read_text().replace('60', '45'))\n"
    )
    terminal = sit_at(
        editor=f"{sys.executable} {editor}", payload={"amount": 60, "to": "Zoë\u202e"}
    )
    terminal.until(QUESTION)
    terminal.type("m\n")
    terminal.until("! the editor failed")
    assert (tmp_path / "seen").read_text() == '{\n  "amount": 60,\n  "to": "Zoë\\u202e"\n}\n'
    terminal.until(QUESTION)
    terminal.type("m\n")
    terminal.until("Notes.*: ")
    terminal.type("\n")
    assert terminal.ended()["response_data"] == {"payload": {"amount": 45, "to": "Zoë\u202e"}}


def test_another_action_in_words(sit_at: Callable[..., Terminal]) -> None:
    """Without a payload `m` takes the action in words."""
    terminal = sit_at()
    terminal.until(QUESTION)
    terminal.type("m\n")
    terminal.until("instead: ")
    terminal.type("Send a voucher\n")
    terminal.until("Notes.*: ")
    terminal.type("\n")
    assert terminal.ended()["response_data"] == {"action": "Send a voucher"}


@pytest.mark.parametrize(
    ("response_type", "typed", "data"),
    [
        (
            {"type": "choose", "choices": ["staging", "production"], "label": "Where to?"},
            ["2"],
            {"chosen": "production"},
        ),
        (
            {"type": "text_input", "fields": [{"name": "reply", "required": True}]},
            ["We take it."],
            {"reply": "We take it."},
        ),
        ({"type": "number_input", "max": 500}, ["250"], {"value": 250}),
        (
            {"type": "schedule"},
            ["2199-01-01T08:00:00+01:00"],
            None,
        ),
        ({"type": "schedule"}, [""], None),
    ],
)
def test_values(
    sit_at: Callable[..., Terminal],
    response_type: dict[str, Any],
    typed: list[str],
    data: dict[str, Any] | None,
) -> None:
    """Other types of question have their value read; what does not fit is asked again."""
    terminal = sit_at(response_type=response_type)
    terminal.until(QUESTION)
    terminal.type("a\n")
    for line in typed:
        terminal.until(r"(Number|Text|When.*): $")
        terminal.type(f"{line}\n")
    terminal.until("Notes.*: ")
    terminal.type("\n")
    if typed[0].startswith("2199"):
        terminal.until("! .*ten years")
        terminal.until(QUESTION)
        terminal.type("d\n")
        terminal.until("Notes.*: ")
        terminal.type("\n")
    assert terminal.ended()["response_data"] == data


def test_a_number_that_could_be_two(sit_at: Callable[..., Terminal]) -> None:
    """It is asked back, and so is what is written as in no country, or keeps no digit more."""
    terminal = sit_at(response_type={"type": "number_input"})
    for typed, why in (
        ("1.500", r"1\.500 can mean 1500 or 1\.5000"),
        ("1_000", "type a number, such as 1500"),
        ("0.12345678901234567890", "more digits than a number keeps"),
    ):
        terminal.until(QUESTION)
        terminal.type("a\n")
        terminal.until("Number: $")
        terminal.type(f"{typed}\n")
        terminal.until(f"! .*{why}")
    terminal.until(QUESTION)
    terminal.type("a\n")
    terminal.until("Number: $")
    terminal.type("1.5000\n")
    terminal.until("Notes.*: ")
    terminal.type("\n")
    assert terminal.ended()["response_data"] == {"value": 1.5}


def test_a_payload_with_a_name_twice(sit_at: Callable[..., Terminal]) -> None:
    """It is asked back with the way to it."""
    terminal = sit_at(payload={"a": {"b": 1}})
    terminal.until(QUESTION)
    terminal.type("m\n")
    terminal.until("JSON: ")
    terminal.type('{"a": {"b": 1, "b": 2}}\n')
    terminal.until(r"! .*a\.b: this name is there twice")
    terminal.until(QUESTION)
    terminal.type("d\n")
    terminal.until("Notes.*: ")
    terminal.type("\n")
    assert terminal.ended()["status"] == "denied"


def test_files(sit_at: Callable[..., Terminal], tmp_path: Path) -> None:
    """Files are read from their paths."""
    (tmp_path / "contract.txt").write_text("Signed: Alice\n")
    terminal = sit_at(response_type={"type": "file_upload"})
    terminal.until(QUESTION)
    terminal.type("a\n")
    terminal.until("Paths.*: ")
    terminal.type(f"{tmp_path}/contract.txt\n")
    terminal.until("Notes.*: ")
    terminal.type("\n")
    (file,) = terminal.ended()["response_data"]["uploaded_files"]
    assert (file["name"], file["size"]) == ("contract.txt", 14)


FORGED = (
    '\x1b[2J\x1b[H\rRefund 1 EUR\u202e\n"Refund 1 EUR": [a]pprove?\u2028x\u3164'
    + " " * 80
    + "Urgency: low"
)


def test_nothing_is_forged(sit_at: Callable[..., Terminal]) -> None:
    """Whatever an agent writes stands behind the mark: no control character reaches the terminal,
    no line of it begins like one of ours, and none is so long that the terminal would break it."""
    terminal = sit_at(
        action=FORGED,
        context=FORGED,
        payload={FORGED: FORGED},
        urgency="critical",
    )
    shown = terminal.until(r"\[a\]pprove, \[d\]eny, \[m\]odify\? $")
    assert not set(shown) & set("\x1b\r\u202e\u2028\u3164")
    assert "⟨U+001B⟩[2J" in shown
    ours = [line for line in shown.splitlines() if line and not line.startswith("│ ")]
    assert [line.split(" ")[0] for line in ours] == [
        "No",
        "Action",
        "Context",
        "Payload",
        "Urgency:",
        '"⟨U+001B⟩[2J⟨U+001B⟩[H',
    ]
    assert ours[4] == "Urgency: critical"
    assert all(len(line) <= 60 for line in shown.splitlines() if line.startswith("│ "))
    terminal.type("\x03")
    assert terminal.ended()["status"] == "denied"


@pytest.mark.parametrize("more", [{"CI": "true"}, {"HANDOVER_BASE_URL": "http://127.0.0.1:9"}])
def test_nobody_is_asked(more: dict[str, str]) -> None:
    """In CI, and where a service is named, a missing key is the mistake that it is."""
    terminal = Terminal(["blocking", "{}"], environment(**more))
    try:
        terminal.until("ConfigurationError: No API key")
        assert terminal.process.wait(30) == 1
    finally:
        terminal.close()


def test_command_line_asks_nobody() -> None:
    """Whoever runs a script is not who is to approve it, also where the variable that names the
    service is blank."""
    program = ("-m", "handover.cli")
    asks = ["ask", "Deploy?", "--approver", "approver@example.com"]
    terminal = Terminal(asks, environment(HANDOVER_BASE_URL=" \n"), program)
    try:
        terminal.until("handover: No API key")
        assert terminal.process.wait(30) == 3
    finally:
        terminal.close()


def test_no_terminal() -> None:
    """Without a terminal a missing key is an error, which names what can be done."""
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM, "blocking", "{}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert told.returncode == 1
    assert "ConfigurationError: No API key" in told.stderr
    assert "in a terminal" in told.stderr
