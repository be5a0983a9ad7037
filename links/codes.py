"""The six digits that an approver types besides pressing a button.

A code is stored nowhere: it follows from its name and a key that only we have. So the worker that
mails it, a retry that mails it again and the API that checks it all derive the same one, and
neither Temporal nor the store has it.
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
"""Categories of characters that pasting brings along: invisible ones, and dashes."""

_BETWEEN = rf"[\s\p{{{UNSEEN[0]}}}\p{{{UNSEEN[1]}}}{MINUS}]*"


class Codes:
    """Makes codes with the first key, and knows those of all."""

    LONGEST = 40
    """Characters of a typed code; a longer text is no code."""

    PATTERN = rf"{_BETWEEN}(?:\p{{Nd}}{_BETWEEN}){{{DIGITS}}}"
    """The pattern in which `read_code` finds a code, in JavaScript's spelling for the field of a
    form."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(keys)

    def of(self, code_id: str) -> str:
        """Return the code of this name: six digits."""
        return _code(self._keys[0], code_id)

    def holds(self, typed: str, code_id: str) -> bool:
        """Return whether somebody typed or pasted this code."""
        given = read_code(typed).encode()
        codes = [_code(key, code_id).encode() for key in self._keys]
        return any(hmac.compare_digest(code, given) for code in codes)


def read_code(typed: str) -> str:
    """Return the typed digits in ASCII, whatever the keyboard or the mail program made of them.
    Characters other than blanks, dashes and digits stay, and so make it no code."""
    if len(typed) > Codes.LONGEST:
        return ""
    return "".join(_digit(each) for each in typed if not _is_between(each))


def _digit(character: str) -> str:
    return str(unicodedata.decimal(character, character))


def _is_between(character: str) -> bool:
    is_unseen = unicodedata.category(character) in UNSEEN
    return character.isspace() or character == MINUS or is_unseen


def _code(key: str, code_id: str) -> str:
    """Compute RFC 4226, section 5.3, with SHA-256 over a name instead of a counter."""
    digest = hmac.digest(key.encode(), f"{PURPOSE}\n{code_id}".encode(), hashlib.sha256)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"
