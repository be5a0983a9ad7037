#!/usr/bin/env bash
# idna==3.20, email-validator==2.4.0: Python's own codec makes another domain of a name with ß
#
# Our guess: a domain beyond ASCII has one form in ASCII, whichever part of Python writes it;
# `"…".encode("idna")` and the `idna` package differ in what they refuse, and in nothing else.
# Seen: the codec follows the standard of 2003, in which ß is another way to write ss, and the Greek
# ς one of σ. In that of 2008, which `idna` follows, and with it email-validator and HTTP libraries,
# these are letters of their own. So a mail to an address that was checked with one, and whose
# domain was written with the other, goes to another domain, which may belong to somebody else.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  idna==3.20 email-validator==2.4.0

cat >"$folder/program.py" <<'PYTHON'
import idna
from email_validator import validate_email

for name in ("bücher.example", "straße.example", "λόγος.example"):
    checked = validate_email(f"ann@{name}", check_deliverability=False)
    print(f"{checked.normalized}:", checked.ascii_domain, "or", name.encode("idna").decode())
    assert checked.ascii_domain == idna.encode(name).decode()
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
ann@bücher.example: xn--bcher-kva.example or xn--bcher-kva.example
ann@straße.example: xn--strae-oqa.example or strasse.example
ann@λόγος.example: xn--oxapnm1c.example or xn--oxapnq6b.example
SEEN
echo "As before, with idna 3.20 and email-validator 2.4.0."
