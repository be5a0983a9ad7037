#!/usr/bin/env bash
# email-reply-parser==0.5.12: of an answer, what follows "To: Lyon" is taken for the older mail
#
# Our guess: a new mail without any quotation is its own answer, and `parse_reply` returns it all.
# Seen: a line that begins with "To:", "From:" or "Subject:" is the head of an older mail, also by
# itself, and so is one that ends with "wrote:" and has an "On" at its beginning: they and all below
# are left out. So is a paragraph that begins with a minus and a digit, as a signature, with all
# after it. What is left still is an answer, of another content: yes, without its new address or its
# amount.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check email-reply-parser==0.5.12

cat >"$folder/program.py" <<'PYTHON'
from email_reply_parser import EmailReplyParser

for mail in (
    "Yes, as you wrote, on Monday.\nAnd ring before.",
    "Yes, with a new address.\nTo: Lyon\nAnd ring before.",
    "From: Lyon\nTo: Nice\nPlease ship it so.",
    "On the box somebody wrote:\nFragile.\nSo no, not by post.",
    "Yes, for an amount of:\n\n20 EUR\n\nIn March.",
    "Yes, for an amount of:\n\n-20 EUR\n\nIn March.",
):
    print(f"{mail!r}: {EmailReplyParser.parse_reply(mail)!r}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
'Yes, as you wrote, on Monday.\nAnd ring before.': 'Yes, as you wrote, on Monday.\nAnd ring before.'
'Yes, with a new address.\nTo: Lyon\nAnd ring before.': 'Yes, with a new address.'
'From: Lyon\nTo: Nice\nPlease ship it so.': ''
'On the box somebody wrote:\nFragile.\nSo no, not by post.': ''
'Yes, for an amount of:\n\n20 EUR\n\nIn March.': 'Yes, for an amount of:\n\n20 EUR\n\nIn March.'
'Yes, for an amount of:\n\n-20 EUR\n\nIn March.': 'Yes, for an amount of:'
SEEN
echo "As before, with email-reply-parser 0.5.12."
