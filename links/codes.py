"""The six digits that an approver types besides pressing a button.

A code is kept nowhere: it follows from its name and a key that only we have. So the worker that
mails it, a retry that mails it again and the API that is told it all know the same one, and neither
Temporal nor the store does.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Sequence

PURPOSE = "handover.code"
DIGITS = 6

MINUS = "\u2212"
UNSEEN = ("Cf", "Pd")
"""Categories of what pasting brings along: characters that nobody sees, and dashes."""

_BETWEEN = rf"[\s\p{{{UNSEEN[0]}}}\p{{{UNSEEN[1]}}}{MINUS}]*"


class Codes:
    """Makes codes with the first key, and knows those of all."""

    LONGEST = 40
    """Characters of what somebody types: what is longer is no code."""

    PATTERN = rf"{_BETWEEN}(?:\p{{Nd}}{_BETWEEN}){{{DIGITS}}}"
    """What `read_code` finds a code in, in JavaScript's spelling: a field takes the same."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(keys)

    def of(self, code_id: str) -> str:
        """The code of this name: six digits."""
        return _code(self._keys[0], code_id)

    def holds(self, typed: str, code_id: str) -> bool:
        """Whether somebody typed this code, or pasted it."""
        given = read_code(typed).encode()
        codes = [_code(key, code_id).encode() for key in self._keys]
        return any(hmac.compare_digest(code, given) for code in codes)


def read_code(typed: str) -> str:
    """The digits of what was typed, as ASCII has them, whatever the keyboard or the mail program
    made of them; other characters than blanks, dashes and digits stay, and make it no code."""
    if len(typed) > Codes.LONGEST:
        return ""
    return "".join(_digit(each) for each in typed if not _is_between(each))


def _digit(character: str) -> str:
    return str(unicodedata.decimal(character, character))


def _is_between(character: str) -> bool:
    is_unseen = unicodedata.category(character) in UNSEEN
    return character.isspace() or character == MINUS or is_unseen


def _code(key: str, code_id: str) -> str:
    """RFC 4226, section 5.3, with SHA-256 over a name instead of a counter."""
    digest = hmac.digest(key.encode(), f"{PURPOSE}\n{code_id}".encode(), hashlib.sha256)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"
