"""Stand-ins for programs, and a look at which processes there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from embedded.errors import ProgramMissingError
from embedded.programs import get_dev_server
from tests.conftest import lacks

Script = Callable[[str, str], Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Makes a program of a shell script, in the folder `bin`."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture(scope="session")
async def dev_server() -> Path:
    try:
        return await get_dev_server()
    except ProgramMissingError as error:
        lacks(str(error))
        raise


def processes_with(setting: str, value: Path) -> dict[int, str]:
    """The living processes, whoever their parent is now, that were started with this setting."""
    wanted = f"{setting}={value}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().decode()
        except OSError:
            continue
    return found
