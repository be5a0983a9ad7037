"""Asks the person at the terminal, when there is no key.

This is for developing. Nobody's identity is proven, so an answer has the origin `dev`, and
`resolved_by` is the name of the terminal's user. Ctrl-C and the end of the input mean no. While it
asks, the event loop of an asynchronous client stands still.
"""

from __future__ import annotations

import getpass
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from ._forks import renew_in_children
from ._memory.front import Front
from ._memory.keyboard import read_line
from ._memory.life import Life, Reply
from ._memory.prompts import NotAnAnswer, ask_notes, ask_value, choices_of, show
from ._memory.refusals import Refusal
from ._memory.service import Caller, MemoryService
from ._memory.text import visible_line
from .models import Origin


class TerminalPlayer:
    """Asks one question at a time."""

    at_once = True

    def __init__(self, service: MemoryService) -> None:
        self._service = service
        self._user = _user()
        self.renew_lock()
        renew_in_children(self)

    def renew_lock(self) -> None:
        self._turn = threading.Lock()

    def caller(self, key: str) -> Caller:
        return Caller("terminal")

    def play(self, life: Life) -> None:
        with self._turn, _interruptible():
            try:
                self._ask(life)
            except (KeyboardInterrupt, EOFError, UnicodeDecodeError) as stop:
                why = "Ctrl-C" if isinstance(stop, KeyboardInterrupt) else "no input"
                self._deny(life, f"{why} at the terminal")
            print(f"→ {life.decision.status}\n", flush=True)  # noqa: T201 - this is a dialog

    def check_wait(self, life: Life) -> None:
        """Do nothing: no decision stays pending."""

    def _ask(self, life: Life) -> None:
        show(life.decision)
        while True:
            try:
                reply = _asked(life)
                self._service.respond(life, replace(reply, by=self._user), Origin.DEV)
            except (NotAnAnswer, Refusal) as error:
                print(f"! {visible_line(str(error))}")  # noqa: T201
            else:
                return

    def _deny(self, life: Life, notes: str) -> None:
        print()  # noqa: T201
        self._service.change(
            life, lambda now: life.deny(Origin.DEV, now, by=self._user, notes=notes)
        )


def terminal_front(base_url: str) -> Front:
    service = MemoryService(base_url, asks=False, id_prefix="dec_dev_")
    return Front(service, TerminalPlayer(service))


def _asked(life: Life) -> Reply:
    """Ask once. Raises `NotAnAnswer`."""
    offered = choices_of(life.request)
    names = ", ".join(f"[{letter}]{choice[1:]}" for letter, choice in offered.items())
    typed = read_line(f'"{visible_line(life.decision.action, 60)}": {names}? ').strip().lower()
    choice = offered.get(typed[:1])
    if choice is None or not choice.startswith(typed):
        raise NotAnAnswer(f"type {' or '.join(offered)}")
    reply = ask_value(life.request, choice)
    return replace(reply, notes=ask_notes())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "terminal"


@contextmanager
def _interruptible() -> Generator[None]:
    """Let Ctrl-C end the input at once, which an event loop would keep for later."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
