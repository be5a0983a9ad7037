"""A stand-in for Slack's Web API over HTTP, as strict as its documentation."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.slack_blocks import complain_of_blocks, complain_of_view

TOKEN = "xoxb-0000-test"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"

TRIGGER_SECONDS = 3.0

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

SAYING = {"channel", "text", "blocks", "parse", "link_names"}
METHODS = {
    "users.lookupByEmail": (FORM, {"email"}),
    "conversations.open": (JSON, {"users", "return_im"}),
    "chat.postMessage": (
        JSON,
        SAYING | {"thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media"},
    ),
    "chat.update": (JSON, SAYING | {"ts"}),
    "chat.postEphemeral": (JSON, SAYING | {"user", "thread_ts"}),
    "views.open": (JSON, {"trigger_id", "view"}),
}
"""What each takes, and in which form: methods that read take no JSON."""


@dataclass
class Answer:
    """What the next call of a method gets, in the place of Slack's own judgement."""

    body: dict[str, Any] | str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


def refusal(error: str, status: int = 200, **headers: str) -> Answer:
    """An error in Slack's form."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer({"ok": False, "error": error}, status, named)


@dataclass
class User:
    id: str
    conversation: str
    is_deleted: bool = False


@dataclass
class Message:
    """As it stands now; `versions` is how often it was written."""

    channel: str
    ts: str
    content: dict[str, Any]
    versions: int = 1

    @property
    def id(self) -> str:
        return f"{self.channel}:{self.ts}"

    @property
    def thread(self) -> str | None:
        return self.content.get("thread_ts")

    @property
    def shown(self) -> str:
        """All that is written in it."""
        return "\n".join(texts(self.content["blocks"]))

    def buttons(self) -> dict[str, dict[str, Any]]:
        rows = [block["elements"] for block in self.content["blocks"] if block["type"] == "actions"]
        return {button["action_id"]: button for row in rows for button in row}


def texts(value: Any) -> list[str]:
    """Every text in blocks, in order."""
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    if not isinstance(value, dict):
        return []
    own = [value["text"]] if isinstance(value.get("text"), str) else []
    return own + [text for each in value.values() for text in texts(each)]


class SlackServer(ThreadingHTTPServer):
    """`answers` are used up first, by method; `hang` keeps it silent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.users: dict[str, User] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self.whispers: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.answers: dict[str, deque[Answer]] = {}
        self.hang = False
        self.closing = threading.Event()
        self._triggers: dict[str, float] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/"

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def join(self, email: str) -> User:
        """Somebody new in the workspace."""
        number = secrets.token_hex(4).upper()
        user = self.users[email.casefold()] = User(f"U{number}", f"D{number}")
        return user

    def trigger(self, age: float = 0) -> str:
        """As Slack gives with an interaction; good for one form within three seconds."""
        name = f"{secrets.randbelow(10**9)}.{secrets.randbelow(10**9)}.{secrets.token_hex(8)}"
        self._triggers[name] = time.monotonic() - age
        return name

    def sent_to(self, email: str) -> list[Message]:
        """All in the conversation with this person, oldest first."""
        conversation = self.users[email.casefold()].conversation
        with self._lock:
            return [each for each in self.messages.values() if each.channel == conversation]

    def next(self, method: str, *answers: Answer) -> None:
        self.answers.setdefault(method, deque()).extend(answers)

    def judge(self, method: str, content_type: str, token: str | None, body: bytes) -> Answer:
        with self._lock:
            self.calls.append(method)
            if token is None:
                return refusal("not_authed")
            if token != TOKEN:
                return refusal("invalid_auth")
            if waiting := self.answers.get(method):
                return waiting.popleft()
            if method not in METHODS:
                return refusal("unknown_method")
            form, known = METHODS[method]
            arguments = _arguments(form, content_type, body)
            if isinstance(arguments, Answer):
                return arguments
            if unknown := set(arguments) - known:
                return _invalid("invalid_arguments", f"unknown: {min(unknown)}")
            return getattr(self, f"_{re.sub('[.]', '_', method)}")(arguments)

    def _users_lookupByEmail(self, given: dict[str, Any]) -> Answer:  # noqa: N802 - Slack's name
        user = self.users.get(given["email"].casefold())
        if user is None:
            return refusal("users_not_found")
        return Answer({"ok": True, "user": {"id": user.id, "deleted": user.is_deleted}})

    def _conversations_open(self, given: dict[str, Any]) -> Answer:
        found = [user for user in self.users.values() if user.id == given["users"]]
        if not found:
            return refusal("user_not_found")
        return Answer({"ok": True, "channel": {"id": found[0].conversation}})

    def _chat_postMessage(self, given: dict[str, Any]) -> Answer:  # noqa: N802
        if refused := self._complain(given):
            return refused
        thread = given.get("thread_ts")
        if thread and (given["channel"], thread) not in self.messages:
            return refusal("thread_not_found")
        ts = f"{int(time.time())}.{len(self.messages) + 1:06}"
        self.messages[given["channel"], ts] = Message(given["channel"], ts, given)
        return Answer({"ok": True, "channel": given["channel"], "ts": ts})

    def _chat_update(self, given: dict[str, Any]) -> Answer:
        if refused := self._complain(given):
            return refused
        message = self.messages.get((given["channel"], given["ts"]))
        if message is None:
            return refusal("message_not_found")
        message.content = {**message.content, **given}
        message.versions += 1
        return Answer({"ok": True, "channel": given["channel"], "ts": given["ts"]})

    def _chat_postEphemeral(self, given: dict[str, Any]) -> Answer:  # noqa: N802
        if refused := self._complain(given):
            return refused
        if given["user"] not in [user.id for user in self.users.values()]:
            return refusal("user_not_in_channel")
        self.whispers.append(given)
        return Answer({"ok": True, "message_ts": str(time.time())})

    def _views_open(self, given: dict[str, Any]) -> Answer:
        made = self._triggers.get(given["trigger_id"])
        if made is None:
            return refusal("invalid_trigger_id")
        if time.monotonic() - made > TRIGGER_SECONDS:
            return refusal("expired_trigger_id")
        if complaint := complain_of_view(given["view"]):
            return _invalid("invalid_arguments", complaint)
        del self._triggers[given["trigger_id"]]
        self.views.append(given["view"])
        return Answer({"ok": True, "view": {"id": f"V{len(self.views)}"}})

    def _complain(self, given: dict[str, Any]) -> Answer | None:
        if given.get("channel") not in [user.conversation for user in self.users.values()]:
            return refusal("channel_not_found")
        if not given.get("text"):
            return refusal("no_text")
        if len(given["text"]) > 40_000:
            return refusal("msg_too_long")
        complaint = complain_of_blocks(given.get("blocks") or [], 50)
        return _invalid("invalid_blocks", complaint) if complaint else None


