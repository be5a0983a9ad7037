"""How much a test does: enough to notice a fault in each run, all of it before a release.

`make soak` sets `SOAK=1`.
"""

from __future__ import annotations

import os

SOAK = os.environ.get("SOAK") == "1"


def volume(full: int, few: int) -> int:
    """`full` in `make soak`, `few` in every other run."""
    return full if SOAK else few
