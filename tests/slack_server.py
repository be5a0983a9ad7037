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
TEAM = "T012AB3C4"

TRIGGER_SECONDS = 3.0

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

SAYING = {"text", "blocks", "parse", "link_names"}
THREAD = {"thread_ts", "reply_broadcast"}
METHODS: dict[str, tuple[str, set[str], set[str]]] = {
    "auth.test": (FORM, set(), set()),
    "users.lookupByEmail": (FORM, {"email"}, set()),
    "conversations.open": (JSON, {"users"}, {"return_im"}),
    "chat.postMessage": (JSON, {"channel"}, SAYING | THREAD | {"unfurl_links", "unfurl_media"}),
    "chat.update": (JSON, {"channel", "ts"}, SAYING),
    "chat.postEphemeral": (JSON, {"channel", "user"}, SAYING | {"thread_ts"}),
    "views.open": (JSON, {"trigger_id", "view"}, set()),
}
"""In which form each is called, what it has to be given and what it may be: methods that read take
no JSON."""

MAX_SHOWN = 12_000
"""Characters of all texts of a message, says a maintainer of Slack's libraries; the reference does
not."""

MAX_FALLBACK = 4_000
"""Of a `text` that is changed or seen by one person; that of a new message is cut."""


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
    team_id: str = TEAM
    is_deleted: bool = False
    is_bot: bool = False


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
    def is_rich(self) -> bool:
        return _is_rich(self.content["blocks"])

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
        self.refused: list[str] = []
        self.answers: dict[str, deque[Answer]] = {}
        self.hang = False
        self.closing = threading.Event()
        self._triggers: dict[str, float] = {}
        self._exchanged: set[str] = set()
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
            answer = self._refuse_us(method, token) or self._judge(method, content_type, body)
            if isinstance(answer.body, dict) and "error" in answer.body:
                self.refused.append(answer.body["error"])
            return answer

    def _refuse_us(self, method: str, token: str | None) -> Answer | None:
        if token != TOKEN:
            return refusal("invalid_auth" if token else "not_authed")
        return None if method in METHODS else refusal("unknown_method")

    def _judge(self, method: str, content_type: str, body: bytes) -> Answer:
        if waiting := self.answers.get(method):
            return waiting.popleft()
        form, needed, more = METHODS[method]
        arguments = _arguments(form, content_type, body)
        if isinstance(arguments, Answer):
            return arguments
        if wrong := (set(arguments) - needed - more) | (needed - set(arguments)):
            return _invalid("invalid_arguments", f"unknown or missing: {min(wrong)}")
        return getattr(self, f"_{re.sub('[.]', '_', method)}")(arguments)

    def _auth_test(self, given: dict[str, Any]) -> Answer:
        return Answer({"ok": True, "team_id": TEAM, "user_id": "U0BOT", "bot_id": "B0BOT"})

    def _users_lookupByEmail(self, given: dict[str, Any]) -> Answer:  # noqa: N802 - Slack's name
        user = self.users.get(given["email"].casefold())
        if user is None:
            return refusal("users_not_found")
        told = {"id": user.id, "team_id": user.team_id}
        told |= {"deleted": user.is_deleted, "is_bot": user.is_bot}
        return Answer({"ok": True, "user": told})

    def _conversations_open(self, given: dict[str, Any]) -> Answer:
        found = [user for user in self.users.values() if user.id == given["users"]]
        if not found:
            return refusal("user_not_found")
        return Answer({"ok": True, "channel": {"id": found[0].conversation}})

    def _chat_postMessage(self, given: dict[str, Any]) -> Answer:  # noqa: N802
        if refused := self._complain(given):
            return refused
        thread = given.get("thread_ts")
        if given.get("reply_broadcast") and not thread:
            return _invalid("invalid_arguments", "reply_broadcast without thread_ts")
        if thread and (given["channel"], thread) not in self.messages:
            # What it followed was deleted: Slack posts it as a message of its own.
            given = {name: value for name, value in given.items() if name not in THREAD}
        ts = f"{int(time.time())}.{len(self.messages) + 1:06}"
        self.messages[given["channel"], ts] = Message(given["channel"], ts, given)
        return Answer({"ok": True, "channel": given["channel"], "ts": ts})

    def _chat_update(self, given: dict[str, Any]) -> Answer:
        if refused := self._complain(given, MAX_FALLBACK):
            return refused
        message = self.messages.get((given["channel"], given["ts"]))
        if message is None:
            return refusal("message_not_found")
        if message.is_rich and not _is_rich(given["blocks"]):
            return refusal("block_mismatch")
        message.content = {**message.content, **given}
        message.versions += 1
        return Answer({"ok": True, "channel": given["channel"], "ts": given["ts"]})

    def _chat_postEphemeral(self, given: dict[str, Any]) -> Answer:  # noqa: N802
        if refused := self._complain(given, MAX_FALLBACK):
            return refused
        there = [u.id for u in self.users.values() if u.conversation == given["channel"]]
        if given["user"] not in there:
            return refusal("user_not_in_channel")
        self.whispers.append(given)
        return Answer({"ok": True, "message_ts": str(time.time())})

    def _views_open(self, given: dict[str, Any]) -> Answer:
        made = self._triggers.get(given["trigger_id"])
        if given["trigger_id"] in self._exchanged:
            return refusal("exchanged_trigger_id")
        if made is None:
            return refusal("invalid_trigger_id")
        if time.monotonic() - made > TRIGGER_SECONDS:
            return refusal("expired_trigger_id")
        if complaint := complain_of_view(given["view"]):
            return _invalid("invalid_arguments", complaint)
        self._exchanged.add(given["trigger_id"])
        self.views.append(given["view"])
        return Answer({"ok": True, "view": {"id": f"V{len(self.views)}"}})

    def _complain(self, given: dict[str, Any], most: int | None = None) -> Answer | None:
        if given["channel"] not in [user.conversation for user in self.users.values()]:
            return refusal("channel_not_found")
        if not given.get("text"):
            return refusal("no_text")
        if most and len(given["text"]) > most:
            return refusal("msg_too_long")
        if given.get("parse", "none") not in ("none", "full"):
            return _invalid("invalid_arguments", "parse")
        blocks = given.get("blocks") or []
        if complaint := complain_of_blocks(blocks, 50):
            return _invalid("invalid_blocks", complaint)
        if sum(map(len, texts(blocks))) > MAX_SHOWN:
            return refusal("msg_blocks_too_long")
        return None


def _is_rich(blocks: list[dict[str, Any]]) -> bool:
    return any(block["type"] == "rich_text" for block in blocks)


def _arguments(form: str, content_type: str, body: bytes) -> dict[str, Any] | Answer:
    if not body:  # without one, Slack's own library names no kind
        return {}
    kind, _, charset = content_type.partition(";")
    if kind != form:
        return refusal("invalid_post_type")
    if form == FORM:
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if charset.strip().lower() not in ("", "charset=utf-8"):
        return refusal("invalid_charset")
    try:
        given = json.loads(body)
    except ValueError:
        return refusal("invalid_json")
    return given if isinstance(given, dict) else refusal("json_not_object")


def _invalid(error: str, complaint: str) -> Answer:
    messages = {"messages": [f"[ERROR] {complaint}"]}
    return Answer({"ok": False, "error": error, "response_metadata": messages})


class Handler(BaseHTTPRequestHandler):
    server: SlackServer  # pyright: ignore[reportIncompatibleVariableOverride] - no other server has this handler

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
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        content = text.encode()
        kind = "text/html" if text is answer.body else JSON
        self.send_response(answer.status)
        headers = {"Content-Type": kind, "Content-Length": str(len(content))} | answer.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests need no access log."""
