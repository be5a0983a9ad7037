#!/usr/bin/env bash
# sendgrid==6.12.5: of two addresses in one text the second one gets no mail
#
# Our guess: "ann@example.com, bob@example.com" goes to both, as in a mail's To, or is refused.
# Seen: the first address is taken, with its name, and the rest is left out without an error, in a
# `To` as in a list's entry. Only a list of texts or of `To` reaches several; and there whoever
# stands twice is written to once.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sendgrid==6.12.5

cat >"$folder/program.py" <<'PYTHON'
from sendgrid.helpers.mail import Mail, To

for to in (
    "ann@example.com, bob@example.com",
    "Ann <ann@example.com>, Bob <bob@example.com>",
    To("ann@example.com; bob@example.com"),
    ["ann@example.com", "bob@example.com", "Ann@example.com"],
):
    mail = Mail("shop@example.com", to, "Paid", "Thank you.").get()
    label = f"To({to.email!r})" if isinstance(to, To) else repr(to)
    print(label, "->", mail["personalizations"][0]["to"])
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
'ann@example.com, bob@example.com' -> [{'email': 'ann@example.com'}]
'Ann <ann@example.com>, Bob <bob@example.com>' -> [{'name': 'Ann', 'email': 'ann@example.com'}]
To('ann@example.com') -> [{'email': 'ann@example.com'}]
['ann@example.com', 'bob@example.com', 'Ann@example.com'] -> [{'email': 'ann@example.com'}, {'email': 'bob@example.com'}]
SEEN
echo "As before, with sendgrid 6.12.5."
