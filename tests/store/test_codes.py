"""What the store knows of codes: which form asked for each, how long it holds, how often it was
tried."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from store import Store, database
from store.codes import HOLDS_FOR, MAX_TRIES, OTHERS_TRIES, SentCode

NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
ANN = "ann@example.com"
MINE, ANOTHER = "form-of-ann-herself", "form-of-somebody-else"


def code(number: int = 1, form: str = MINE, id: str = "", at: datetime = NOW) -> SentCode:
    return SentCode(id or f"code_{number}", number, form, at + HOLDS_FOR)


async def tried(store: Store, decision: str, form: str, times: int) -> list[str]:
    """The codes with which so many tries of this form at once may be compared."""
    spent = await asyncio.gather(
        *(store.codes.spend_try(decision, ANN, form, NOW) for _ in range(times))
    )
    return [each.id for codes in spent for each in codes]


async def test_a_hundred_tries_at_once_are_a_hundred_tries(store: Store) -> None:
    """Five are let through, whoever comes at the same time."""
    assert await store.codes.add("dec_tries", ANN, code())
    assert len(await tried(store, "dec_tries", MINE, 100)) == MAX_TRIES
    [left] = await store.codes.of("dec_tries", ANN)
    assert (left.tries, left.tries_left(MINE, NOW)) == (MAX_TRIES, 0)


async def test_tries_of_other_forms_end_nothing(store: Store) -> None:
    """However many, and at once with those of the form that asked; two of them may be right."""
    await store.codes.add("dec_others", ANN, code())
    mine, others = await asyncio.gather(
        tried(store, "dec_others", MINE, MAX_TRIES - 1), tried(store, "dec_others", ANOTHER, 50)
    )
    assert (len(mine), len(others)) == (MAX_TRIES - 1, OTHERS_TRIES)
    [left] = await store.codes.of("dec_others", ANN)
    assert (left.tries_left(MINE, NOW), left.tries_left(ANOTHER, NOW)) == (1, 0)
    assert await tried(store, "dec_others", MINE, 2) == ["code_1"]


async def test_a_try_is_one_at_every_code_that_holds(store: Store) -> None:
    """At its own and at another's, in two forms at once: mails come in any order."""
    await store.codes.add("dec_both", ANN, code(1))
    await store.codes.add("dec_both", ANN, code(2, ANOTHER))
    spent = await asyncio.gather(
        tried(store, "dec_both", MINE, 10), tried(store, "dec_both", ANOTHER, 10)
    )
    for own, other, found in zip(("code_1", "code_2"), ("code_2", "code_1"), spent, strict=True):
        assert (found.count(own), found.count(other)) == (MAX_TRIES, OTHERS_TRIES)


async def test_a_code_holds_for_ten_minutes(store: Store) -> None:
    """And no try counts after that."""
    await store.codes.add("dec_time", ANN, code())
    [kept] = await store.codes.of("dec_time", ANN)
    assert (kept, kept.sent_at) == (code(), NOW)
    assert kept.tries_left(MINE, NOW + HOLDS_FOR - timedelta(seconds=1)) == MAX_TRIES
    assert kept.tries_left(MINE, NOW + HOLDS_FOR) == 0
    assert await store.codes.spend_try("dec_time", ANN, MINE, NOW + HOLDS_FOR) == []


async def test_of_two_new_codes_at_once_one_is_kept(store: Store) -> None:
    """The first for somebody, and any later one."""
    for number in (1, 2, 3):
        kept = await asyncio.gather(
            *(store.codes.add("dec_race", ANN, code(number, id=f"{number}{n}")) for n in "ab")
        )
        assert sorted(kept) == [False, True]
    assert [each.number for each in await store.codes.of("dec_race", ANN)] == [1, 2, 3]


async def test_codes_belong_to_one_person_and_one_decision(store: Store) -> None:
    """Nobody spends the tries of another, and what was not sent is forgotten alone."""
    await store.codes.add("dec_whose", ANN, code(1))
    await store.codes.add("dec_whose", ANN, code(2))
    assert await store.codes.spend_try("dec_whose", "bob@example.com", MINE, NOW) == []
    assert await store.codes.spend_try("dec_other", ANN, MINE, NOW) == []
    await store.codes.remove("dec_whose", "bob@example.com", "code_2")
    await store.codes.remove("dec_whose", ANN, "code_2")
    assert await tried(store, "dec_whose", MINE, 1) == ["code_1"]


async def test_codes_of_before_hold_on(store: Store) -> None:
    """Those that were on their way when the service was brought up to date, and their number."""
    await store.codes.add("dec_before", ANN, code(1))
    await store.codes.add("dec_before", ANN, code(2))
    await tried(store, "dec_before", MINE, 3)
    for way, to in ((command.downgrade, "0009"), (command.upgrade, "head")):
        async with store._database.begin() as connection:
            await connection.run_sync(lambda c, way=way, to=to: way(config_of(c), to))
    [kept] = await store.codes.of("dec_before", ANN)
    assert kept == replace(code(2), form="", tries=3)
    assert await tried(store, "dec_before", MINE, 9) == ["code_2"] * OTHERS_TRIES


def config_of(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
