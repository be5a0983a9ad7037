"""The errors of a message, whichever channel carries it.

    DeliveryError
    ├── UndeliverableError   the address is bad; no retry helps
    ├── DeferredError        the provider is away or busy; it is tried again
    └── RefusedError         the provider refuses *us*; nobody is skipped, an operator must act

Each transport maps its library's errors to one of these. `application_error` turns them into the
errors that Temporal retries by.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from workflows.messages import UNDELIVERABLE

Result = Literal["failed", "deferred", "refused"]

LONGEST_WAIT = timedelta(minutes=5)
"""Longest wait that a provider may ask for. It may want more, but somebody waits for this
decision."""

OPERATOR_WAIT = timedelta(minutes=5)
"""Time between attempts that can succeed only once an operator has acted."""


class DeliveryError(Exception):
    """A message was not taken. The text is a sentence for the audit trail."""

    result: ClassVar[Result]


class UndeliverableError(DeliveryError):
    result = "failed"


class DeferredError(DeliveryError):
    """The provider is away or busy. `retry_after` is how long it asked to be left alone, if it
    did."""

    result = "deferred"

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = min(retry_after, LONGEST_WAIT) if retry_after else None


class RefusedError(DeliveryError):
    """The provider refuses us. The text also says what to do about it."""

    result = "refused"


def application_error(error: DeliveryError) -> ApplicationError:
    """Return the error that makes Temporal act on this one."""
    match error:
        case UndeliverableError():
            return ApplicationError(str(error), type=UNDELIVERABLE, non_retryable=True)
        case DeferredError():
            return ApplicationError(
                str(error),
                type="Deferred",
                next_retry_delay=error.retry_after,
                # Providers are away now and then: nothing that an operator should be woken by.
                category=ApplicationErrorCategory.BENIGN,
            )
        case _:
            return ApplicationError(
                str(error), type="ProviderRefused", next_retry_delay=OPERATOR_WAIT
            )
