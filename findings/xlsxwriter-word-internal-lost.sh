#!/usr/bin/env bash
# XlsxWriter==3.3.1, openpyxl==3.1.5: a note that begins with "internal:" loses that word
#
# Our guess: of the texts that `write` is given, those that begin as a web address does become links
# with the address as their text; every other text is the cell's, word for word.
# Seen: "internal:", "external:" and "mailto:" are kinds of links, too. Whoever writes "internal: not
# for the customer" finds " not for the customer" in the exported cell, as a link that leads
# nowhere, without a warning. What begins with "https://" and is longer than a link may be is not
# written at all, and that with a warning. `strings_to_urls: False`, or `write_string`, keeps texts.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check XlsxWriter==3.3.1 openpyxl==3.1.5

cat >"$folder/program.py" <<'PYTHON'
import sys

import openpyxl
import xlsxwriter

TEXTS = (
    "internal: not for the customer",
    "external: the bank was asked",
    "mailto:ann@x.example",
    "Internal: not for the customer",
    "https://x.example/order is paid",
    "https://x.example/" + 2_100 * "a",
)

for options in ({}, {"strings_to_urls": False}):
    with xlsxwriter.Workbook(sys.argv[1], options) as workbook:
        sheet = workbook.add_worksheet()
        for row, text in enumerate(TEXTS):
            sheet.write(row, 0, text)
            sheet.write(row, 1, row)
    print(options or "as it is")
    for text, (cell, _) in zip(TEXTS, openpyxl.load_workbook(sys.argv[1]).active, strict=True):
        kept = "kept" if cell.value == text else repr(cell.value)
        print(f"- {text[:31]!r}: {kept}{', as a link' if cell.hyperlink else ''}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py" "$folder/export.xlsx" 2>"$folder/warnings") <<'SEEN'
as it is
- 'internal: not for the customer': ' not for the customer', as a link
- 'external: the bank was asked': ' the bank was asked', as a link
- 'mailto:ann@x.example': 'ann@x.example', as a link
- 'Internal: not for the customer': kept
- 'https://x.example/order is paid': kept, as a link
- 'https://x.example/aaaaaaaaaaaaa': None
{'strings_to_urls': False}
- 'internal: not for the customer': kept
- 'external: the bank was asked': kept
- 'mailto:ann@x.example': kept
- 'Internal: not for the customer': kept
- 'https://x.example/order is paid': kept
- 'https://x.example/aaaaaaaaaaaaa': kept
SEEN
test "$(grep --count Warning "$folder/warnings")" = 1
echo "As before, with XlsxWriter 3.3.1."
