"""The one place that turns failures of Temporal and of a history into errors of the API."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from temporalio.service import RPCError, RPCStatusCode

from api.problems.errors import ApiError, NotFound, Unavailable, Unconfirmed, Unread, Unreadable
from workflows.lifecycle import UnknownRulesError
from workflows.proof import UnprovenError
from workflows.unknown_keys import UnknownKeyError

log = logging.getLogger(__name__)

TEMPORAL_LIMIT = 5.0
"""Seconds after which we give up a request to Temporal."""

UNCONFIRMED = (
    "Temporal did not say whether it took this: it may count, or not. Read the decision before you"
    " send it again."
)

REFUSED = (
    RPCStatusCode.INVALID_ARGUMENT,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNAUTHENTICATED,
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.UNIMPLEMENTED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
)
"""Statuses with which Temporal refuses before it does anything."""

AWAY = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.ABORTED,
)


@asynccontextmanager
async def asking_temporal(limit: float | None = TEMPORAL_LIMIT) -> AsyncGenerator[asyncio.Timeout]:
    """Turn errors of Temporal's client into `NotFound` and `Unavailable`; `limit` is in seconds."""
    try:
        async with asyncio.timeout(limit) as timeout:
            yield timeout
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NotFound("There is no such decision.") from error
        if error.status in AWAY:
            raise Unavailable("Temporal cannot be reached right now; try again.") from error
        raise
    except TimeoutError as error:
        raise Unavailable("Temporal did not answer in time; try again.") from error
    except RuntimeError as error:
        if "client connect" not in str(error):
            raise
        raise Unavailable("Temporal cannot be reached right now; try again.") from error


@asynccontextmanager
async def telling_temporal() -> AsyncGenerator[None]:
    """Turn errors of a request that changes something into `Unavailable` if it surely did not, and
    into `Unconfirmed` if nobody can know."""
    try:
        async with asking_temporal():
            yield
    except (Unavailable, RPCError) as error:
        cause = error.__cause__ if isinstance(error, Unavailable) else error
        if isinstance(cause, RuntimeError) or (
            isinstance(cause, RPCError) and cause.status in REFUSED
        ):
            raise
        raise Unconfirmed(UNCONFIRMED) from error


@contextmanager
def readable(decision_id: str) -> Generator[None]:
    """Turn every obstacle to reading this one decision into `Unreadable`."""
    try:
        yield
    except (ApiError, UnprovenError):
        raise
    except UnknownRulesError as error:
        log.warning("%s cannot be read yet: %s", decision_id, error)
        raise Unreadable(str(error), Unread.LATER_RULES) from error
    except UnknownKeyError as error:
        log.error("%s cannot be read: %s", decision_id, error)  # noqa: TRY400 - no fault of ours
        raise Unreadable(str(error), Unread.UNKNOWN_KEY) from error
    except Exception as error:
        log.exception("%s cannot be read", decision_id)
        told = f"What is kept of {decision_id} cannot be read."
        raise Unreadable(told, Unread.BROKEN) from error
