"""The activity that posts a decision's outcome to its `callback_url`.

It follows the Standard Webhooks: all live secrets of the agent sign, `webhook-id` is the same on
every attempt, and retries have their schedule. The activity's error says "once more", and when;
Temporal does the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Literal, Protocol

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError

from activities.deliveries import DeliveryLog
from activities.requests import Requests
from activities.retry_after import retry_after
from activities.standard_webhooks import LIMIT_SECONDS, Event, event
from histories.decision import as_json, read_decision
from histories.reading import Live
from outgoing import Answer, GuardedClient, RefusedUrlError, UnreachableError
from workflows import proof
from workflows.lifecycle import UnknownRulesError
from workflows.messages import (
    CALLBACK_FAILED,
    DELIVER_CALLBACK,
    GAVE_UP,
    CallbackDelivered,
    CallbackFailed,
    DeliverCallbackInput,
)
from workflows.stored import MissingContentError
from workflows.unknown_keys import UnknownKeyError

logger = logging.getLogger(__name__)

SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Delays from each failed attempt to the next one, three days in all. After the last, none
follows."""

JITTER = 0.1
"""Part of a delay that may be added to it, so that callbacks which failed together are not retried
together."""

LONGEST_RETRY_AFTER = timedelta(hours=24)

STORE_SECONDS = 3.0
"""Seconds to record an attempt in the store and the workflow. Nothing waits longer for that."""


class Secrets(Protocol):
    """The secrets that sign an agent's callbacks, the newest first."""

    async def signing(self, agent: str) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Callback:
    """One request, the same on every attempt."""

    reading: Live
    agent: str
    url: str
    event: Event


