"""Errors of this package, as one tree:

HandoverError
├── ConfigurationError           the client cannot work like this (also a ValueError)
├── APIConnectionError           the service was not reached (also a ConnectionError)
├── UnreadableAnswerError        something answered, but not the service
├── WrongAnswerError             the answer is about something else than was asked
├── NotAskedError                this can be shown to nobody (also a ValueError)
├── APIError                     the service refused the request
│   ├── BadRequestError          400
│   ├── AuthenticationError      401
│   ├── PermissionDeniedError    403
│   ├── NotFoundError            404
│   ├── ConflictError            409; `decision` is what it is
│   ├── GoneError                410
│   ├── ContentTooLargeError     413
│   ├── InvalidRequestError      422; `fields` says which and why
│   ├── RateLimitError           429
│   └── ServiceError             5xx
├── ProofError                   the decision is not proven to be what it says
├── WebhookVerificationError     the request is no callback of the service
├── WaitTimeoutError             we stopped waiting; the decision goes on (also a TimeoutError)
└── ActionDenied                 the action must not run
    ├── DecisionExpired          nobody answered in time
    ├── DecisionCancelled        withdrawn by the agent, or stopped by an operator
    ├── AlreadyClaimed           somebody else runs it, or has run it
    └── ArgumentsRefused         what was permitted is nothing that this function can run

None of them ever means that the action may run.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ._wire import ExecutionStatus, Origin, Status

if TYPE_CHECKING:
    from .models import Decision


class HandoverError(Exception):
    """The base of every error that this package raises."""

    __module__ = "handover"
    cut_after: float = 0.0
    """Seconds after which a gateway cut off the request; 0 if none did."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.__module__ = "handover"  # the name under which users import it, also in tracebacks


class ConfigurationError(HandoverError, ValueError):
    """The client cannot work like this; the message says what to change or to install."""


class APIConnectionError(HandoverError, ConnectionError):
    """The service was not reached, or the connection dropped before it had answered.

    `held` is the number of seconds for which it had held the request when the connection dropped,
    or 0 if it was never reached.
    """

    def __init__(self, message: str, held: float = 0.0) -> None:
        super().__init__(message, held)
        self.held = self.cut_after = held

    def __str__(self) -> str:
        return str(self.args[0])


class UnreadableAnswerError(HandoverError):
    """A successful status with a body that is not Handover's: a proxy's page, for example."""


class WrongAnswerError(HandoverError):
    """The service's answer is about another question, so nothing in it counts.

    Something between the two has mixed up answers: a connection that two programs share, or a
    proxy. `field` names what differs from the question, and `came` the decision that the answer is
    about.
    """

    def __init__(self, field: str, came: str) -> None:
        super().__init__(field, came)
        self.field = field
        self.came = came

    def __str__(self) -> str:
        return (
            f"The answer is not the one to this request: its {self.field} is another ({self.came})."
            " Nothing in it counts. Look for what shares a connection, or for a proxy that mixes"
            " answers up."
        )


class FieldError(NamedTuple):
    """What is wrong with one field of a request."""

    field: str
    message: str


class NotAskedError(HandoverError, ValueError):
    """The question can be shown to nobody, so nobody was asked.

    `fields` names what is at fault, such as `payload.amount`, each with what to do about it, in
    words for a model.
    """

    def __init__(self, *fields: FieldError) -> None:
        self.fields = fields
        told = " ".join(["Nobody was asked.", *(f"{name}: {why}." for name, why in fields)])
        # A half of a character, which a name may have, would be the end of whatever sends this on.
        Exception.__init__(self, told.encode(errors="backslashreplace").decode())

    def __reduce__(self) -> tuple[Any, ...]:
        return NotAskedError, self.fields


class APIError(HandoverError):
    """The service refused the request: `status`, and what its problem document says.

    `code` is a stable word to branch on, `error` a sentence for people, `request_id` finds the
    request in the service's log, and `retry_after` is in seconds, if the service sent it.
    """

    def __init__(
        self,
        status: int,
        problem: Mapping[str, Any],
        request_id: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(status, problem, request_id, retry_after)
        self.status = status
        self.problem = problem
        self.request_id = request_id
        self.retry_after = retry_after
        self.code: str | None = problem.get("code")
        self.error = str(problem.get("error") or problem.get("detail") or "the request failed")
        self.fields = _field_errors(problem.get("errors"))

    def __str__(self) -> str:
        told = f"{self.status} {self.code or self.problem.get('title') or ''}".rstrip()
        fields = "".join(f"\n  {field}: {message}" for field, message in self.fields)
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{told}: {self.error}{request}{fields}"


def _field_errors(errors: object) -> tuple[FieldError, ...]:
    entries = cast(list[object], errors) if isinstance(errors, list) else []
    found = [cast(dict[str, object], entry) for entry in entries if isinstance(entry, dict)]
    return tuple(
        FieldError(str(entry.get("field", "")), str(entry.get("message", ""))) for entry in found
    )


class BadRequestError(APIError):
    """400: the service could not read the request."""


class AuthenticationError(APIError):
    """401: the API key is missing, unknown or revoked."""


class PermissionDeniedError(APIError):
    """403: the API key may not do this."""


class NotFoundError(APIError):
    """404: there is no such decision, or not for this API key."""


class ConflictError(APIError):
    """409: the decision's state does not allow this, for example because it is settled."""

    decision: Decision | None = None
    """The decision as it stands, if the service sent it."""


class GoneError(APIError):
    """410: the record is no longer kept. To ask again, use another `idempotency_key`."""


class ContentTooLargeError(APIError):
    """413: the request or the file is larger than the limit."""


class InvalidRequestError(APIError):
    """422: a field is wrong. `fields` names each, with what is wrong with it."""


class RateLimitError(APIError):
    """429: too many requests, more than people can be told (`code` is `messages_behind`), or the
    key's decisions of the month are used up (`quota_exceeded`)."""


class ServiceError(APIError):
    """5xx: the service, or something in front of it, failed."""


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: ContentTooLargeError,
    422: InvalidRequestError,
    429: RateLimitError,
}


def error_class(status: int) -> type[APIError]:
    """Return the class for an HTTP status."""
    return _BY_STATUS.get(status, ServiceError if status >= 500 else APIError)


class ProofError(HandoverError):
    """The decision is not proven. The message says what does not hold."""


class WebhookVerificationError(HandoverError):
    """The request is no callback of the service, or a very old one. Answer it with 400."""


class WaitTimeoutError(HandoverError, TimeoutError):
    """We stopped waiting. This says nothing about the decision, which goes on without us."""

    def __init__(self, decision_id: str, timeout: float, told: str = "") -> None:
        super().__init__(decision_id, timeout)  # a third would be the file name of an OSError
        self.decision_id = decision_id
        self.timeout = timeout
        self._told = told

    def __str__(self) -> str:
        return self._told or (
            f"Not settled after {self.timeout:g} s. The decision is still open:"
            f" client.decisions.wait({self.decision_id!r}) goes on waiting for it."
        )


class ActionDenied(HandoverError):  # noqa: N818 - the contract's name: a verdict, not a failure
    """The action must not run. `decision` says who decided, and their notes."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)
        self.decision = decision

    def __str__(self) -> str:
        decision = self.decision
        return f"{_quoted(decision.action)} must not run: {_reason(decision)} [{decision.id}]"


class DecisionExpired(ActionDenied):
    """Nobody answered in time, so the service denied."""


class DecisionCancelled(ActionDenied):
    """The agent withdrew its question, or an operator stopped the decision."""


class AlreadyClaimed(ActionDenied):
    """A permitted action runs once, and somebody else runs it, or has run it:
    `decision.execution` says who, since when, and how it ended."""

    def __str__(self) -> str:
        return f"{_quoted(self.decision.action)} must not run: {_claim(self.decision)}"


class ArgumentsRefused(ActionDenied):
    """The permitted arguments do not fit the function; `reason` says why."""

    def __init__(self, decision: Decision, reason: str) -> None:
        super().__init__(decision)
        self.args = (decision, reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{_quoted(self.decision.action)} must not run: {self.reason} [{self.decision.id}]"


def denial(decision: Decision) -> ActionDenied:
    """Return the error for a decision that does not permit its action."""
    if decision.reading and decision.reading.unfit:
        return ArgumentsRefused(decision, decision.reading.unfit)
    match decision.status:
        case Status.EXPIRED:
            return DecisionExpired(decision)
        case Status.CANCELLED:
            return DecisionCancelled(decision)
        case _:
            return ActionDenied(decision)


def _reason(decision: Decision) -> str:
    who = decision.resolved_by or "the service"
    match decision.status:
        case Status.DENIED:
            return f"denied by {who}" + _notes(decision)
        case Status.EXPIRED:
            return f"nobody answered before {decision.expires_at:%Y-%m-%d %H:%M:%S %Z}".rstrip()
        case Status.CANCELLED:
            agent = decision.origin == Origin.AGENT
            told = "withdrawn by the agent" if agent else "stopped by an operator"
            return told + _notes(decision)
        case Status.MODIFIED:
            return f"{who} changed it in words, which nothing can run" + _change(decision)
        case Status.SCHEDULED:
            return f"{who} permitted it from {decision.execute_at} on"
        case Status.PENDING:
            return "nobody has decided yet"
        case Status.APPROVED:
            return "the service does not say that it is permitted"
        case unknown:
            return f"this version of handover does not know the status {unknown!r}"


def _claim(decision: Decision) -> str:
    execution = decision.execution
    if execution is None:
        return f"it was claimed before [{decision.id}]"
    worker = f" ({execution.worker})" if execution.worker else ""
    ends: dict[str, str] = {
        ExecutionStatus.CLAIMED: "who has not said how that ended",
        ExecutionStatus.SUCCEEDED: "and has succeeded",
        ExecutionStatus.FAILED: "and has failed",
    }
    return (
        f"it was claimed by {execution.claimed_by}{worker} at"
        f" {execution.claimed_at:%Y-%m-%d %H:%M:%S %Z},"
        f" {ends.get(execution.status, execution.status)} [{decision.id}]"
    )


def _change(decision: Decision) -> str:
    action = (decision.response_data or {}).get("action")
    return f": {_quoted(str(action))}" if action else _notes(decision)


def _notes(decision: Decision) -> str:
    return f": {_quoted(decision.response_notes)}" if decision.response_notes else ""


def _quoted(text: str) -> str:
    return '"' + shorten(text, 200, placeholder="…") + '"'
