"""Each code with the form that asked for it. Before, one row had an approver's last code."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    # No form of before has a name: what was typed into one counts as another form's try.
    _renew(
        (
            sa.Column("number", sa.Integer, primary_key=True),
            sa.Column("form", sa.String(40), nullable=False),
            sa.Column("others", sa.Integer, nullable=False),
        ),
        "number, form, others",
        "SELECT decision_id, approver, id, tries, expires_at, sent, '', 0 FROM codes_before",
    )


def downgrade() -> None:
    _renew(
        (sa.Column("sent", sa.Integer, nullable=False),),
        "sent",
        "SELECT decision_id, approver, id, tries, expires_at, number FROM codes_before AS code"
        " WHERE number = (SELECT max(number) FROM codes_before AS each"
        " WHERE each.decision_id = code.decision_id AND each.approver = code.approver)",
    )


def _renew(columns: tuple[sa.Column[int] | sa.Column[str], ...], names: str, rows: str) -> None:
    """Make the table anew, because its primary key changes."""
    op.rename_table("codes", "codes_before")
    if op.get_bind().dialect.name == "postgresql":
        # The key of the renamed table keeps its name, which the new one takes.
        op.execute("ALTER TABLE codes_before RENAME CONSTRAINT codes_pkey TO codes_before_pkey")
    op.create_table(
        "codes",
        sa.Column("decision_id", sa.String(40), primary_key=True),
        sa.Column("approver", sa.String(320), primary_key=True),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        *columns,
    )
    into = f"INSERT INTO codes (decision_id, approver, id, tries, expires_at, {names})"
    op.execute(f"{into} {rows}")
    op.drop_table("codes_before")
