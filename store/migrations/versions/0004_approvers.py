"""Approvers' settings, the codes of a step up, and images that were fetched for a page."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "api_keys", sa.Column("step_up", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_table(
        "approvers",
        sa.Column("address", sa.String(320), primary_key=True),
        sa.Column("language", sa.String(10)),
        sa.Column("time_zone", sa.String(64)),
        sa.Column("changed_at", INSTANT, nullable=False),
    )
    op.create_table(
        "codes",
        sa.Column("decision_id", sa.String(40), primary_key=True),
        sa.Column("approver", sa.String(320), primary_key=True),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("sent", sa.Integer, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
    )
    op.create_table(
        "images",
        sa.Column("decision_id", sa.String(40), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("file", sa.String(40)),
        sa.Column("type", sa.String(127)),
        sa.Column("size", sa.Integer),
        sa.Column("problem", sa.Text),
        sa.Column("fetched_at", INSTANT, nullable=False),
    )


def downgrade() -> None:
    for table in ("images", "codes", "approvers"):
        op.drop_table(table)
    op.drop_column("api_keys", "step_up")
