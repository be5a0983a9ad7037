"""`python -m api.make_key NAME [--scope SCOPE …]`: makes an API key, and prints it this once.

Keys of one name are one agent's. Without a scope it is an agent's key: it asks, reads and withdraws
its own decisions. A key with `keys:admin` makes the others over HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from api.decisions.approvers import check_places
from api.decisions.schemas import allowed_approver
from api.problems.errors import Invalid
from settings.errors import ConfigurationError, naming
from settings.loading import load_settings
from store import UnusableStoreError, open_store
from store.keys import AGENT_SCOPES, SCOPES, is_name, new_key

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


async def make_key(
    name: str,
    scopes: frozenset[str],
    expires_at: datetime | None = None,
    approvers: Collection[str] | None = None,
    step_up: bool = False,
) -> str:
    """Make a key. Raises `Invalid` for approvers in a network that no operator has allowed."""
    settings = load_settings()
    check_places(settings.local_domains, [("--approvers", each) for each in approvers or ()])
    with naming(settings.store_setting, UnusableStoreError):
        store = await open_store(settings.store)
    try:
        key = new_key()
        await store.keys.ensure(
            key, name, scopes, expires_at=expires_at, approvers=approvers, step_up=step_up
        )
    finally:
        await store.close()
    return key


def main() -> None:
    parser = argparse.ArgumentParser(prog="make_key", description=__doc__)
    parser.add_argument("name", help="who has it; approvers and records name them so")
    parser.add_argument("--scope", action="append", choices=sorted(SCOPES), default=[])
    parser.add_argument("--expires", type=_moment, help="a time (2026-12-31T00:00Z), or 30d, 12h")
    parser.add_argument(
        "--approvers", type=_approvers, help="whom it may ask: alice@example.com,@example.org"
    )
    parser.add_argument(
        "--step-up", action="store_true", help="answers count only with a code that was mailed"
    )
    given = parser.parse_args()
    if not is_name(given.name.strip()):
        parser.error("the name has 1 to 200 characters that can be seen; `oidc:…` is a person's")
    scopes = frozenset(given.scope) or AGENT_SCOPES
    making = make_key(given.name.strip(), scopes, given.expires, given.approvers, given.step_up)
    try:
        key = asyncio.run(making)
    except Invalid as error:
        parser.error(error.error)
    except ConfigurationError as error:
        sys.exit(str(error))
    sys.stdout.write(key + "\n")


def _moment(text: str) -> datetime:
    if named := re.fullmatch(r"(\d{1,5})([mhd])", text):
        moment = datetime.now(UTC) + int(named[1]) * UNITS[named[2]]
    else:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment <= datetime.now(UTC):
        raise argparse.ArgumentTypeError("a time to come, with its offset, or 30d, 12h, 90m")
    return moment.astimezone(UTC)


def _approvers(text: str) -> list[str]:
    """Read approvers as the HTTP API does."""
    try:
        return [allowed_approver(each.strip()) for each in text.split(",") if each.strip()]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    main()
