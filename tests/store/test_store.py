"""The store on every database it supports."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from store import Store, StoreAway, StoreError, open_store
from store.approvers import Preferences
from store.events import DeliveryReport, SentMessage
from store.idempotency import Remembered
from store.keys import new_key
from store.refused import MOST, RefusedResponse
from store.tables import metadata
from tests.postgres import PostgresServer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_a_key_is_found_by_its_text_and_kept_as_a_hash_alone(store: Store) -> None:
    """Who reads the database cannot use what they find in it."""
    key = new_key()
    made = await store.keys.ensure(key, "refund-bot")
    assert await store.keys.find(key) == made
    assert await store.keys.find(key[:-1]) is None
    async with store._database.connect() as connection:
        rows = (await connection.execute(text("SELECT * FROM api_keys"))).all()
    assert key not in str(rows)


async def test_ensuring_a_key_at_once_from_many_sides_makes_one(store: Store) -> None:
    """Several API processes start side by side on one store."""
    key = new_key()
    made = await asyncio.gather(*(store.keys.ensure(key, "default") for _ in range(5)))
    assert len(set(made)) == 1


async def test_the_first_to_remember_an_idempotency_key_stays(store: Store) -> None:
    """A later request cannot move a key to another decision, and agents do not share keys."""
    await store.idempotency.remember("key_a", "k", Remembered("dec_1", "f1"))
    await store.idempotency.remember("key_a", "k", Remembered("dec_2", "f2"))
    assert await store.idempotency.find("key_a", "k") == Remembered("dec_1", "f1")
    assert await store.idempotency.find("key_b", "k") is None


async def test_a_sent_message_is_found_and_a_failed_one_is_not(store: Store) -> None:
    """Only what was really sent keeps a retry from sending."""
    what: dict[str, Any] = {
        "decision_id": "dec_1",
        "message": "settled",
        "approver": "a@example.com",
    }
    await store.deliveries.record(
        key="k", channel="email", result="deferred", provider="smtp", **what
    )
    assert await store.deliveries.find("k") is None
    await store.deliveries.record(
        key="k", channel="email", result="sent", provider="smtp", provider_message_id="m", **what
    )
    assert await store.deliveries.find("k") == "m"
    assert sorted(await store.deliveries.counts()) == [
        ("email", "settled", "deferred", 1),
        ("email", "settled", "sent", 1),
    ]


async def test_decisions_that_were_told_late_are_counted_once(store: Store) -> None:
    """However many messages were the first and late, by two channels for example."""
    for number, (decision, late) in enumerate(
        [("1", True), ("1", True), ("2", False), ("3", True)]
    ):
        await store.deliveries.record(
            key=f"k{number}",
            decision_id=f"dec_{decision}",
            message="decision-request",
            approver="a@example.com",
            channel="email",
            result="sent",
            provider="smtp",
            late=late,
        )
    assert await store.deliveries.told_late() == 2


async def test_what_a_provider_tells_is_kept_once_and_known_by_its_message(store: Store) -> None:
    """However many are asked for at once; what another provider calls the same is another."""
    for number in range(3):
        await store.deliveries.record(
            key=f"k{number}",
            decision_id="dec_1",
            message="decision-request",
            approver="a@example.com",
            channel="email",
            result="sent",
            provider="sendgrid" if number else "smtp",
            provider_message_id=f"m{number}",
        )
    events, many = store.delivery_events, {f"other{n}" for n in range(2_000)}
    sent = await events.sent("sendgrid", {"m0", "m1", "m2", *many})
    expected = {
        name: [SentMessage(name, "dec_1", "decision-request", "a@example.com", "email")]
        for name in ("m1", "m2")
    }
    assert sent == expected
    first = DeliveryReport(
        "sendgrid", "e1", **asdict(sent["m1"][0]), event="bounce", reason="no", at=NOW
    )
    later = replace(first, id="e2", event="delivered", at=NOW - timedelta(minutes=1))
    await asyncio.gather(*(events.keep([first, later]) for _ in range(5)))
    await events.keep([replace(first, event="dropped"), replace(first, provider="another")])
    await events.keep([])
    assert await events.known("sendgrid", {"e1", "e2", "e3", *many}) == {"e1", "e2"}
    told = await events.of("dec_1")
    assert told[0] == later
    assert {(each.provider, each.event) for each in told[1:]} == {
        ("sendgrid", "bounce"),
        ("another", "bounce"),
    }
    assert await events.of("dec_2") == []


async def test_refused_responses_come_back_in_order_and_are_bounded(store: Store) -> None:
    """They keep their time zone, and one link cannot fill the store."""
    for minute in reversed(range(MOST + 5)):
        refused = RefusedResponse(
            "a@example.com",
            "deny",
            "ü",
            {"n": 1},
            "already_settled",
            "The decision is over.",
            NOW + timedelta(minutes=minute),
        )
        await store.refused_responses.add("dec_1", refused)
    found = await store.refused_responses.of("dec_1")
    assert len(found) == MOST
    assert found == sorted(found, key=lambda refused: refused.received_at)
    assert found[0].received_at.tzinfo is not None
    assert found[0].data == {"n": 1}


async def test_the_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    """Alembic, comparing the migrated database with the tables, finds no difference."""
    async with store._database.connect() as connection:
        difference = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c), metadata)
        )
    assert difference == []


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_opening_one_store_from_many_sides_migrates_it_once(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """API and worker start together on a fresh machine."""
    url = f"sqlite+aiosqlite:///{tmp_path}/store.db"
    if database == "postgresql":
        url = await request.getfixturevalue("postgres").fresh_database()
    stores = await asyncio.gather(*(open_store(url) for _ in range(4)))
    for store in stores:
        await store.ping()
        await store.close()


async def test_what_the_database_does_not_do_is_an_error_of_the_store(store: Store) -> None:
    """Whoever uses the store knows no other library's errors, whether it reads or writes."""
    with pytest.raises(StoreError):
        await store._database.read(text("SELECT * FROM nowhere"))
    with pytest.raises(StoreError):
        async with store._database.begin() as connection:
            await connection.execute(text("DELETE FROM nowhere"))
    await store.ping()


