"""The service, in memory: decisions and files, and the time."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar, cast
from uuid import uuid4

from .._forks import renew_in_children
from ..addresses import a_labels
from ..models import Decision, DecisionRequest, Origin, Status
from .files import File, new_file
from .life import Life, Reply, payload_digest, request_digest
from .refusals import Refusal, at_fault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller whose key came with a call."""

    name: str
    may_resolve: bool = False


class Player(Protocol):
    """Plays the people who are asked."""

    at_once: bool
    """Whether decisions are settled before `create` returns, even if it does not wait."""

    def caller(self, key: str) -> Caller | None:
        """Return the caller, or None for a key that is none."""
        ...

    def play(self, life: Life) -> None:
        """Answer a new decision, or leave it pending."""
        ...

    def check_wait(self, life: Life) -> None:
        """Check a wait before a call begins it for this pending decision; may raise."""
        ...


class MemoryService:
    """The service. Threads may share it. `asks` says whether approvers count as asked, so that
    records name them."""

    def __init__(
        self,
        base_url: str,
        *,
        asks: bool = True,
        id_prefix: str = "dec_",
        local_domains: Collection[str] = (),
    ) -> None:
        self.base_url = base_url
        self.local_domains = [a_labels(domain) for domain in local_domains]
        self._asks = asks
        self._id_prefix = id_prefix
        self.renew_lock()
        renew_in_children(self)
        self._ahead = timedelta()
        self._by_key: dict[tuple[str, str], Life] = {}
        self._files: dict[str, File] = {}
        self._lives: dict[str, Life] = {}

    def renew_lock(self) -> None:
        """Renew the lock in a forked process, where no thread waits for a decision of its
        parent's."""
        self._lock = threading.RLock()
        self._watching: dict[object, tuple[Life, Callable[[], None]]] = {}

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    @property
    def lives(self) -> list[Life]:
        """Return the decisions in the order in which they were asked, as they stand now."""
        with self._lock:
            lives = list(self._lives.values())
            for life in lives:
                self.change(life)
            return lives

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        with self._lock:
            self._ahead += by
            _ = self.lives

    @contextmanager
    def watching(self, life: Life, settled: Callable[[], None]) -> Generator[None]:
        """Call `settled`, from any thread, when the decision is."""
        token = object()
        with self._lock:
            self._watching[token] = life, settled
            if life.decision.settled:
                settled()
        try:
            yield
        finally:
            with self._lock:
                del self._watching[token]

    def change(self, life: Life, change: Callable[[datetime], T] | None = None) -> T | None:
        """Let a decision know the time, change it, and notify those who wait for it.

        Raises the errors of `change`.
        """
        with self._lock:
            life.advance(self.now)
            try:
                return change(self.now) if change else None
            finally:
                if life.decision.settled:
                    self._tell(life)

    def _tell(self, life: Life) -> None:
        for watched, settled in list(self._watching.values()):
            if watched is life:
                settled()

    def told(self, life: Life, caller: Caller | None = None) -> dict[str, Any]:
        """Return the decision for this caller, or for its own agent if none is named."""
        with self._lock:
            self.change(life)
            return life.told(self.now, to_others=bool(caller and caller.name != life.agent))

    def ask(self, request: DecisionRequest, key: str | None, caller: Caller) -> tuple[Life, bool]:
        """Return the decision, and whether it is new: the same key finds the same one.

        Raises `Refusal`.
        """
        fingerprint = _fingerprint(request)
        whose = caller.name, key or uuid4().hex
        with self._lock:
            known = self._by_key.get(whose)
            if known is None:
                life = self._begin(request, fingerprint, caller, key)
                self._by_key[whose] = self._lives[life.decision.id] = life
                return life, True
        if known.fingerprint != fingerprint:
            why = "this key was used for another request; use a new key for each decision."
            raise at_fault(("Idempotency-Key", why), code="idempotency_key_reused")
        return known, False

    def _begin(
        self, request: DecisionRequest, fingerprint: str, caller: Caller, key: str | None
    ) -> Life:
        now = self.now
        decision = Decision(
            **request.model_dump(),
            id=f"{self._id_prefix}{uuid4().hex[:26]}",
            status=Status.PENDING,
            created_at=now,
            expires_at=now + timedelta(minutes=request.timeout_minutes),
            attachments=[self._shown(each, caller) for each in request.attachment_ids],
            request_digest=request_digest(request),
            idempotency_key=key,
        )
        decision.payload_digest = payload_digest(decision)
        return Life(decision, request, agent=caller.name, fingerprint=fingerprint, asks=self._asks)

    def find(self, decision_id: str, caller: Caller) -> Life:
        """Find a decision. Raises `Refusal` if it does not exist for this caller."""
        life = self._lives.get(decision_id)
        if life is None or not (caller.may_resolve or life.agent == caller.name):
            raise Refusal("not_found", "There is no such decision.")
        self.change(life)
        return life

    def respond(self, life: Life, reply: Reply, origin: Origin) -> None:
        """Take an answer. Raises `Refusal`, and the record has the attempt."""
        sender = reply.by or next(iter(life.awaited), "")
        data = None if reply.data is None else dict(reply.data)
        if reply.files:
            kept = [self.keep(name, content, sender) for name, content in reply.files.items()]
            data = {**(data or {}), "uploaded_files": [each.attachment.id for each in kept]}
        given = replace(reply, data=data and self._with_files(data, sender))
        self.change(life, lambda now: life.respond(given, origin, now))

    def keep(self, name: str, content: bytes, sender: str) -> File:
        """Keep a file. Raises `Refusal` if it is not taken."""
        file = new_file(name, content, sender, self.base_url)
        self._files[file.attachment.id] = file
        return file

    def _shown(self, attachment_id: str, caller: Caller) -> Any:
        file = self._files.get(attachment_id)
        if file is None or file.sender != caller.name:
            why = f"there is no file {attachment_id!r} of yours; upload it first."
            raise at_fault(("attachment_ids", why), code="unknown_attachment")
        return file.attachment

    def _with_files(self, data: dict[str, Any], sender: str) -> dict[str, Any]:
        """Return the data with each of `uploaded_files`, given by its id, in full."""
        given: object = data.get("uploaded_files")
        if not isinstance(given, list):
            return data
        named = enumerate(cast(list[Any], given))
        return data | {"uploaded_files": [self._sent(i, each, sender) for i, each in named]}

    def _sent(self, index: int, given: Any, sender: str) -> dict[str, Any]:
        id: object = cast(dict[str, Any], given).get("id") if isinstance(given, dict) else given
        file = self._files.get(id) if isinstance(id, str) else None
        if file is None or file.sender != sender:
            field = f"response_data.uploaded_files.{index}"
            why = "this is no id of a file that was sent before."
            raise at_fault((field, why), code="unknown_attachment")
        return file.attachment.model_dump(mode="json")


def _fingerprint(request: DecisionRequest) -> str:
    """Return the same digest for every spelling of a request, also for 1 and 1.0, which are the
    same JSON."""
    told = request.in_one_spelling().model_dump_json()
    plain = json.dumps(json.loads(told, parse_float=_number), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number
