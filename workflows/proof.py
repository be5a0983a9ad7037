"""Who said it: the statements that the API signs, and how everybody else verifies them.

Nothing here can sign. A statement is canonical JSON (RFC 8785) behind the name of its purpose, so
that a signature given for one purpose never passes for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from temporalio import workflow
from temporalio.api.common.v1 import Payload

from handover.models import DecisionRequest, Origin
from workflows.canonical import digest, dumps
from workflows.messages import (
    Addition,
    DecisionInput,
    Extension,
    Response,
    Signature,
    Statement,
    Withdrawal,
)

Keyring = Mapping[str, str]
"""Key id to Ed25519 public key (base64)."""


class UnprovenError(Exception):
    """A decision's input that this service did not seal."""


def request_digest(request: DecisionRequest) -> str:
    """What an approver's answer is an answer to.

    Without defaults: a field that a later version adds leaves the digest of the same words alone.
    """
    return digest(request.model_dump(mode="json", exclude_defaults=True))


def key_id(public_key: str) -> str:
    """The short name of a public key (base64): the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:16]


def keyring(public_keys: Iterable[str]) -> dict[str, str]:
    """Public keys (base64) by their names."""
    return {key_id(key): key for key in public_keys}


def seal_statement(sealed: Mapping[str, Any]) -> bytes:
    """The whole input, as it stands in the history, but for the seal itself."""
    return _statement("input", {name: part for name, part in sealed.items() if name != "seal"})


def response_statement(response: Response) -> bytes:
    """The data goes in as a digest, so that a proof stays checkable where the data was erased."""
    given: dict[str, Any] = {"notes": response.notes, "data": response.data}
    if response.stored:
        given["stored"] = response.stored
    return _statement(
        "operator-response" if response.origin == Origin.OPERATOR else "response",
        {
            **_about(response),
            "approver": response.approver,
            "choice": response.choice,
            "data_digest": digest(given),
        },
    )


def withdrawal_statement(withdrawal: Withdrawal) -> bytes:
    return _statement(
        "withdrawal",
        {**_about(withdrawal), "agent": withdrawal.agent, "notes": withdrawal.notes},
    )


def extension_statement(extension: Extension) -> bytes:
    return _statement(
        "extension",
        {
            **_about(extension),
            "agent": extension.agent,
            "expires_at": extension.expires_at.isoformat(),
        },
    )


def addition_statement(addition: Addition) -> bytes:
    return _statement(
        "addition",
        {
            **_about(addition),
            "agent": addition.agent,
            "attachment": addition.attachment.model_dump(mode="json"),
        },
    )


def holds(statement: bytes, signature: Signature, keyring: Keyring) -> bool:
    """Whether a key of this ring signed the statement."""
    public_key = keyring.get(signature.key_id)
    return public_key is not None and _verifies(public_key, signature.value, statement)


@lru_cache(maxsize=4096)  # the same decisions are read again and again
def _verifies(public_key: str, signature: str, statement: bytes) -> bool:
    try:
        # The library imports its exceptions when it first raises one. Inside the sandbox that would
        # load it a second time, which its native part answers by aborting the process.
        with workflow.unsafe.imports_passed_through():
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
            key.verify(base64.b64decode(signature), statement)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def sealed_input(payloads: Sequence[Payload], keyring: Keyring) -> DecisionInput:
    """The input of a decision, from the arguments in the history's first event.

    Verified over the recorded JSON and not over the parsed object, so that a later version with
    more fields still verifies it. Raises `UnprovenError`.
    """
    input = claimed_input(payloads)
    if input is None:
        raise UnprovenError("the workflow was not started with a decision")
    try:
        statement = seal_statement(json.loads(payloads[0].data))
    except (ValueError, RecursionError) as error:
        raise UnprovenError("the decision has no canonical form") from error
    if input.seal is None or not holds(statement, input.seal, keyring):
        raise UnprovenError("the decision was not sealed by this service")
    return input


def claimed_input(payloads: Sequence[Payload]) -> DecisionInput | None:
    """What a workflow says that it was started with, proven or not; None for no decision."""
    try:
        return DecisionInput.model_validate_json(payloads[0].data)
    except (ValueError, IndexError):
        return None


def _about(statement: Statement) -> dict[str, str]:
    return {
        "decision_id": statement.decision_id,
        "run_id": statement.run_id,
        "request_digest": statement.request_digest,
        "received_at": statement.received_at.isoformat(),
    }


def _statement(purpose: str, content: Mapping[str, Any]) -> bytes:
    return f"handover/{purpose}/v1\n".encode() + dumps(dict(content))