class FailedError(Exception):
    """An attempt failed. The text is a sentence for operators."""

    def __init__(
        self, message: str, *, is_final: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.retry_after = min(retry_after or timedelta(), LONGEST_RETRY_AFTER)


class Callbacks:
    """The activity and its dependencies."""

    def __init__(
        self,
        *,
        client: Client,
        requests: Requests,
        outgoing: GuardedClient,
        secrets: Secrets,
        deliveries: DeliveryLog,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self._client = client
        self._requests = requests
        self._outgoing = outgoing
        self._secrets = secrets
        self._deliveries = deliveries
        self._limit_seconds = limit_seconds

    @activity.defn(name=DELIVER_CALLBACK)
    async def deliver_callback(self, input: DeliverCallbackInput) -> CallbackDelivered:
        """Try once to send the outcome to the agent's own URL.

        Raises `ApplicationError`: with the delay to the next attempt, or of the type `GAVE_UP`.
        """
        attempt, callback = activity.info().attempt, None
        try:
            callback = await self._callback(input.decision_id)
            status = await self._send(callback)
        except FailedError as error:
            raise await self._failed(callback, attempt, error) from None
        logger.info("callback delivered", extra=_about(callback))
        await self._record(callback, "sent")
        return CallbackDelivered(status_code=status, attempts=attempt)

    async def _callback(self, decision_id: str) -> Callback:
        """Return the request, proven by the history. Raises `FailedError` if the history cannot be
        read, and `ApplicationError` if there is nothing to send."""
        try:
            reading = await self._requests.load(decision_id)
            return callback_of(reading)
        except proof.UnprovenError as error:
            logger.error("callback refused: %s", error, extra={"decision_id": decision_id})  # noqa: TRY400
            raise ApplicationError(
                f"Not sent: {error}.", type="Unproven", non_retryable=True
            ) from None
        except (MissingContentError, RPCError, UnknownRulesError, UnknownKeyError) as error:
            logger.exception("callback not read", extra={"decision_id": decision_id})
            raise FailedError("the decision cannot be read now; see the log") from error

    async def _send(self, callback: Callback) -> int:
        """Send the request and return the status of a success. Raises `FailedError`."""
        try:
            secrets = await self._secrets.signing(callback.agent)
        except Exception as error:
            logger.exception("callback not signed", extra=_about(callback))
            raise FailedError("there is no secret to sign it with; see the log") from error
        try:
            answer = await self._outgoing.post(
                callback.url,
                callback.event.body.encode(),
                callback.event.headers(secrets, datetime.now(UTC)),
                limit_seconds=self._limit_seconds,
            )
        except RefusedUrlError as error:
            raise FailedError(f"the URL is refused: {error}", is_final=True) from error
        except UnreachableError as error:
            raise FailedError(str(error)) from error
        _check(answer)
        return answer.status_code

    async def _failed(
        self, callback: Callback | None, attempt: int, error: FailedError
    ) -> ApplicationError:
        """Return the error that makes Temporal act on this one, and record the attempt."""
        delay = None if error.is_final else delay_after(attempt, error.retry_after)
        if callback:
            await self._tell(callback, attempt, str(error), delay)
        message = f"Attempt {attempt}: {error}."
        if delay is None:
            return ApplicationError(message, type=GAVE_UP, non_retryable=True)
        return ApplicationError(
            message,
            type="CallbackDeferred",
            next_retry_delay=delay,
            category=ApplicationErrorCategory.BENIGN,
        )

    async def _tell(
        self, callback: Callback, attempt: int, reason: str, delay: timedelta | None
    ) -> None:
        logger.warning("callback not delivered: %s", reason, extra=_about(callback))
        next_at = datetime.now(UTC) + delay if delay else None
        await asyncio.gather(
            self._record(callback, "deferred" if delay else "failed"),
            self._tell_workflow(
                callback, CallbackFailed(attempt=attempt, reason=reason, next_at=next_at)
            ),
        )

    async def _record(
        self, callback: Callback, result: Literal["sent", "deferred", "failed"]
    ) -> None:
        """Note the attempt, and never fail: a retry for the note's sake would send it again."""
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._deliveries.record(
                    key=hashlib.sha256(callback.event.id.encode()).hexdigest(),
                    decision_id=callback.reading.decision_id,
                    message="callback",
                    approver=callback.agent,
                    channel="callback",
                    result=result,
                    provider="https",
                    provider_message_id=callback.event.id,
                )
        except Exception:
            logger.exception("the store did not take a delivery", extra=_about(callback))

    async def _tell_workflow(self, callback: Callback, failed: CallbackFailed) -> None:
        """Tell the workflow of the attempt, if possible, so that operators read it there."""
        reading = callback.reading
        handle = self._client.get_workflow_handle(reading.decision_id, run_id=reading.run_id)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await handle.signal(CALLBACK_FAILED, failed)
        except Exception:
            logger.exception("the workflow was not told", extra=_about(callback))


def callback_of(reading: Live) -> Callback:
    """Return the callback of a settled decision. Raises `UnprovenError` for any other."""
    url = reading.request.callback_url
    if url is None or not reading.settled:
        raise proof.UnprovenError("the decision is not settled, or has no callback")
    data = as_json(read_decision(reading, datetime.now(UTC)))
    about = [reading.decision_id, reading.run_id]
    told = event(about, f"decision.{data['status']}", data["resolved_at"], data)
    return Callback(reading=reading, agent=reading.input.agent, url=url, event=told)


def delay_after(attempt: int, retry_after: timedelta) -> timedelta | None:
    """Return how long to wait after this failed attempt, the first being 1; None after the last."""
    if attempt > len(SCHEDULE):
        return None
    delay = SCHEDULE[attempt - 1] * (1 + JITTER * random.random())  # noqa: S311 - no secret
    return max(delay, retry_after)


def _check(answer: Answer) -> None:
    """Raise `FailedError` unless the agent took it."""
    status = answer.status_code
    if status == HTTPStatus.GONE:
        raise FailedError("the agent wants no more of it (410)", is_final=True)
    if 300 <= status < 400:
        raise FailedError(f"redirects are not followed ({status})")
    if not 200 <= status < 300:
        raise FailedError(f"the agent answered {status}", retry_after=retry_after(answer.headers))


def _about(callback: Callback) -> dict[str, str]:
    return {"decision_id": callback.reading.decision_id, "webhook_id": callback.event.id}
