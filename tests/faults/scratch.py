"""A copy of a tree in which faults are planted and tests run, and what pytest says there."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.catalogue import Fault

FAILED, GREEN = 1, 0
"""Of pytest's exit statuses, the one for failed tests and the one for none."""

UNLOADED = ("-p", "no:schemathesis", "-p", "no:langsmith_plugin")
"""Plugins of packages that are here for something else; loading them takes a second and a half."""

OPTIONS = ("-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", *UNLOADED)
SETTINGS = "addopts=--strict-markers --strict-config -ra"
"""The same for every tree, whatever its own settings say of processes and limits."""

LAST_WORDS = 30.0
"""Seconds for a test run that is out of time to stop the servers that it has started."""


@dataclass(frozen=True, slots=True)
class Ran:
    """`status` is pytest's, None when it was out of time; `failed` are the tests that failed,
    without those that could not begin, and `told` the last line."""

    status: int | None
    seconds: float
    failed: tuple[str, ...]
    told: str

    @property
    def is_green(self) -> bool:
        return self.status == GREEN and " passed" in self.told

    @property
    def is_red(self) -> bool:
        return self.status == FAILED and bool(self.failed)


class Scratch:
    """A copy of `tree` in `folder`, with a Python that finds its packages and no other's."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self._root = folder / "tree"
        self._moments = itertools.count(int(time.time()))
        _copy(tree, self._root)
        self._python = _python(self._root)
        self._process: subprocess.Popen[str] | None = None

    def has(self, test: str) -> bool:
        path, _, name = test.partition("::")
        file = self._root / path
        found = name.partition("[")[0]
        return file.exists() and (not name or f"def {found}(" in file.read_text())

    @contextmanager
    def with_fault(self, fault: Fault) -> Iterator[None]:
        """Raises `MisplacedError` where this tree has no place for it."""
        file = self._root / fault.file
        source = file.read_text()
        self._write(file, fault.planted(source))
        try:
            yield
        finally:
            self._write(file, source)

    def run(self, tests: Sequence[str], limit: float, *further: str) -> Ran:
        """Run these for `limit` seconds at most; `further` are options of pytest's."""
        # Examples that were found with another fault would be tried again.
        shutil.rmtree(self._root / ".hypothesis", ignore_errors=True)
        began = time.monotonic()
        command = [self._python, "-m", "pytest", *OPTIONS, "-o", SETTINGS, *further, *tests]
        with subprocess.Popen(
            command,
            cwd=self._root,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            self._process = process
            output, status = _outcome(process, limit)
        failed = re.findall(r"^FAILED (.+?)(?: - |$)", output, re.MULTILINE)
        told = (output.strip().splitlines() or [""])[-1]
        return Ran(status, time.monotonic() - began, tuple(failed), told)

    def interrupt(self) -> None:
        """Have the tests end that are running, and the servers that they have started."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def _write(self, file: Path, source: str) -> None:
        """With a time of its own: Python takes a compiled file by its time, in whole seconds."""
        file.write_text(source)
        moment = next(self._moments)
        os.utime(file, (moment, moment))


def _copy(tree: Path, to: Path) -> None:
    """What git knows, and what is new and not ignored."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=tree, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (tree / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / name, to / name)


def _python(root: Path) -> Path:
    """An environment with this one's packages, but for the SDK, which is the copy's. An editable
    installation leads to the tree it was made in; a child process may drop `PYTHONPATH`."""
    place = root / ".venv"
    venv.create(place, symlinks=True)
    [packages] = place.glob("lib/*/site-packages")
    ours = Path(sysconfig.get_path("purelib"))
    (packages / "tree.pth").write_text(f"{root / 'sdk/python'}\n{ours}\n")
    for script in Path(sysconfig.get_path("scripts")).iterdir():
        if not (place / "bin" / script.name).exists():
            (place / "bin" / script.name).symlink_to(script)
    where = [place / "bin/python", "-I", "-c", "import handover; print(handover.__file__)"]
    found = subprocess.run(where, check=True, capture_output=True, text=True).stdout
    if not Path(found.strip()).is_relative_to(root):
        raise RuntimeError(f"the tests would import {found.strip()}")
    return place / "bin/python"


def _environment() -> dict[str, str]:
    """A test that cannot run here fails, so that it passes for none that noticed nothing."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"REQUIRE_ALL": "1"}


def _outcome(process: subprocess.Popen[str], limit: float) -> tuple[str, int | None]:
    try:
        return process.communicate(timeout=limit)[0], process.returncode
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=LAST_WORDS)[0], None
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0], None
