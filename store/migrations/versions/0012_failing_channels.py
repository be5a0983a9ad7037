"""Channels that can send nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "failing_channels",
        sa.Column("channel", sa.String(20), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("worker", sa.String(255), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("tried_at", INSTANT, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("failing_channels")
