#!/usr/bin/env bash
# aiogram==3.31.0: what a button was given as "" or None comes back as the field's default
#
# Our guess: a button's `CallbackData` is the same after `pack` and `unpack`, if it could be packed.
# Seen: "" and None are both packed as nothing, and nothing is unpacked as the default. A button for
# no city ("") of a field that is "Lyon" otherwise is, once it is pressed, one for Lyon; one with no
# limit (None), where 100 is the default, has that limit. Without a default, "" is None. Only where
# the field may not be None and has no default, or where "" is the default, does "" stay.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiogram==3.31.0

cat >"$folder/program.py" <<'PYTHON'
from aiogram.filters.callback_data import CallbackData


class Order(CallbackData, prefix="order"):
    city: str = "Lyon"
    limit: int | None = 100
    note: str | None
    code: str


for order in (
    Order(city="Nice", limit=5, note="fragile", code="A1"),
    Order(city="", limit=None, note="", code=""),
):
    packed = order.pack()
    print(f"made:    {order}")
    print(f"packed:  {packed}")
    print(f"pressed: {Order.unpack(packed)}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
made:    city='Nice' limit=5 note='fragile' code='A1'
packed:  order:Nice:5:fragile:A1
pressed: city='Nice' limit=5 note='fragile' code='A1'
made:    city='' limit=None note='' code=''
packed:  order::::
pressed: city='Lyon' limit=100 note=None code=''
SEEN
echo "As before, with aiogram 3.31.0."
