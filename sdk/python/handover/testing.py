"""A Handover service for tests: in memory, answered by the test's own script.

>>> from handover.testing import FakeHandover
>>> fake = FakeHandover()
>>> fake.modifies({"amount": 20}, notes="Without the postage.")
>>> decision = fake.client().decisions.create(
...     action="Refund order 1142", approver="approver@example.com", payload={"amount": 25}
... )
>>> print(decision.status, decision.response_data)
modified {'payload': {'amount': 20}}
>>> [asked.action for asked in fake.decisions]
['Refund order 1142']

The clients are the real ones, and the rules are the service's: it refuses what the service refuses,
with the same errors. Nobody is reminded, no callback is delivered, and nothing is signed: `proof`
is empty, and so are `notifications` unless the script says that nothing is sent. With pytest, the
fixture `handover` is a `FakeHandover` that clients in the code under test find by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ._base import api_error
from ._exchanges import FAKES
from ._memory.front import Front
from ._memory.life import Reply, ReplyChoice
from ._memory.refusals import Refusal
from ._memory.scripts import Script, ScriptPlayer, UnansweredError, UnfitReplyError, Unsent
from ._memory.service import Caller, MemoryService
from .client import AsyncHandoverClient, HandoverClient
from .models import Decision, Origin

__all__ = ["FakeHandover", "Reply", "UnansweredError", "UnfitReplyError"]

AGENT = "agent"


class FakeHandover:
    """A service in memory. Each of `approves`, `denies`, `modifies`, `answers`, `expires`,
    `cancels` and `stays_pending` is the script for one decision, in their order.

    It has a time of its own: the machine's, or from `now` on, and `advance` moves it. Clients also
    compare `execute_at` with the machine's own clock; begin in the past (`now`) to see a scheduled
    action permitted after `advance`. `local_domains` are those of your own network, as in
    `HANDOVER_LOCAL_DOMAINS` of your service.
    """

    def __init__(self, *, now: datetime | None = None, local_domains: Collection[str] = ()) -> None:
        self.base_url = f"http://{uuid4().hex}.handover.invalid"
        """The address at which clients find it, in this process only; with `api_key`, as the agent
        `agent`."""
        self._service = MemoryService(self.base_url, local_domains=local_domains)
        self._player = ScriptPlayer(self._service)
        self._front = FAKES[self.base_url] = Front(self._service, self._player)
        self.api_key = self._player.key(AGENT, may_resolve=False)
        if now is not None:
            self._service.advance(now - datetime.now(UTC))

    def client(self, agent: str = AGENT, *, may_resolve: bool = False) -> HandoverClient:
        """Return a client of this service, with the key of an agent; `may_resolve` gives the key
        the scope `decisions:resolve`."""
        return HandoverClient(self._player.key(agent, may_resolve=may_resolve), self.base_url)

    def async_client(self, agent: str = AGENT, *, may_resolve: bool = False) -> AsyncHandoverClient:
        """Return the same for an event loop."""
        return AsyncHandoverClient(self._player.key(agent, may_resolve=may_resolve), self.base_url)

    @property
    def decisions(self) -> list[Decision]:
        """Return the decisions in the order in which they were asked, as they stand now."""
        return [Decision.model_validate(self._service.told(life)) for life in self._service.lives]

    @property
    def now(self) -> datetime:
        """Return the time of this service, in UTC."""
        return self._service.now

    def approves(
        self,
        *,
        notes: str | None = None,
        data: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
        by: str | None = None,
    ) -> None:
        """Approve the next decision, with `data` or `files` if its type needs them."""
        self._player.then(Reply(choice="approve", notes=notes, data=data, files=files, by=by))

    def denies(self, *, notes: str | None = None, by: str | None = None) -> None:
        """Deny the next decision."""
        self._player.then(Reply(choice="deny", notes=notes, by=by))

    def modifies(
        self, change: Mapping[str, Any] | str, *, notes: str | None = None, by: str | None = None
    ) -> None:
        """Modify the next decision's payload, or, if it has none, its action, in words."""
        what = "action" if isinstance(change, str) else "payload"
        data = {what: change if isinstance(change, str) else dict(change)}
        self._player.then(Reply(choice="modify", notes=notes, data=data, by=by))

    def answers(
        self,
        choice: ReplyChoice = "approve",
        *,
        notes: str | None = None,
        data: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
        by: str | None = None,
    ) -> None:
        """Answer the next decision so: `data` is as in `response_data`.

        After `not_me`, the next approvers are asked, and the script goes on with their answer.
        """
        self._player.then(Reply(choice=choice, notes=notes, data=data, files=files, by=by))

    def expires(self) -> None:
        """Let the next decision expire: nobody answers, and time passes."""
        self._player.then("expires")

    def cancels(self) -> None:
        """Cancel the next decision, as an operator does."""
        self._player.then("cancels")

    def stays_pending(self, *, unsent: str | None = None) -> None:
        """Leave the next decision pending for `answer`, `advance`, or a client that ends it.

        With `unsent`, no message to its approvers goes out, for this reason: `notifications` say so
        from ten seconds on, and `unreachable` from five minutes on (or from half of the time, if
        that is less). Somebody who finds the link elsewhere may still answer.
        """
        self._player.then("stays_pending" if unsent is None else Unsent(unsent))

    def answers_by(self, script: Script) -> None:
        """Let this function answer every decision for which it returns a `Reply`, or one of the
        words `expires`, `cancels`, `stays_pending`; None leaves it to the rest of the script."""
        self._player.add(script)

    def answer(
        self,
        decision_id: str,
        choice: ReplyChoice = "approve",
        *,
        notes: str | None = None,
        data: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
        by: str | None = None,
    ) -> Decision:
        """Answer a pending decision now, as one of its approvers, which ends all waiting for it.

        Raises the `APIError` that the service would send: `ConflictError` for a settled decision,
        `InvalidRequestError` for an answer that it does not take.
        """
        reply = Reply(choice=choice, notes=notes, data=data, files=files, by=by)
        try:
            life = self._service.find(decision_id, Caller("", may_resolve=True))
            self._service.respond(life, reply, Origin.HUMAN)
        except Refusal as refusal:
            raise api_error(refusal.status, refusal.document()) from None
        return Decision.model_validate(self._service.told(life))

    def advance(self, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass: decisions escalate and expire if they are due."""
        self._service.advance(timedelta(minutes=minutes, hours=hours, days=days))
