"""Approvers' own systems, and the secrets that sign requests to them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = (
    ("webhook_url", sa.String(2000)),
    ("webhook_secret", sa.Text),
    ("webhook_secret_before", sa.Text),
    ("webhook_rotated_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    for name, type in COLUMNS:
        op.add_column("approvers", sa.Column(name, type))


def downgrade() -> None:
    for name, _ in COLUMNS:
        op.drop_column("approvers", name)
