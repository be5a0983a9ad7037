"""JSON as JavaScript writes it again, with the engine that Playwright brings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import playwright

NODE = Path(playwright.__file__).parent / "driver/node"
REWRITE = "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0, 'utf8'))))"


def rewritten(document: str) -> str:
    done = subprocess.run(
        [NODE, "-e", REWRITE],
        input=document,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout
