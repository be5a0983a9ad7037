"""Approvers' quiet hours, digests and channels, and the messages held back for one mail."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
COLUMNS = (
    ("quiet_hours", sa.JSON(none_as_null=True)),
    ("digest_minutes", sa.Integer),
    ("channels", sa.JSON(none_as_null=True)),
)


def upgrade() -> None:
    for name, type in COLUMNS:
        op.add_column("approvers", sa.Column(name, type))
    op.create_table(
        "held",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(320), nullable=False),
        sa.Column("approver", sa.String(320), nullable=False),
        sa.Column("decision_id", sa.String(40), nullable=False),
        sa.Column("message", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("claim", sa.String(40)),
        sa.Column("claimed_at", INSTANT),
    )
    op.create_index("held_name", "held", ["name", "due_at"])


def downgrade() -> None:
    op.drop_table("held")
    for name, _ in COLUMNS:
        op.drop_column("approvers", name)
