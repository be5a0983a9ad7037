"""The code before an answer counts: a press of a button shows that somebody, or something, has the
link; six digits from a second mail show that it was a person who reads that address."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api import answering
from api.deps import Service
from store.codes import HOLDS_FOR, MAX_TRIES, SentCode
from workflows.messages import Response
from workflows.objections import Objection
from workflows.reading import Fold
from workflows.sentences import N_, Sentence

AGAIN_AFTER = timedelta(minutes=1)
"""From one code to the next that is asked for, while the first still holds."""

WRONG = Sentence(N_("This is not the code that was mailed."))


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """What a person is told who has to type one. `tries` are left; `wrong` says whether they typed
    something that was not it, `gone` whether it held no longer."""

    sent_to: str
    sent_at: datetime
    minutes: int
    tries: int
    wrong: bool = False
    gone: bool = False


async def pass_step(
    service: Service, fold: Fold, response: Response, typed: str, *, again: bool = False
) -> Response | CodeNeeded:
    """The answer with the code's name, where it was typed; else what to tell who has to type it.

    A code is mailed where none holds, or where another is asked for. Raises `Conflict` and
    `Invalid` where none can be mailed.
    """
    now = datetime.now(UTC)
    tried = None
    if typed.strip():
        tried = await service.store.codes.spend_try(fold.decision_id, response.approver, now)
        if tried and service.codes.holds(typed, tried.id):
            return response.model_copy(update={"step_up": tried.id})
        await answering.record(service, response, Objection("wrong_code", WRONG))
    code = await _code_in_force(service, fold, response.approver, now, again=again)
    return CodeNeeded(
        sent_to=response.approver,
        sent_at=code.sent_at,
        minutes=int(HOLDS_FOR.total_seconds() / 60),
        tries=MAX_TRIES - code.tries,
        wrong=bool(tried),
        gone=bool(typed.strip()) and tried is None,
    )


async def _code_in_force(
    service: Service, fold: Fold, approver: str, now: datetime, *, again: bool
) -> SentCode:
    """The one that was mailed and holds, or a new one.

    However often somebody presses, or something does, no more than one is mailed a minute.
    """
    codes = service.store.codes
    last = await codes.find(fold.decision_id, approver)
    if last and last.holds(now) and not (again and now - last.sent_at >= AGAIN_AFTER):
        return last
    code_id = f"code_{secrets.token_hex(8)}"
    # Kept before it is sent: of two presses at once, one has a code mailed.
    if await codes.replace(fold.decision_id, approver, last, code_id, now):
        try:
            await service.decisions.request_code(fold, approver, code_id)
        except BaseException:
            await asyncio.shield(codes.end(fold.decision_id, approver, code_id))
            raise
    kept = await codes.find(fold.decision_id, approver)
    assert kept  # noqa: S101 - this request has put it there, or another at the same time
    return kept