async def test_a_server_that_is_away(postgres: PostgresServer) -> None:
    """It is away, and not at fault: what reads and what writes says so."""
    store = await open_store(await postgres.fresh_database())
    await store._database._engine.dispose()
    store._database._engine = create_async_engine("postgresql+psycopg://127.0.0.1:1/nowhere")
    with pytest.raises(StoreAway):
        await store.ping()
    with pytest.raises(StoreAway):
        await store.keys.used("key_1", datetime.now(UTC))
    await store.close()


async def test_a_connection_that_died_is_replaced(postgres: PostgresServer) -> None:
    """A database server may be started anew under a service that goes on."""
    url = await postgres.fresh_database()
    store, other = await open_store(url), await open_store(url)
    await store.ping()
    ending = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with other._database.connect() as connection:
        await connection.execute(text(ending))
    await store.ping()
    await asyncio.gather(store.close(), other.close())


async def test_what_was_kept_under_an_earlier_spelling_is_found(tmp_path: Path) -> None:
    """Settings, webhooks and held messages were kept by the domain as people read it."""
    url = f"sqlite+aiosqlite:///{tmp_path}/store.db"
    store = await open_store(url)
    ann = Preferences("de", "Europe/Vienna")
    await store.approvers.set("Ann@Bücher.example", ann)
    await store.approvers.set("ben@example.com", Preferences("fr"))
    webhooks = store.webhooks(["key"])
    await webhooks.set("ann@bücher.example", "https://desk.example.com/")
    await store.close()
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(
            text("UPDATE approvers SET address = 'ann@bücher.example' WHERE language = 'de'")
        )
        await connection.execute(text("ALTER TABLE deliveries DROP COLUMN late"))
        await connection.execute(text("DROP TABLE failing_channels"))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0010'"))
    await engine.dispose()
    store = await open_store(url)
    for spelling in ("ann@bücher.example", "ANN@xn--bcher-kva.example"):
        assert await store.approvers.find(spelling) == ann
        assert await store.webhooks(["key"]).url(spelling) == "https://desk.example.com/"
    assert await store.approvers.find("ben@example.com") == Preferences("fr")
    await store.close()
