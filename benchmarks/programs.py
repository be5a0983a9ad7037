"""Programs of the agent's side, each in its own process."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE

from benchmarks.contenders import Product
from embedded.plan import ROOT


async def run(product: Product, *arguments: str) -> str:
    """Run a program and return its output; none outlives this call."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=_environment(product), stdout=PIPE, stderr=PIPE
    )
    try:
        printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(complaints.decode())
    return printed.decode()


def _environment(product: Product) -> dict[str, str]:
    """Return the environment with the service, in which compiled modules are kept."""
    outer = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {
        **outer,
        "HANDOVER_API_KEY": product.api_key,
        "HANDOVER_BASE_URL": product.url,
        "PYTHONPYCACHEPREFIX": str(product.folder / "bytecode"),
    }
