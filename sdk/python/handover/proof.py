"""The service's signed statements about a decision, and how anybody verifies them without the
service.

A statement is canonical JSON (RFC 8785) behind the name of its purpose, so that a signature for one
purpose never passes for another. The service makes its own statements with this module. It needs
`handover-sdk[verify]`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from pydantic_core import to_jsonable_python

from ._wire import (
    Attachment,
    Choice,
    DecisionRequest,
    Origin,
    Proof,
    PublicKeys,
    Signature,
    Status,
    is_permitted,
)
from .addresses import one_form
from .exceptions import ConfigurationError, ProofError

if TYPE_CHECKING:
    from .models import Decision

try:
    import rfc8785
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ModuleNotFoundError as error:
    raise ConfigurationError(
        f"Verifying takes {error.name}, which is not installed: pip install 'handover-sdk[verify]'"
    ) from error

Keyring = Mapping[str, str]
"""Ed25519 public keys (base64) by key id."""

PURPOSES = {Origin.HUMAN: "response", Origin.OPERATOR: "operator-response"}
"""Purposes of the statement of an answer, by its origin. Answers of other origins are not
signed."""

STATUSES = {
    Choice.APPROVE: (Status.APPROVED, Status.SCHEDULED),
    Choice.DENY: (Status.DENIED,),
    Choice.MODIFY: (Status.MODIFIED,),
}
SPELLINGS = {"text": "text_input", "number": "number_input"}
MAX_INTEGER = 2**53 - 1


class SignedAnswer(Protocol):
    """The content of a statement about an answer, besides the digest of its notes and data."""

    @property
    def decision_id(self) -> str: ...
    @property
    def run_id(self) -> str: ...
    @property
    def request_digest(self) -> str: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def approver(self) -> str: ...
    @property
    def choice(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def step_up(self) -> str | None: ...


def dumps(value: Any) -> bytes:
    """Write JSON in the one form in which it is signed and compared.

    Raises `ValueError` for a value without such a form: integers beyond ±(2^53 - 1), NaN,
    infinities, lone surrogates.
    """
    return rfc8785.dumps(value)


def digest(value: Any) -> str:
    """Return the SHA-256 (hex) of a JSON value. Raises `ValueError` as `dumps` does."""
    return hashlib.sha256(dumps(value)).hexdigest()


def request_digest(request: DecisionRequest) -> str:
    """Return the digest of the question that an approver answers.

    It leaves out defaults, so that a field of a later version does not change the digest of the
    same words.
    """
    return digest(request.model_dump(mode="json", exclude_defaults=True))


def shown_digest(request_digest: str, attachments: Iterable[Attachment]) -> str:
    """Return the digest of all that an approver is shown: the request, and the files if there are
    any."""
    files = [each.model_dump(mode="json") for each in attachments]
    return digest({"request": request_digest, "attachments": files}) if files else request_digest


def payload_digest(decision: Decision) -> str | None:
    """Return the digest of the payload that may run, or may come to run: the changed one once there
    is one."""
    payload: object = decision.payload
    if decision.status == Status.MODIFIED:
        payload = (decision.response_data or {}).get("payload")
    return None if payload is None else digest(_plain_json(payload))


def data_digest(notes: str | None, data: Mapping[str, Any] | None, stored: Keyring) -> str:
    """Return the digest of an answer's notes and data. A `stored` part goes in by its own digest,
    and is None here."""
    given: dict[str, Any] = {"notes": notes, "data": data}
    return digest(given | {"stored": dict(stored)} if stored else given)


def response_statement(said: SignedAnswer, data_digest: str) -> bytes:
    """Return the signed text of an answer. Raises `ValueError` for one that is nobody's.

    The data go in as a digest, so that a proof can still be checked after the data were erased.
    """
    purpose = PURPOSES.get(Origin(said.origin))
    if purpose is None:
        raise ValueError(f"an answer of the origin {said.origin!r} is not signed")
    return statement(
        purpose,
        {
            "decision_id": said.decision_id,
            "run_id": said.run_id,
            "request_digest": said.request_digest,
            "received_at": said.received_at.astimezone(UTC).isoformat(),
            "approver": said.approver,
            "choice": said.choice,
            "data_digest": data_digest,
            **({} if said.step_up is None else {"step_up": said.step_up}),
        },
    )


def statement(purpose: str, content: Mapping[str, Any]) -> bytes:
    return f"handover/{purpose}/v1\n".encode() + dumps(dict(content))


def holds(statement: bytes, signature: Signature, keyring: Keyring) -> bool:
    """Return whether a key of this ring signed the statement."""
    public_key = keyring.get(signature.key_id)
    return public_key is not None and _verifies(public_key, signature.value, statement)


@lru_cache(maxsize=4096)  # the same decisions are read again and again
def _verifies(public_key: str, signature: str, statement: bytes) -> bool:
    try:
        value = base64.b64decode(signature, validate=True)
        if base64.b64encode(value).decode() != signature:
            return False  # its last character has bits that mean nothing: one signature, one text
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(value, statement)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def keyring(keys: PublicKeys | Mapping[str, Any]) -> dict[str, str]:
    """Return the Ed25519 keys among published ones, by their names. Raises `ValueError`."""
    return {
        key.kid: base64.b64encode(_bytes_of(key.x)).decode()
        for key in PublicKeys.model_validate(keys).keys
        if (key.kty, key.crv) == ("OKP", "Ed25519") and key.x
    }


def _bytes_of(x: str) -> bytes:
    return base64.b64decode(x + "=" * (-len(x) % 4), altchars=b"-_", validate=True)


def verify(
    decision: Decision,
    keys: PublicKeys | Mapping[str, Any],
    request: DecisionRequest | Mapping[str, Any] | None = None,
) -> None:
    """Verify a decision, as `Decision.verify` does."""
    if decision.proof is None:
        raise ProofError(_nothing_to_prove(decision))
    try:
        believed = keyring(keys)
    except ValueError as error:
        raise ProofError("keys: this is no set of public keys.") from error
    try:
        why = _complaint(decision, decision.proof, believed, request)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ProofError(f"It cannot be what was signed: {error}") from error
    if why:
        raise ProofError(why)


def _nothing_to_prove(decision: Decision) -> str:
    match decision.status:
        case Status.EXPIRED | Status.CANCELLED | Status.DENIED:
            # Operators may deny past the service, with their name and without a signature.
            return (
                f"Nothing to prove: no signed answer made the decision {decision.status},"
                " and it permits nothing."
            )
        case Status.PENDING:
            return "Nothing to prove: nobody has decided yet."
        case _ if decision.origin == Origin.DEV:
            return "Nothing to prove: dev_mode approved it, and nobody was asked."
        case _:
            return f"The decision says {decision.status}, and has no proof of it."


def _complaint(
    decision: Decision,
    proof: Proof,
    keyring: Keyring,
    request: DecisionRequest | Mapping[str, Any] | None,
) -> str | None:
    told = _as_json(decision)
    asked = DecisionRequest.model_validate(
        {name: told[name] for name in DecisionRequest.model_fields if name in told}
    )
    return (
        _about_the_signature(proof, keyring)
        or _about_the_answer(decision, proof)
        or _about_the_data(told, proof)
        or _about_the_question(decision, proof, asked)
        or _about_the_status(decision, proof)
        or _about_the_digests(decision, asked)
        or _about_the_permission(decision, datetime.now(UTC))
        or (_about_your_request(asked, request) if request is not None else None)
    )


def _as_json(decision: Decision) -> dict[str, Any]:
    return _plain_json(decision.model_dump())


def _plain_json(value: object) -> Any:
    """Return a value with the numbers of JSON. Raises `ValueError` for others, NaN for example."""
    text = json.dumps(value, allow_nan=False, default=to_jsonable_python)
    return json.loads(text, parse_int=integer)


def integer(text: str) -> int | float:
    """Read a large integer, which is how canonical JSON, and every JavaScript, writes a large
    float: the digits that distinguish it, followed by zeros. Any other large integer is refused."""
    number = int(text)
    if abs(number) <= MAX_INTEGER:
        return number
    nearest = float(number)
    if dumps(nearest).decode() != text:
        raise ValueError(f"{text} is no number of JSON")
    return nearest


def _about_the_signature(proof: Proof, keyring: Keyring) -> str | None:
    if proof.signature.key_id not in keyring:
        return f"signature: the key {proof.signature.key_id!r} is not among the published ones."
    if proof.origin not in PURPOSES:
        return f"origin: {proof.origin} is nobody who answers."
    if not holds(response_statement(proof, proof.data_digest), proof.signature, keyring):
        return "signature: it is not of this answer."
    return None


def _about_the_answer(decision: Decision, proof: Proof) -> str | None:
    if proof.decision_id != decision.id:
        return f"id: the answer is to the decision {proof.decision_id}."
    if (decision.origin, decision.resolved_by) != (proof.origin, proof.approver):
        return f"resolved_by: it was answered by {proof.approver} ({proof.origin})."
    if decision.resolved_at != proof.received_at:
        return f"resolved_at: the answer came at {proof.received_at}."
    if proof.received_at > decision.expires_at:
        return "expires_at: the answer came after it."
    return None


def _about_the_data(told: Mapping[str, Any], proof: Proof) -> str | None:
    given = {"notes": told["response_notes"], "data": told["response_data"]}
    for name, stored in proof.stored.items():
        if name not in given or digest(given[name]) != stored:
            return f"response_{name}: not what was sent with the answer."
        given[name] = None
    if data_digest(given["notes"], given["data"], proof.stored) != proof.data_digest:
        return "response_notes, response_data: not what was sent with the answer."
    return None


def _about_the_question(decision: Decision, proof: Proof, asked: DecisionRequest) -> str | None:
    if shown_digest(request_digest(asked), decision.attachments) != proof.request_digest:
        return (
            "action, payload, context …: the answer was given to another question. (A service that"
            " is newer than this package may have asked more than the package knows.)"
        )
    people = {*asked.approvers, *(a for step in asked.escalation for a in step.approvers)}
    if proof.origin == Origin.HUMAN and proof.approver not in people:
        return f"resolved_by: {proof.approver} is none of the approvers."
    return None


def _about_the_status(decision: Decision, proof: Proof) -> str | None:
    """Check that the status follows from the choice; an approval may be for later."""
    moment = _execute_at(decision) if proof.choice == Choice.APPROVE else None
    statuses = STATUSES.get(Choice(proof.choice), ())
    if decision.status != statuses[-1 if moment else 0]:
        return f"status: {decision.status} is not what follows from the choice {proof.choice!r}."
    if decision.execute_at != moment:
        return f"execute_at: the answer says {moment or 'nothing of a time'}."
    if decision.unreachable:
        return "unreachable: once it is answered, nobody is waited for."
    if decision.stalled is not None:
        return "stalled: once it is answered, nothing is waited for."
    return None


def _about_the_digests(decision: Decision, asked: DecisionRequest) -> str | None:
    """Check the digests beside their content, since an auditor may keep only them."""
    if decision.payload_digest != payload_digest(decision):
        return "payload_digest: it is not that of the payload."
    if decision.request_digest not in (None, request_digest(asked)):
        return "request_digest: it is not that of what was asked."
    return None


def _execute_at(decision: Decision) -> datetime | None:
    moment = (decision.response_data or {}).get("execute_at")
    if decision.response_type.type != "schedule" or moment is None:
        return None
    return datetime.fromisoformat(moment)


def _about_the_permission(decision: Decision, now: datetime) -> str | None:
    if decision.approved != (decision.status == Status.APPROVED):
        return f"approved: {decision.approved} does not go with the status {decision.status}."
    changed = (decision.response_data or {}).get("payload")
    permitted = is_permitted(
        decision.status,
        has_payload=decision.payload is not None and isinstance(changed, dict),
        execute_at=decision.execute_at,
        now=now,
    )
    told = decision.action_permitted
    has_come = decision.status == Status.SCHEDULED and permitted and told is False
    if told is None or told == permitted or has_come:
        return None
    return f"action_permitted: {told} does not go with the status {decision.status}."


def _about_your_request(
    asked: DecisionRequest, request: DecisionRequest | Mapping[str, Any]
) -> str | None:
    if isinstance(request, DecisionRequest):
        request = request.model_dump(mode="json", exclude_unset=True)
    given = {name: part for name, part in request.items() if part is not None}
    sent = _plain_json(to_jsonable_python(given))
    theirs = _comparable(asked)
    mine = _comparable(DecisionRequest.model_validate(asked.model_dump(mode="json") | sent))
    for name in sorted(sent):
        if name not in theirs or dumps(mine[name]) != dumps(theirs[name]):
            return f"{name}: not what you asked."
    return None


def _comparable(request: DecisionRequest) -> dict[str, Any]:
    """Return a request without the service's own spellings: the case of addresses, names of
    types."""
    told = request.model_dump(mode="json")
    told["approver"] = [one_form(address) for address in request.approvers]
    told["escalation"] = [
        [step.after_minutes, [one_form(address) for address in step.approvers]]
        for step in request.escalation
    ]
    told["channel"] = [[step.channel, step.after_minutes] for step in request.channels]
    type = request.response_type.type
    told["response_type"]["type"] = SPELLINGS.get(type, type)
    return told