def _arguments(form: str, content_type: str, body: bytes) -> dict[str, Any] | Answer:
    kind, _, charset = content_type.partition(";")
    if kind != form:
        return refusal("invalid_post_type")
    if form == FORM:
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if "charset=utf-8" not in charset.replace(" ", ""):
        return refusal("missing_charset")
    return json.loads(body)


def _invalid(error: str, complaint: str) -> Answer:
    messages = {"messages": [f"[ERROR] {complaint}"]}
    return Answer({"ok": False, "error": error, "response_metadata": messages})


class Handler(BaseHTTPRequestHandler):
    server: SlackServer  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.hang:
            self.server.closing.wait(30)
            return
        scheme, _, token = (self.headers["Authorization"] or "").partition(" ")
        answer = self.server.judge(
            self.path.removeprefix("/api/"),
            self.headers["Content-Type"] or "",
            token if scheme == "Bearer" else None,
            body,
        )
        self._reply(answer)

    def _reply(self, answer: Answer) -> None:
        is_text = isinstance(answer.body, str)
        content = (answer.body if is_text else json.dumps(answer.body)).encode()  # pyright: ignore[reportAttributeAccessIssue]
        kind = "text/html" if is_text else JSON
        self.send_response(answer.status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content))} | answer.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests need no access log."""
