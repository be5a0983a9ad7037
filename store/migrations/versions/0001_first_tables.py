"""API keys, idempotency keys, deliveries, late responses."""

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
        sa.Column("created_at", INSTANT, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("agent_id", sa.String(40), primary_key=True),
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
        "late_responses",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("decision_id", sa.String(40), nullable=False),
        sa.Column("approver", sa.String(320), nullable=False),
        sa.Column("choice", sa.String(20), nullable=False),
        sa.Column("notes", sa.Text),
        sa.Column("data", sa.JSON),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
    )
    op.create_index("ix_late_responses_decision_id", "late_responses", ["decision_id"])


def downgrade() -> None:
    for table in ("late_responses", "deliveries", "idempotency_keys", "api_keys"):
        op.drop_table(table)
