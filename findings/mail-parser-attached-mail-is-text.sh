#!/usr/bin/env bash
# mail-parser==4.8.0: the words of a mail that is attached count as the words of the mail itself
#
# Our guess: the text of a mail is what its writer wrote. Another mail that hangs on it, as an
# attachment of type message/rfc822, is an attachment.
# Seen: the attached mail's text stands in `text_plain` and in `body` beside the writer's own, in the
# order of the parts, so it may even come first. Only where the attachment is declared as one does it
# stand in `attachments` as well. A text file, declared as one, is kept apart. An answer "Yes" with a
# colleague's old "No, never" attached is both. Python's own `get_body` finds the answer alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mail-parser==4.8.0

cat >"$folder/program.py" <<'PYTHON'
from email.message import EmailMessage

import mailparser


def answer(text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ann@x.example", "ops@x.example", "Re: Refund"
    mail.set_content(text)
    return mail


old = answer("No, never")
attached, inline, first, file = (answer("Yes") for _ in range(4))
attached.add_attachment(old)
inline.add_attachment(old, disposition="inline")
first.add_attachment(old, disposition="inline")
first.get_payload().reverse()
file.add_attachment("No, never", filename="old.txt")

for name, mail in {"attached": attached, "inline": inline, "first": first, "file": file}.items():
    parsed = mailparser.parse_from_bytes(mail.as_bytes())
    texts = [text.strip() for text in parsed.text_plain]
    kinds = [each["mail_content_type"] for each in parsed.attachments]
    body = mail.get_body().get_content().strip()
    print(f"{name}: texts {texts}, attachments {kinds}, get_body: {body}")
PYTHON

diff - <("$folder/venv/bin/python" "$folder/program.py") <<'SEEN'
attached: texts ['Yes', 'No, never'], attachments ['message/rfc822'], get_body: Yes
inline: texts ['Yes', 'No, never'], attachments [], get_body: Yes
first: texts ['No, never', 'Yes'], attachments [], get_body: Yes
file: texts ['Yes'], attachments ['text/plain'], get_body: Yes
SEEN
echo "As before, with mail-parser 4.8.0."
