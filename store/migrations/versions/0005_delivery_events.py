"""Providers' later reports about messages."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("deliveries_message", "deliveries", ["provider_message_id"])
    op.create_table(
        "delivery_events",
        sa.Column("provider", sa.String(40), primary_key=True),
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("provider_message_id", sa.String(300), nullable=False),
        sa.Column("decision_id", sa.String(40), nullable=False, index=True),
        sa.Column("message", sa.String(40), nullable=False),
        sa.Column("approver", sa.String(320), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("delivery_events")
    op.drop_index("deliveries_message", "deliveries")
