"""Executions: who runs what was permitted, and how that ended."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "executions",
        sa.Column("decision_id", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.String(40), nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.Column("claim_id", sa.String(255), nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("claim_key", sa.String(40), nullable=False),
        sa.Column("claim_signature", sa.String(100), nullable=False),
        sa.Column("status", sa.String(20)),
        sa.Column("result", sa.Text),
        sa.Column("finished_at", INSTANT),
        sa.Column("report_key", sa.String(40)),
        sa.Column("report_signature", sa.String(100)),
    )


def downgrade() -> None:
    op.drop_table("executions")
