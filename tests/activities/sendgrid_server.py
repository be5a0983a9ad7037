"""A stand-in for SendGrid: `POST /v3/mail/send` over HTTP, as strict as its documentation."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API_KEY = "SG.test-key"
RESERVED_HEADERS = {
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type",
    "content-transfer-encoding", "to", "from", "subject", "reply-to", "cc", "bcc",
}  # fmt: skip
KNOWN_FIELDS = {
    "personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "attachments",
    "template_id", "headers", "categories", "custom_args", "send_at", "batch_id", "asm",
    "ip_pool_name", "mail_settings", "tracking_settings",
}  # fmt: skip
ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,]+")


@dataclass
class Answer:
    """What the next request gets, in the place of SendGrid's own judgement."""

    status: int
    body: dict[str, Any] | list[Any] | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


class SendGridServer(ThreadingHTTPServer):
    """`mails` are the bodies it took. `answers` are used up first; `hang` keeps it silent. `scopes`
    are those of the key; `senders` and `domains` what is verified."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mails: list[dict[str, Any]] = []
        self.answers: deque[Answer] = deque()
        self.scopes = ["mail.send"]
        self.senders: dict[str, Any] = {"results": []}
        self.domains: list[dict[str, Any]] = []
        self.hang = False
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: SendGridServer  # pyright: ignore[reportIncompatibleVariableOverride] - no other server has this handler

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.hang:
            self.server.closing.wait(30)
            return
        self._reply(self.server.answers.popleft() if self.server.answers else self._judge(body))

    def do_GET(self) -> None:
        if self.server.hang:
            self.server.closing.wait(30)
            return
        self._reply(self._tell())

    def _tell(self) -> Answer:
        if self.headers["Authorization"] != f"Bearer {API_KEY}":
            return UNKNOWN_KEY
        if self.path == "/v3/scopes":
            return Answer(200, {"scopes": self.server.scopes})
        scope, listed = LISTS.get(self.path, ("", ""))
        if scope not in self.server.scopes:
            return refusal(403 if scope else 404, "access forbidden" if scope else "not found")
        return Answer(200, getattr(self.server, listed))

    def _judge(self, body: bytes) -> Answer:
        if self.path != "/v3/mail/send":
            return refusal(404, "not found")
        if self.headers["Authorization"] != f"Bearer {API_KEY}":
            return UNKNOWN_KEY
        if self.headers["Content-Type"] != "application/json":
            return refusal(415, "Content-Type should be application/json.")
        mail = json.loads(body)
        if complaint := complain(mail):
            return refusal(400, *complaint)
        with self.server.lock:
            self.server.mails.append(mail)
            return Answer(202, headers={"X-Message-Id": f"sg-{len(self.server.mails)}"})

    def _reply(self, answer: Answer) -> None:
        content = json.dumps(answer.body).encode() if answer.body is not None else b""
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests need no access log."""


def refusal(
    status: int, message: str, name: str | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """An error in SendGrid's form."""
    body = {"errors": [{"message": message, "field": name, "help": None}]}
    return Answer(status, body, headers or {})


UNKNOWN_KEY = refusal(401, "The provided authorization grant is invalid, expired, or revoked")
LISTS = {
    "/v3/verified_senders": ("sender_verification_eligible", "senders"),
    "/v3/whitelabel/domains": ("whitelabel.read", "domains"),
}
"""What it takes to read each."""


def complain(mail: dict[str, Any]) -> tuple[str, str] | None:
    """Why SendGrid would refuse this mail, and the field it would name; None if it takes it."""
    if unknown := set(mail) - KNOWN_FIELDS:
        return "Unknown field.", min(unknown)
    if not mail.get("personalizations"):
        return "The personalizations field is required.", "personalizations"
    for number, personalization in enumerate(mail["personalizations"]):
        for index, to in enumerate(personalization.get("to", [])):
            if not ADDRESS.fullmatch(to["email"]):
                return (
                    "Does not contain a valid address.",
                    f"personalizations.{number}.to.{index}.email",
                )
        if not personalization.get("to"):
            return "The to array is required.", f"personalizations.{number}.to"
    if not ADDRESS.fullmatch(mail.get("from", {}).get("email", "")):
        return "The from email does not contain a valid address.", "from.email"
    if not mail.get("subject"):
        return "The subject is required.", "subject"
    return _complain_of_content(mail) or _complain_of_headers(mail)


def _complain_of_content(mail: dict[str, Any]) -> tuple[str, str] | None:
    content = mail.get("content") or []
    if [part.get("type") for part in content] != ["text/plain", "text/html"]:
        return "If present, text/plain must be first, followed by text/html.", "content"
    if not all(part.get("value") for part in content):
        return "The content value must be a string at least one character in length.", "content"
    return None


def _complain_of_headers(mail: dict[str, Any]) -> tuple[str, str] | None:
    for name, value in mail.get("headers", {}).items():
        if name.lower() in RESERVED_HEADERS:
            return "The header is reserved.", f"headers.{name}"
        if not (value.isascii() and value.isprintable()):
            return "The header must be plain.", f"headers.{name}"
    args = mail.get("custom_args", {})
    if not all(isinstance(value, str) for value in args.values()):
        return "The custom_args must be strings.", "custom_args"
    return None
