"""`python -m api.make_key NAME [--scope SCOPE …]`: a new API key, which is shown this once.

Keys of one name are one agent's. Without a scope it is an agent's key: it asks, reads and withdraws
its own decisions.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from config import load_settings
from store import open_store
from store.keys import AGENT_SCOPES, SCOPES, new_key


async def make_key(name: str, scopes: frozenset[str]) -> str:
    store = await open_store(load_settings().store_url)
    try:
        key = new_key()
        await store.keys.ensure(key, name, scopes)
    finally:
        await store.close()
    return key


def main() -> None:
    parser = argparse.ArgumentParser(prog="make_key", description=__doc__)
    parser.add_argument("name", help="who has it; approvers and records name them so")
    parser.add_argument("--scope", action="append", choices=sorted(SCOPES), default=[])
    given = parser.parse_args()
    if not 1 <= len(given.name.strip()) <= 200:
        parser.error("the name has 1 to 200 characters")
    scopes = frozenset(given.scope) or AGENT_SCOPES
    sys.stdout.write(asyncio.run(make_key(given.name.strip(), scopes)) + "\n")


if __name__ == "__main__":
    main()
