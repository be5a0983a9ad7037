"""API keys, idempotency keys, deliveries, refused responses, contents, attachments."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("agent", sa.String(200), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("decision_id", sa.String(40), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("decision_id", sa.String(40), nullable=False),
        sa.Column("message", sa.String(40), nullable=False),
        sa.Column("approver", sa.String(320), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("provider", sa.String(40), nullable=False),
        sa.Column("provider_message_id", sa.String(300)),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_index("deliveries_key", "deliveries", ["key", "result"])
    op.create_table(
        "refused_responses",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("decision_id", sa.String(40), nullable=False),
        sa.Column("approver", sa.String(320), nullable=False),
        sa.Column("choice", sa.String(20), nullable=False),
        sa.Column("notes", sa.Text),
        sa.Column("data", sa.JSON),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
    )
    op.create_index("ix_refused_responses_decision_id", "refused_responses", ["decision_id"])
    op.create_table(
        "contents",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
    )
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("type", sa.String(127), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.Column("uploaded_by", sa.String(320), nullable=False),
        sa.Column("decision_id", sa.String(40)),
        sa.Column("created_at", INSTANT, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "attachments",
        "contents",
        "refused_responses",
        "deliveries",
        "idempotency_keys",
        "api_keys",
    ):
        op.drop_table(table)
