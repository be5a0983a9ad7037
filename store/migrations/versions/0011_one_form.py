"""Addresses in the one form in which they are compared, with domains in A-labels.

Rows for a domain with `ß` or a final sigma were kept under the name of another domain, with `ss` or
a plain sigma. Nobody can tell any more whose they are, so they stay where they are.
"""

import sqlalchemy as sa
from alembic import op

from handover.addresses import in_small_letters, one_form

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

approvers = sa.table("approvers", sa.column("address", sa.String))
held = sa.table("held", sa.column("key", sa.String), sa.column("name", sa.String))


def upgrade() -> None:
    _rename(one_form)


def downgrade() -> None:
    _rename(in_small_letters)


def _rename(form) -> None:
    connection = op.get_bind()
    addresses = set(connection.execute(sa.select(approvers.c.address)).scalars())
    for address in sorted(addresses):
        new, row = form(address), approvers.c.address == address
        if new not in addresses:
            addresses.add(new)
            connection.execute(sa.update(approvers).where(row).values(address=new))
        elif new != address:  # two rows come to be one person's, who has one
            connection.execute(sa.delete(approvers).where(row))
    for key, name in connection.execute(sa.select(held.c.key, held.c.name)).all():
        if form(name) != name:
            change = sa.update(held).where(held.c.key == key)
            connection.execute(change.values(name=form(name)))
