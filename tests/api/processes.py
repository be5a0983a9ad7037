"""The processes of a service, as Linux tells of them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tests.conftest import lacks
from tests.service import RunningService


def api_process(service: RunningService) -> Path:
    """The folder in which Linux describes the API process of this service."""
    if not Path("/proc/self/environ").exists():
        lacks("this system has no /proc, where a process's memory and open files could be read")
    folder = f"HANDOVER_DATA_DIR={service.data_dir}\0".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if b"api.main:app" in command and folder in (process / "environ").read_bytes():
                return process
    raise AssertionError("the API does not run")
