"""The examples as their readers run them: as programs, against the running service."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

Process = asyncio.subprocess.Process


@asynccontextmanager
async def running(service: Any, example: ModuleType, *arguments: str) -> AsyncIterator[Process]:
    environment = os.environ | {
        "HANDOVER_API_KEY": service.api_key,
        "HANDOVER_BASE_URL": service.base_url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(str(example.__file__))),
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def output(process: Process) -> str:
    """What it printed, when it has ended well."""
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()
