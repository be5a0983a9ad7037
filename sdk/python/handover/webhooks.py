"""Callbacks to a decision's `callback_url`, verified.

They follow the Standard Webhooks (standardwebhooks.com).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pydantic import AliasPath, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ._expected import Expected
from .exceptions import ConfigurationError, WebhookVerificationError, WrongAnswerError
from .models import Decision, Status

SHORTEST_SECRET = 24
"""Bytes of a secret, as the Standard Webhooks require. Anybody can sign with an empty one."""


class CallbackEvent(BaseModel):
    """The content of one callback.

    `id` is the same whenever the service sends this callback again: act on it once. `type` is
    `decision.` and a status, `timestamp` when the decision ended in it.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    type: str
    timestamp: AwareDatetime
    decision: Decision


class Headers(Protocol):
    """A request's headers, as any framework has them: their names with their values."""

    def items(self) -> Iterable[tuple[str, str]]: ...


Asked = Callable[[Decision], Mapping[str, Any] | None]


class _Body(BaseModel):
    type: str
    timestamp: AwareDatetime
    decision: Decision = Field(validation_alias=AliasPath("data"))


def verify(
    body: bytes,
    headers: Headers,
    secret: str | Sequence[str],
    *,
    tolerance: float = 300,
    asked: Asked | None = None,
) -> CallbackEvent:
    """Return the event of a request, if it is a callback that the service has just sent.

    `body` is the request's own bytes, not JSON that was read and written again. `secret` begins
    with `whsec_`; with several, a callback signed with any one is good. It may have been sent
    `tolerance` seconds ago, or ahead of this machine's clock.

    `asked` is called with the decision (found by its `id`, its `idempotency_key` or its `metadata`)
    and returns your question, with the names that `create` takes, or None if this program did not
    ask it. Action, payload and approver have to match the decision's.

    Raises `WebhookVerificationError` for everything else, `WrongAnswerError` for a decision about
    another question, and `ConfigurationError` for a bad secret.
    """
    keys = [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise ConfigurationError("secret: at least one is needed to verify callbacks with")
    named = {name.lower(): value for name, value in headers.items()}
    id, sent_at = _header(named, "webhook-id"), _header(named, "webhook-timestamp")
    signatures = _header(named, "webhook-signature")
    _check_time(sent_at, tolerance)
    signed = b".".join([id.encode(), sent_at.encode(), body])
    if not _is_signed(signed, signatures, keys):
        raise WebhookVerificationError("None of its signatures is by one of the secrets.")
    event = _read(id, body)
    if asked:
        _check_asked(event.decision, asked(event.decision))
    return event


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < SHORTEST_SECRET:
        raise ConfigurationError(
            "secret: a callback's secret is 'whsec_' and base64, as POST /auth/callback-secret"
            " shows it"
        )
    return key


def _header(headers: Mapping[str, str], name: str) -> str:
    if value := headers.get(name):
        return value
    raise WebhookVerificationError(f"It has no {name}, which every callback has.")


def _check_time(sent_at: str, tolerance: float) -> None:
    if not (sent_at.isascii() and sent_at.isdecimal() and len(sent_at) <= 12):
        raise WebhookVerificationError("Its webhook-timestamp is no number of seconds.")
    age = time.time() - int(sent_at)
    if abs(age) > tolerance:
        when = f"{age:.0f} s ago" if age > 0 else f"{-age:.0f} s ahead of this machine's clock"
        raise WebhookVerificationError(f"It was sent {when}; {tolerance:g} s are tolerated.")


def _is_signed(signed: bytes, signatures: str, keys: Sequence[bytes]) -> bool:
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys]
    return any(
        hmac.compare_digest(given, right) for given in _given(signatures) for right in expected
    )


def _given(signatures: str) -> Iterator[bytes]:
    for signature in signatures.split():
        version, _, value = signature.partition(",")
        if version == "v1":
            yield value.encode()


def _check_asked(decision: Decision, request: Mapping[str, Any] | None) -> None:
    if request is None:
        raise WrongAnswerError("id", decision.id)
    Expected(asked=request).check(decision)


def _read(id: str, body: bytes) -> CallbackEvent:
    try:
        read = _Body.model_validate_json(body)
    except ValidationError as error:
        raise WebhookVerificationError(
            f"It is signed, but what it says is no callback of Handover's: {error}"
        ) from error
    told = read.type.removeprefix("decision.")
    if told in list(Status) and told != read.decision.status:
        raise WebhookVerificationError(
            f"It says {read.type!r} of a decision that is {str(read.decision.status)!r}."
        )
    return CallbackEvent(id=id, type=read.type, timestamp=read.timestamp, decision=read.decision)
