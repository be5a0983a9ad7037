"""The mailed code before an answer counts. A press of a button proves that somebody, or something,
has the link; six digits from a second mail prove that a person reads that address.

Others who have the link should cost that person little. A code belongs to the form that asked for
it, and wrong entries in other forms do not end it. One is mailed a minute and ten in all. Somebody
who asks for all ten keeps everybody from answering by this link, which is reported.
"""

from __future__ import annotations

import asyncio
import logging
import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.answers.answering import Answers
from api.decisions.schemas import FORM
from api.decisions.telling import Telling
from api.problems.errors import Conflict, Invalid, NotFound, Unavailable, Unconfirmed
from histories.reading import Live
from links import Codes
from store.codes import HOLDS_FOR, SentCode, SentCodes
from workflows.objections import MAX_CODES, Objection
from workflows.sentences import N_, Sentence
from workflows.statements import Response

APART = timedelta(minutes=1)
"""Time from one code to the next, whoever asks and however the last one ended."""

WRONG = Sentence(N_("This is not the code that was mailed."))
USED_UP = Sentence(
    "All %(most)s codes for this question have been mailed, and none of them holds any more: it"
    " cannot be answered by this link.",
    {"most": MAX_CODES},
)
PERHAPS_MAILED = N_(
    "It is not known whether a code was mailed: the connection broke meanwhile. Nothing is decided"
    " yet. Press again in a moment, and type the code if there is one in your mail."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """The state of the code for a person who has to type one. `form` names the form that will bring
    it.

    `sent_at` is when the code was mailed that holds for this form, and None if none does; it holds
    for `minutes` more, and `tries` are left. The next can be mailed in `next_in` seconds, or never
    if that is None. `wrong` says that they typed another code, `gone` that it no longer held.
    """

    form: str
    sent_to: str
    sent_at: datetime | None
    minutes: int
    tries: int
    next_in: int | None
    wrong: bool = False
    gone: bool = False


def new_form() -> str:
    """Return a new name for a form, which nobody else can guess."""
    return secrets.token_urlsafe(16)


class StepUp:
    """Asks for codes and checks them. `codes` derives each code, and `sent` has those that were
    mailed."""

    def __init__(self, codes: Codes, sent: SentCodes, telling: Telling, answers: Answers) -> None:
        self._codes = codes
        self._sent = sent
        self._telling = telling
        self._answers = answers

    async def pass_step(
        self,
        reading: Live,
        response: Response,
        typed: str,
        *,
        form: str = "",
        again: bool = False,
    ) -> Response | CodeNeeded:
        """Return the answer with the code's name, if the code was typed; otherwise what its writer
        has to do.

        `form` is the form that brings the answer; one without a name gets a new one. A code is
        mailed if none holds for it, or if another is asked for. Raises `Conflict` and `Invalid` if
        none can be mailed, and `Unconfirmed` if nobody knows whether one was.
        """
        now = response.received_at
        form = form if re.fullmatch(FORM, form) else new_form()
        tried: list[SentCode] = []
        if typed.strip():
            whose = (reading.decision_id, response.approver)
            tried = await self._sent.spend_try(*whose, form, now)
            right = [each for each in tried if self._codes.holds(typed, each.id)]
            if right:
                return response.model_copy(update={"step_up": right[-1].id})
            await self._answers.refuse(reading, response, Objection("wrong_code", WRONG))
        sent = await self._mailed(reading, response, form, now, again=again)
        code = in_force(sent, form, now)
        wait = until_next(sent, now)
        return CodeNeeded(
            form=form,
            sent_to=response.approver,
            sent_at=code.sent_at if code else None,
            minutes=math.ceil((code.expires_at - now) / timedelta(minutes=1)) if code else 0,
            tries=code.tries_left(form, now) if code else 0,
            next_in=None if wait is None else math.ceil(wait.total_seconds()),
            wrong=bool(tried),
            gone=bool(typed.strip()) and not tried,
        )

    async def _mailed(
        self, reading: Live, response: Response, form: str, now: datetime, *, again: bool
    ) -> list[SentCode]:
        """Return the codes of this approver, with a new one if that is called for and may be
        mailed."""
        codes, approver = self._sent, response.approver
        sent = await codes.of(reading.decision_id, approver)
        holds, wait = in_force(sent, form, now), until_next(sent, now)
        if wait is None and not holds:
            await self._answers.refuse(reading, response, Objection("too_many_codes", USED_UP))
            raise Conflict(str(USED_UP), code="too_many_codes", sentence=USED_UP)
        if wait != timedelta() or (holds and not again):
            return sent
        number = 1 + max((each.number for each in sent), default=0)
        new = SentCode(f"code_{secrets.token_hex(8)}", number, form, now + HOLDS_FOR)
        # Kept before it is sent: of two presses at once, one has a code mailed.
        if not await codes.add(reading.decision_id, approver, new):
            return await codes.of(reading.decision_id, approver)
        await self._mail(reading, approver, new)
        if len(sent) + 1 == MAX_CODES:
            log.error(
                "all codes of %s for one of its approvers are used up: once the last is over, their"
                " link answers it no more, and a key that may resolve does",
                reading.decision_id,
            )
        return [*sent, new]

    async def _mail(self, reading: Live, approver: str, code: SentCode) -> None:
        """Mail a code. One that is surely not mailed is forgotten, and does not count."""
        try:
            await self._telling.request_code(reading, approver, code.id)
        except Unconfirmed as error:
            raise Unconfirmed(PERHAPS_MAILED) from error
        except (Conflict, Invalid, NotFound, Unavailable):
            forgetting = self._sent.remove(reading.decision_id, approver, code.id)
            await asyncio.shield(forgetting)
            raise


def in_force(sent: Sequence[SentCode], form: str, now: datetime) -> SentCode | None:
    """Return the newest code that this form may type: its own, or else another's."""
    held = [each for each in sent if each.tries_left(form, now)]
    own = [each for each in held if each.form == form]
    return max(own or held, key=lambda each: each.number, default=None)


def until_next(sent: Sequence[SentCode], now: datetime) -> timedelta | None:
    """Return the time until another code can be mailed; None if none can any more."""
    if len(sent) >= MAX_CODES:
        return None
    last = max((each.sent_at for each in sent), default=now - APART)
    return max(last + APART - now, timedelta())
