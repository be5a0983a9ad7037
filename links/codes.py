"""The six digits that an approver types besides pressing a button.

A code is kept nowhere: it follows from its name and a key that only we have. So the worker that
mails it, a retry that mails it again and the API that is told it all know the same one, and neither
Temporal nor the store does.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

PURPOSE = "handover.code"
DIGITS = 6


class Codes:
    """Makes codes with the first key, and knows those of all."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(keys)

    def of(self, code_id: str) -> str:
        """The code of this name: six digits."""
        return _code(self._keys[0], code_id)

    def holds(self, typed: str, code_id: str) -> bool:
        """Whether somebody typed this code; spaces and dashes between the digits are theirs."""
        given = re.sub(r"[\s-]", "", typed).encode()
        codes = [_code(key, code_id).encode() for key in self._keys]
        return any(hmac.compare_digest(code, given) for code in codes)


def _code(key: str, code_id: str) -> str:
    """RFC 4226, section 5.3, with SHA-256 over a name instead of a counter."""
    digest = hmac.digest(key.encode(), f"{PURPOSE}\n{code_id}".encode(), hashlib.sha256)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"
