"""Signed statements that the service sends as signals to a decision that is under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from temporalio.client import Client

from api.decisions.clock import Clock
from api.decisions.decisions import Decisions
from api.decisions.documents import pending, refusal
from api.decisions.signing import NoKeyError, Signer
from api.decisions.waiting import Waiting
from api.problems.errors import (
    ApiError,
    NeedsOperator,
    NotFound,
    Unavailable,
    Unconfirmed,
)
from api.problems.temporal import UNCONFIRMED, telling_temporal
from handover.models import Attachment
from histories.reading import Live, Reading, Void
from store import StoreError
from store.contents import Contents
from store.events import DeliveryReport
from store.keys import ApiKey
from workflows import objections
from workflows.objections import Objection
from workflows.sentences import Sentence
from workflows.statements import (
    Addition,
    CodeRequest,
    Extension,
    FailedDelivery,
    Response,
    Signed,
    SignedAddition,
    SignedCodeRequest,
    SignedExtension,
    SignedFailedDelivery,
    SignedResponse,
    SignedWithdrawal,
    Withdrawal,
)
from workflows.stored import set_aside

log = logging.getLogger(__name__)

CLICK_LIMIT = 2.0
"""Seconds that a click waits for the workflow's word before it says "received", and for reading the
decision then."""


class Telling:
    """Tells decisions what was answered, withdrawn, added or lost."""

    def __init__(
        self,
        client: Client,
        contents: Contents,
        signer: Signer,
        waiting: Waiting,
        clock: Clock,
        decisions: Decisions,
    ) -> None:
        self._client = client
        self._contents = contents
        self._signer = signer
        self._waiting = waiting
        self._clock = clock
        self._decisions = decisions

    async def respond(self, reading: Live, response: Response) -> Live:
        """Signal an answer that has no objection, and return the decision once the workflow has
        heard it.

        Where it hears it later than `CLICK_LIMIT`, the decision as it stands; where that cannot be
        read, `reading`. Raises `NotFound` when the workflow ended in between, `Conflict` when what
        stood before this answer in the history makes it count for nothing, and `Unconfirmed` where
        nobody knows whether it is in the history.
        """
        signer = self._signer_for(reading)
        large = set_aside({"notes": response.notes, "data": response.data})
        await self._contents.put(large.bodies)
        kept: dict[str, Any] = {**dict.fromkeys(large.stored), "stored": large.stored}
        signed = signer.sign(response.model_copy(update=kept), SignedResponse)
        return await self._tell(signed, reading, "action")

    async def withdraw(self, reading: Live, agent: ApiKey, notes: str | None) -> Reading:
        """Take the question back for the agent."""
        withdrawal = Withdrawal(**await self._about(reading), agent=agent.name, notes=notes)
        signed = self._signer_for(reading).sign(withdrawal, SignedWithdrawal)
        try:
            await self._signal(signed)
        except NotFound:  # it ended in between
            return await self._decisions.read(reading.decision_id)
        return await self._heard(reading, lambda now: now.settled)

    async def extend(self, reading: Reading, agent: ApiKey, expires_at: datetime) -> Live:
        """Move the deadline. Raises `Conflict` and `Invalid` where that cannot be."""
        live = pending(reading, agent)
        extension = Extension(**await self._about(live), agent=agent.name, expires_at=expires_at)
        if why := objections.objection_to_extension(live.state, extension):
            raise refusal(why, "timeout_minutes")
        signed = self._signer_for(live).sign(extension, SignedExtension)
        return await self._tell(signed, live, "timeout_minutes")

    async def attach(self, reading: Reading, agent: ApiKey, attachment: Attachment) -> Live:
        """Show one more file. Raises `Conflict` and `Invalid` where that cannot be."""
        live = pending(reading, agent)
        if why := objections.objection_to_addition(live.state):
            raise refusal(why, "file")
        addition = Addition(**await self._about(live), agent=agent.name, attachment=attachment)
        signed = self._signer_for(live).sign(addition, SignedAddition)
        return await self._tell(signed, live, "file")

    async def request_code(self, reading: Live, approver: str, code_id: str) -> Live:
        """Have a code mailed to this approver. Raises `Conflict` and `Invalid` where that cannot
        be."""
        about = await self._about(reading)
        request = CodeRequest(**about, approver=approver, code_id=code_id)
        if why := objections.objection_to_code(pending(reading).state, request):
            raise refusal(why, "code")
        signed = self._signer_for(reading).sign(request, SignedCodeRequest)
        return await self._tell(signed, reading, "code")

    async def report_failure(self, told: DeliveryReport) -> None:
        """Tell a decision that a message of it did not arrive, where that changes anything.

        Does not wait until the workflow has heard it. Raises `Unavailable`.
        """
        with suppress(NotFound):  # it is over, and its history gone
            reading = await self._waiting.look(told.decision_id)
            if isinstance(reading, Void) or reading.settled:
                return
            failed = FailedDelivery(
                **await self._about(reading),
                approver=told.approver,
                channel=told.channel,
                message=told.message,
                reason=told.reason or told.event,
                provider_message_id=told.provider_message_id,
                provider_event_id=told.id,
            )
            if objections.objection_to_failure(reading.state, failed) is None:
                signed = self._signer_for(reading).sign(failed, SignedFailedDelivery)
                await self._signal(signed)

    def _signer_for(self, reading: Live) -> Signer:
        """Return a signer that this decision believes. Raises `NeedsOperator` if no key can."""
        try:
            return self._signer.known_to(reading.input.keyring)
        except NoKeyError as error:
            log.error("%s cannot be answered: %s", reading.decision_id, error)  # noqa: TRY400 - no fault of ours
            raise NeedsOperator(str(error)) from error

    async def _about(self, reading: Live) -> dict[str, Any]:
        """Return the fields that every statement has. Raises `ClockDiffers`."""
        return {
            "decision_id": reading.input.id,
            "run_id": reading.run_id,
            "request_digest": reading.input.request_digest,
            "received_at": await self._clock.now(),
        }

    async def _tell(self, signed: Signed, known: Live, field: str) -> Live:
        """Signal a statement. Raises `Conflict` or `Invalid` if the workflow refuses what looked
        right from here, because something else came before it."""
        signature = signed.signature.value

        def is_heard(now: Reading) -> bool:
            return isinstance(now, Live) and signature in now.heard

        await self._signal(signed)
        reading = await self._heard(known, is_heard)
        refused = reading.heard.get(signature)
        if refused and not reading.settled:
            said = Sentence(refused.details["message"])
            raise refusal(Objection(refused.details["reason"], said), field)
        return reading

    async def _signal(self, signed: Signed) -> None:
        """Have a statement in the history. Raises `NotFound` if the workflow is over, `Unavailable`
        if it was not taken, and `Unconfirmed` if nobody knows."""
        try:
            async with telling_temporal():
                handle = self._client.get_workflow_handle(signed.decision_id)
                await handle.signal(signed.signal, signed)
        except (NotFound, Unconfirmed):
            # The client tries again where an answer got lost, and may find the workflow over by
            # what it sent before.
            if not await self._is_in_history(signed):
                raise

    async def _is_in_history(self, signed: Signed) -> bool:
        """Return whether it is in the history. Raises `Unconfirmed` if nobody can look."""
        try:
            async with asyncio.timeout(CLICK_LIMIT):
                return await self._waiting.has(signed.decision_id, signed.signature.value)
        except NotFound:
            return False
        except (TimeoutError, Unavailable) as error:
            raise Unconfirmed(UNCONFIRMED) from error

    async def _heard(self, known: Live, done: Callable[[Reading], bool]) -> Live:
        """Return the decision once it is `done`, or as it stands when the time is over.

        What was signalled is in the history, and nothing takes that back: where the decision cannot
        be read any more, it is what was `known` of it.
        """
        try:
            reading = await self._read_when(known.decision_id, done)
        except Exception as error:
            is_away = isinstance(error, (ApiError, StoreError, TimeoutError))
            log.warning(
                "%s took a signal and cannot be read: %r",
                known.decision_id,
                error,
                exc_info=not is_away,
            )
            return known
        return reading if isinstance(reading, Live) else known

    async def _read_when(self, decision_id: str, done: Callable[[Reading], bool]) -> Reading:
        try:
            heard = await self._waiting.until(decision_id, CLICK_LIMIT, done, reserve=True)
        except Unavailable:
            heard = None
        async with asyncio.timeout(CLICK_LIMIT):
            if heard is None:
                return await self._decisions.read(decision_id)
            return await self._decisions.complete(heard)
