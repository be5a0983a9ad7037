"""Keys that this process was never told of: what they have signed or encrypted is not judged here.

A process that took such a key for a forger's would call the decisions of another process, which has
other settings, cancelled. So whoever reads says which key it is, and waits to be told of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from temporalio.api.common.v1 import Payload

MARK = "unknown-encryption-key"
"""Metadata of a payload that could not be decrypted for want of the key that it names."""

ID = re.compile(r"[0-9a-f]{16}")
"""The ids of our signing and encryption keys. What has another one was made by nobody of ours."""


class UnknownKeyError(Exception):
    """The key is neither known nor revoked here. `key_id` is its id; what to do is in the text."""

    def __init__(self, key_id: str, *, what: str, setting: str) -> None:
        self.key_id = key_id
        super().__init__(
            f"This decision is {what} with the key {key_id}, which this process does not know. An"
            f" operator has to put it into {setting} of every process, or its id into"
            " HANDOVER_REVOKED_KEYS where it is to count no more."
        )

    @classmethod
    def of_signature(cls, key_id: str) -> UnknownKeyError:
        return cls(key_id, what="signed", setting="HANDOVER_VERIFY_KEYS")

    @classmethod
    def of_encryption(cls, key_id: str) -> UnknownKeyError:
        return cls(key_id, what="encrypted", setting="HANDOVER_ENCRYPTION_KEYS")


def encrypted_with(payloads: Iterable[Payload]) -> UnknownKeyError | None:
    """Return an error that names the key it takes to read them, if that is not known here."""
    marks = (payload.metadata.get(MARK) for payload in payloads)
    found = next((mark.decode() for mark in marks if mark), None)
    return UnknownKeyError.of_encryption(found) if found else None
