"""The processes of a service, as Linux tells of them."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import lacks
from tests.service import RunningService


def api_process(service: RunningService) -> Path:
    """The folder in which Linux describes the API process of this service."""
    folder = Path(f"/proc/{service.pid('api')}")
    if not folder.exists():
        lacks("this system has no /proc, where a process's memory and open files could be read")
    return folder
