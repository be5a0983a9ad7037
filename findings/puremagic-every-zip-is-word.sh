#!/usr/bin/env bash
# puremagic==1.30, openpyxl==3.1.5, filetype==1.2.0: any ZIP file is a Word document
#
# Our guess: what a file's first bytes do not decide is told as the general kind, application/zip,
# or looked into.
# Seen: of the many kinds that begin as ZIP files do, all equally likely to it, the first in its
# list is told, which is a .docx. A name changes that, by its ending: any ZIP file named .xlsx is
# one. `filetype` looks inside. So for these kinds puremagic's answer is none; the archive's own
# content has to be read.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  puremagic==1.30 openpyxl==3.1.5 filetype==1.2.0

cat >"$folder/program.py" <<'PYTHON'
import io
import zipfile

import filetype
import openpyxl
import puremagic

workbook, archive = io.BytesIO(), io.BytesIO()
openpyxl.Workbook().save(workbook)
with zipfile.ZipFile(archive, "w") as made:
    made.writestr("orders.txt", "1142\n")
for name, content in (("orders.xlsx", workbook.getvalue()), ("orders.zip", archive.getvalue())):
    print(f"{name}: puremagic", puremagic.from_string(content), end=", ")
    print("as orders.xlsx", puremagic.from_string(content, filename="orders.xlsx"), end=", ")
    print("filetype", filetype.guess_extension(content))
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
orders.xlsx: puremagic .docx, as orders.xlsx .xlsx, filetype xlsx
orders.zip: puremagic .docx, as orders.xlsx .xlsx, filetype zip
SEEN
echo "As before, with puremagic 1.30 and filetype 1.2.0."
