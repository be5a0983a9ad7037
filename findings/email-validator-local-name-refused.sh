#!/usr/bin/env bash
# email-validator==2.4.0: an address of one's own network is refused, deliverable or not
#
# Our guess: `globally_deliverable=False` takes addresses that mean something only in a network of
# one's own: `ann@mail` as well as `ann@corp.local`.
# Seen: it takes a domain without a dot, and one under `.internal`, and goes on to refuse all names
# that were reserved earlier, `.local` among them, which many companies' own servers have. Only
# `.test` has an option, which lets in nothing else. For the rest the name has to be taken out of
# the library's own list, for the whole process.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check email-validator==2.4.0

cat >"$folder/program.py" <<'PYTHON'
import email_validator
from email_validator import EmailNotValidError, validate_email


def told(address: str, **options: bool) -> str:
    try:
        return validate_email(address, check_deliverability=False, **options).normalized
    except EmailNotValidError as error:
        return f"refused, as {str(error).partition(' is ')[2].partition(' that')[0]}"


ADDRESSES = ("ann@mail", "ann@corp.internal", "ann@corp.test", "ann@corp.local")
for address in ADDRESSES:
    print(f"{address}: {told(address, globally_deliverable=False)}")
for address in ("ann@corp.test", "ann@corp.local"):
    print(f"as a test, {address}:", told(address, test_environment=True))
email_validator.SPECIAL_USE_DOMAIN_NAMES.remove("local")
print("out of the list:", told("ann@corp.local"))
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
ann@mail: ann@mail
ann@corp.internal: ann@corp.internal
ann@corp.test: refused, as a special-use or reserved name
ann@corp.local: refused, as a special-use or reserved name
as a test, ann@corp.test: ann@corp.test
as a test, ann@corp.local: refused, as a special-use or reserved name
out of the list: ann@corp.local
SEEN
echo "As before, with email-validator 2.4.0."
