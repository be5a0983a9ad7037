"""`python -m benchmarks.waiters TIMES ID …`: waits for each decision in so many calls at once, and
prints, as JSON, their results and the most memory that the process had.

The service is that of `HANDOVER_BASE_URL`.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from handover import AsyncHandoverClient


async def wait_for_all(times: int, decision_ids: Sequence[str]) -> Counter[str]:
    """Count the calls that ended with each status, or with each error."""
    async with AsyncHandoverClient() as client:
        calls = [client.decisions.wait(each) for each in decision_ids for _ in range(times)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    return Counter(
        repr(answer) if isinstance(answer, BaseException) else str(answer.status)
        for answer in answers
    )


def peak_memory() -> float:
    """Return the resident memory in MB at its peak."""
    status = Path("/proc/self/status")
    if status.exists():  # the system's other figure begins with what its parent had
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
        return int(found[1]) / 1024 if found else float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024**2 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    ended = asyncio.run(wait_for_all(int(sys.argv[1]), sys.argv[2:]))
    print(json.dumps({"ended": ended, "peak_mb": round(peak_memory(), 1)}))
