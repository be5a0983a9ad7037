"""Scripted answers of a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from ..models import Decision, Origin
from .life import Life, Reply
from .refusals import Refusal
from .service import Caller, MemoryService


@dataclass(frozen=True, slots=True)
class Unsent:
    """Nobody hears of the decision, for this reason; it stays pending."""

    reason: str


Fate = Reply | Unsent | Literal["expires", "cancels", "stays_pending"]
Script = Callable[[Decision], Fate | None]
TICK = timedelta(milliseconds=1)


class UnansweredError(AssertionError):
    """The script has no answer for a decision that was waited for."""


class UnfitReplyError(AssertionError):
    """The script's answer is one that the service would not take."""


class ScriptPlayer:
    """Plays the people who are asked, by scripts."""

    at_once = False

    def __init__(self, service: MemoryService) -> None:
        self._service = service
        self._callers: dict[str, Caller] = {}
        self._scripts: list[Script] = []
        self._may_stay_pending: set[str] = set()

    def key(self, agent: str, *, may_resolve: bool) -> str:
        """Return an API key of this agent."""
        key = f"ho_fake_{'resolver_' * may_resolve}{agent.encode().hex()}"
        self._callers[key] = Caller(agent, may_resolve)
        return key

    def then(self, fate: Fate) -> None:
        """Script the next decision."""

        def once(_: Decision) -> Fate:
            self._scripts.remove(once)
            return fate

        self._scripts.append(once)

    def add(self, script: Script) -> None:
        self._scripts.append(script)

    def caller(self, key: str) -> Caller | None:
        return self._callers.get(key)

    def play(self, life: Life) -> None:
        """Play one reply, or several after `not_me`, when somebody else is asked."""
        while not life.decision.settled:
            fate = self._next(Decision.model_validate(self._service.told(life)))
            if fate is None:
                return
            if isinstance(fate, Unsent):
                life.unsent = fate.reason
            if isinstance(fate, Unsent) or fate == "stays_pending":
                self._may_stay_pending.add(life.decision.id)
                return
            self._meet(life, fate)

    def check_wait(self, life: Life) -> None:
        if life.decision.id not in self._may_stay_pending:
            raise UnansweredError(
                f"Nobody answers {life.decision.id} ({life.decision.action!r}), so that this would"
                " wait for ever. Say before what becomes of it: approves(), denies(), modifies(…),"
                " answers(…), expires() or cancels(); or stays_pending(), where answer(…) or"
                " advance(…) is called meanwhile."
            )

    def _next(self, asked: Decision) -> Fate | None:
        for script in list(self._scripts):
            if (fate := script(asked)) is not None:
                return fate
        return None

    def _meet(self, life: Life, fate: Fate) -> None:
        if fate == "expires":
            self._service.advance(life.decision.expires_at - self._service.now + TICK)
        elif fate == "cancels":
            self._service.change(life, lambda now: life.cancel(None, Origin.OPERATOR, now))
        elif isinstance(fate, Reply):
            self._reply(life, fate)
        else:
            raise UnfitReplyError(f"A script returned {fate!r}, which is no Reply and no fate.")

    def _reply(self, life: Life, reply: Reply) -> None:
        try:
            self._service.respond(life, reply, Origin.HUMAN)
        except Refusal as refusal:
            raise UnfitReplyError(
                f"The script answers {life.decision.action!r} with {reply.choice!r}, which the"
                f" service would not take: {refusal.error}"
            ) from None
