"""Proofs of who said it: statements that the API signs, and how the service verifies them.

Nothing here can sign. What a statement is, and the one about an answer, stand in `handover.proof`,
with which agents and auditors verify without the service.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload

import handover.proof as said
from handover.models import Proof, Signature
from handover.proof import Keyring, request_digest, statement
from workflows.messages import DecisionInput
from workflows.statements import (
    Signed,
    SignedResponse,
)
from workflows.unknown_keys import ID, UnknownKeyError

__all__ = [
    "Keyring",
    "UnprovenError",
    "believed",
    "claimed_input",
    "holds",
    "key_id",
    "keyring",
    "proof_of",
    "request_digest",
    "seal_statement",
    "sealed_input",
    "verified",
]


class UnprovenError(Exception):
    """A decision's input that this service did not seal."""


def key_id(public_key: str) -> str:
    """Return the short name of a public key (base64): the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(base64.b64decode(public_key)).hexdigest()[:16]


def keyring(public_keys: Iterable[str]) -> dict[str, str]:
    """Return public keys (base64) by their names."""
    return {key_id(key): key for key in public_keys}


def believed(claimed: Keyring, ours: Keyring) -> dict[str, str]:
    """Return the keys of one ring that are in the other too."""
    return {name: key for name, key in claimed.items() if ours.get(name) == key}


def seal_statement(sealed: Mapping[str, Any]) -> bytes:
    """Return the bytes of the whole input, as it stands in the history, but for the seal itself."""
    return statement("input", {name: part for name, part in sealed.items() if name != "seal"})


def proof_of(response: SignedResponse) -> Proof:
    """Return what lets others verify this answer, who have the decision but not its history."""
    signed = response.model_dump(include=set(Proof.model_fields))
    return Proof.model_validate(signed | {"data_digest": response.data_digest})


def verified(signed: Signed, keyring: Keyring) -> bool:
    """Return whether a key of this ring signed what it says."""
    return holds(signed.to_sign(), signed.signature, keyring)


def holds(statement: bytes, signature: Signature, keyring: Keyring) -> bool:
    """Return whether a key of this ring signed the statement."""
    # The library imports its exceptions when it first raises one. Inside the sandbox that would
    # load it a second time, which its native part answers by aborting the process.
    with workflow.unsafe.imports_passed_through():
        return said.holds(statement, signature, keyring)


def sealed_input(
    payloads: Sequence[Payload], keyring: Keyring, revoked: Collection[str] = ()
) -> DecisionInput:
    """Read the input of a decision from the arguments in the history's first event.

    Verified over the recorded JSON and not over the parsed object, so that a later version with
    more fields still verifies it. Raises `UnprovenError`, and `UnknownKeyError` for a seal of a key
    that is neither in the ring nor `revoked`.
    """
    input = claimed_input(payloads)
    if input is None:
        raise UnprovenError("the workflow was not started with a decision")
    sealed_by = input.seal.key_id if input.seal else ""
    if ID.fullmatch(sealed_by) and sealed_by not in keyring and sealed_by not in revoked:
        raise UnknownKeyError.of_signature(sealed_by)
    try:
        statement = seal_statement(json.loads(payloads[0].data))
    except (ValueError, RecursionError) as error:
        raise UnprovenError("the decision has no canonical form") from error
    if input.seal is None or not holds(statement, input.seal, keyring):
        raise UnprovenError("the decision was not sealed by this service")
    return input


def claimed_input(payloads: Sequence[Payload]) -> DecisionInput | None:
    """Read the input that a workflow claims, proven or not; None for no decision."""
    try:
        return DecisionInput.model_validate_json(payloads[0].data)
    except (ValueError, IndexError):
        return None
