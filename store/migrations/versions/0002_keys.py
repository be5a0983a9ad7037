"""The rights of a key, its end, its approvers and its limits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("api_keys") as keys:
        keys.add_column(sa.Column("hint", sa.String(16)))
        keys.add_column(sa.Column("expires_at", INSTANT))
        keys.add_column(sa.Column("revoked_at", INSTANT))
        keys.add_column(sa.Column("last_used_at", INSTANT))
        keys.add_column(sa.Column("approvers", sa.JSON))
        keys.add_column(sa.Column("rate", sa.Integer))
        keys.add_column(sa.Column("quota", sa.Integer))
    op.create_table(
        "key_usage",
        sa.Column("key_id", sa.String(40), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("decisions", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("key_usage")
    with op.batch_alter_table("api_keys") as keys:
        for name in (
            *("quota", "rate", "approvers"),
            *("last_used_at", "revoked_at", "expires_at", "hint"),
        ):
            keys.drop_column(name)
