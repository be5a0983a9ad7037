"""The only place that signs."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from copy import copy
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handover.models import Signature
from workflows import proof
from workflows.messages import DecisionInput
from workflows.statements import Signed, Statement

S = TypeVar("S", bound=Signed)


class NoKeyError(Exception):
    """The decision knows none of the signing keys. `known` are the ids of those it does know: the
    service signed with them when the decision was made."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = sorted(known)
        super().__init__(
            "This decision was asked under signing keys that the service no longer signs with."
            " An operator has to put one of them back into HANDOVER_SIGNING_KEYS, behind the"
            f" newest, until it is over; their ids: {', '.join(self.known)}."
        )


class Signer:
    """Signs with the first of its keys and vouches for all of them, and for `verify_keys`.

    `signing_keys` are Ed25519 seeds, the newest first; `verify_keys` public keys; all in base64.
    """

    def __init__(self, signing_keys: Sequence[str], verify_keys: Sequence[str] = ()) -> None:
        private = [Ed25519PrivateKey.from_private_bytes(base64.b64decode(k)) for k in signing_keys]
        public = [base64.b64encode(k.public_key().public_bytes_raw()).decode() for k in private]
        self._keys = dict(zip(map(proof.key_id, public), private, strict=True))
        self._key_id = next(iter(self._keys))
        self.keyring = proof.keyring([*public, *verify_keys])

    def known_to(self, keyring: proof.Keyring) -> Signer:
        """Return a signer with the newest key that is in this ring: for a decision that was made
        before the newest of all was there. Raises `NoKeyError`."""
        known = proof.believed(keyring, self.keyring)
        signer = copy(self)
        try:
            signer._key_id = next(name for name in self._keys if name in known)
        except StopIteration:
            raise NoKeyError(keyring) from None
        return signer

    def seal(self, input: DecisionInput) -> DecisionInput:
        recorded = input.model_dump(mode="json", exclude={"seal"})
        return input.model_copy(update={"seal": self._sign(proof.seal_statement(recorded))})

    def sign(self, statement: Statement, kind: type[S]) -> S:
        """Sign the statement as its signed `kind`."""
        signature = self._sign(statement.to_sign())
        return kind(**statement.model_dump(), signature=signature)

    def _sign(self, statement: bytes) -> Signature:
        value = base64.b64encode(self._keys[self._key_id].sign(statement)).decode()
        return Signature(key_id=self._key_id, value=value)
