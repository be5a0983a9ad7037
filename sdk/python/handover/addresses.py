"""E-mail addresses: the one place that reads, folds and encodes them, for the service too.

A mailbox has many spellings, and one domain must never be taken for another: `straße.de` and
`strasse.de` belong to different people. So an address is read once (`Address.parse`) and then has
three forms: one for people, one for comparing, and one for the envelope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from unicodedata import bidirectional

import idna

LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
"""The part before the `@`, as every mail server takes it: a dot-atom of ASCII (RFC 5322)."""

MAX_LOCAL = 64
MAX_ADDRESS = 254
"""Characters of an address on the envelope (RFC 5321, with the path's two brackets around it)."""

RESERVED = ("arpa", "invalid", "local", "localhost", "onion", "test")
"""Top-level domains that the public DNS has no mail servers for (RFC 6761, 6762, 7686, 8375)."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox. `local` is as it was written, `domain` in A-labels (IDNA 2008) and small."""

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an address. Raises `ValueError`, which says what is wrong with it."""
        local, at, domain = text.rpartition("@")
        if not at:
            raise _none("it has no @")
        if "<" in text:
            raise _none("send the address alone, without a name")
        if "@" in local:
            raise _none("it has more than one @; several people are a list")
        if not LOCAL.fullmatch(local) or len(local) > MAX_LOCAL:
            raise _none(
                f"before the @ are 1 to {MAX_LOCAL} letters and digits of ASCII, and signs such as"
                " - _ + and dots between them"
            )
        address = cls(local, a_labels(domain))
        if len(address.envelope) > MAX_ADDRESS:
            raise _none(f"it has more than {MAX_ADDRESS} characters")
        return address

    @property
    def shown(self) -> str:
        """Return the form for people, with the domain in their own script."""
        return f"{self.local}@{idna.decode(self.domain)}"

    @property
    def compared(self) -> str:
        """Return the one form of all spellings of this mailbox, which no other mailbox has.

        Servers may distinguish `Ann` from `ann`; those that people use do not.
        """
        return f"{self.local.lower()}@{self.domain}"

    @property
    def envelope(self) -> str:
        """Return the form for the envelope: ASCII, which every mail server takes."""
        return f"{self.local}@{self.domain}"

    @property
    def is_local(self) -> bool:
        """Return whether mail reaches it only within a private network: it has a reserved name, or
        a single label."""
        _, dot, last = self.domain.rpartition(".")
        return not dot or last in RESERVED

    def is_within(self, domains: Iterable[str]) -> bool:
        """Return whether it is at one of these domains (A-labels), or below one."""
        return any(f".{self.domain}".endswith(f".{each}") for each in domains)


@lru_cache(maxsize=4096)  # a key may have a thousand, and is asked for every decision
def one_form(text: str) -> str:
    """Return `Address.compared` of an address, and the same of `@domain`; any other text as it
    is."""
    local, at, domain = text.rpartition("@")
    try:
        return f"{local.lower()}@{a_labels(domain)}" if at else text
    except ValueError:
        return text


def is_among(address: str, allowed: Iterable[str]) -> bool:
    """Return whether this address is one of these, or at the domain of an `@domain` among them."""
    whole = one_form(address)
    at_its_domain = "@" + whole.rpartition("@")[2]
    return not {whole, at_its_domain}.isdisjoint(map(one_form, allowed))


def in_small_letters(text: str) -> str:
    """Return `Address.shown` of an address in small letters; any other text as it is."""
    try:
        return Address.parse(one_form(text)).shown
    except ValueError:
        return text


def a_labels(domain: str) -> str:
    """Return a domain in A-labels (IDNA 2008) and small letters. Raises `ValueError` if it is
    none."""
    try:
        # UTS 46 makes small letters of capitals and one dot of all dots. It takes no letter for
        # another, as the standard library's codec takes `ß` for `ss`.
        encoded = idna.encode(domain, uts46=True).decode()
        last = encoded.rpartition(".")[2]
        if not last or last.isdigit():
            raise _none("after the @ is no domain, which ends with letters")
        _check_directions(encoded)
    except UnicodeError as error:  # the library's own are of this kind
        raise _none(f"after the @ is no domain ({error})") from error
    return encoded


def _check_directions(domain: str) -> None:
    """Check the directions of labels. If one label runs from right to left, its rule holds for all
    of them (RFC 5893); otherwise two domains could look alike. Raises `UnicodeError`."""
    labels = idna.decode(domain).split(".") if "xn--" in domain else ()
    if any(bidirectional(each) in ("R", "AL", "AN") for label in labels for each in label):
        for label in labels:
            idna.check_bidi(label, check_ltr=True)


def _none(why: str) -> ValueError:
    return ValueError(f"this is no e-mail address: {why}")
