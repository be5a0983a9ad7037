"""The tables. A change here needs a migration in `migrations/versions`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no zone, and PostgreSQL answers in its session's own, so this
    type converts it when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("hint", String(16)),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    Column("approvers", JSON(none_as_null=True)),
    Column("rate", Integer),
    Column("quota", Integer),
    Column("step_up", Boolean, nullable=False, server_default=false()),
)

key_usage = Table(
    "key_usage",
    metadata,
    Column("key_id", String(40), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("decisions", Integer, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("agent", String(200), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("decision_id", String(40), nullable=False),
    Column("created_at", Instant, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("decision_id", String(40), nullable=False),
    Column("message", String(40), nullable=False),
    Column("approver", String(320), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("result", String(20), nullable=False),
    Column("provider", String(40), nullable=False),
    Column("provider_message_id", String(300)),
    Column("at", Instant, nullable=False),
    Column("late", Boolean, nullable=False, server_default=false()),
    Index("deliveries_key", "key", "result"),
    Index("deliveries_message", "provider_message_id"),
)

delivery_events = Table(
    "delivery_events",
    metadata,
    Column("provider", String(40), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("provider_message_id", String(300), nullable=False),
    Column("decision_id", String(40), nullable=False, index=True),
    Column("message", String(40), nullable=False),
    Column("approver", String(320), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("event", String(20), nullable=False),
    Column("reason", Text),
    Column("at", Instant, nullable=False),
)

refused_responses = Table(
    "refused_responses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("decision_id", String(40), nullable=False, index=True),
    Column("approver", String(320), nullable=False),
    Column("choice", String(20), nullable=False),
    Column("notes", Text),
    Column("data", JSON),
    Column("reason", String(40), nullable=False),
    Column("message", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
)

contents = Table(
    "contents",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

attachments = Table(
    "attachments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("type", String(127), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("uploaded_by", String(320), nullable=False),
    Column("decision_id", String(40)),
    Column("created_at", Instant, nullable=False),
)

callback_secrets = Table(
    "callback_secrets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("agent", String(200), nullable=False, index=True),
    Column("sealed", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
)

approvers = Table(
    "approvers",
    metadata,
    Column("address", String(320), primary_key=True),
    Column("language", String(10)),
    Column("time_zone", String(64)),
    Column("quiet_hours", JSON(none_as_null=True)),
    Column("digest_minutes", Integer),
    Column("channels", JSON(none_as_null=True)),
    Column("webhook_url", String(2000)),
    Column("webhook_secret", Text),
    Column("webhook_secret_before", Text),
    Column("webhook_rotated_at", Instant),
    Column("changed_at", Instant, nullable=False),
)

held = Table(
    "held",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("name", String(320), nullable=False),
    Column("approver", String(320), nullable=False),
    Column("decision_id", String(40), nullable=False),
    Column("message", String(40), nullable=False),
    Column("number", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("claim", String(40)),
    Column("claimed_at", Instant),
    Index("held_name", "name", "due_at"),
)

failing_channels = Table(
    "failing_channels",
    metadata,
    Column("channel", String(20), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("worker", String(255), nullable=False),
    Column("since", Instant, nullable=False),
    Column("tried_at", Instant, nullable=False),
)

codes = Table(
    "codes",
    metadata,
    Column("decision_id", String(40), primary_key=True),
    Column("approver", String(320), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("id", String(40), nullable=False),
    Column("form", String(40), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("others", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

images = Table(
    "images",
    metadata,
    Column("decision_id", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("file", String(40)),
    Column("type", String(127)),
    Column("size", Integer),
    Column("problem", Text),
    Column("fetched_at", Instant, nullable=False),
)

executions = Table(
    "executions",
    metadata,
    Column("decision_id", String(40), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("run_id", String(40), nullable=False),
    Column("request_digest", String(64), nullable=False),
    Column("agent", String(200), nullable=False),
    Column("claim_id", String(255), nullable=False),
    Column("worker", Text),
    Column("claimed_at", Instant, nullable=False),
    Column("claim_key", String(40), nullable=False),
    Column("claim_signature", String(100), nullable=False),
    Column("status", String(20)),
    Column("result", Text),
    Column("finished_at", Instant),
    Column("report_key", String(40)),
    Column("report_signature", String(100)),
)
