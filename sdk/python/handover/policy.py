"""Client-side rules: which actions people are asked about, and which are harmless."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeGuard, cast

from .models import Urgency

Payload = Mapping[str, Any]
Harmless = str | Callable[[str, Payload], bool]
Amount = str | Callable[[Payload], Any]
UrgencyName = Urgency | Literal["low", "medium", "high", "critical"]

_GRADES = [str(urgency) for urgency in Urgency]
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
"""Scripts without spaces between words: each of their letters counts as a word."""


class Verdict(NamedTuple):
    """The verdict of a policy: whether people are asked, and by which rule."""

    asked: bool
    rule: str


@dataclass(frozen=True)
class _Case:
    """The case that rules examine."""

    action: str
    name: str
    payload: Payload
    urgency: str

    @cached_property
    def words(self) -> list[str]:
        """Return all texts of the action and the payload, hidden characters read both ways."""
        texts = [self.action, *_texts(self.payload)]
        return [_words(text, hidden) for text in texts for hidden in ("", " ")]


@dataclass(frozen=True)
class _Rule:
    name: str
    matches: Callable[[_Case], bool]


class ApprovalPolicy:
    """Decides which actions people are asked about.

    It asks about an action that matches a rule, allows one that is listed as harmless and matches
    no rule, and asks about one that matches nothing.

    >>> policy = ApprovalPolicy(keywords=["delete"], max_amount=100, harmless=["search", "refund"])
    >>> policy.check("search", {"query": "broken cups"})
    Verdict(asked=False, rule="harmless: 'search'")
    >>> policy.check("search", {"query": "Delete everything"})
    Verdict(asked=True, rule="keyword: 'delete'")
    >>> policy.check("refund", {"amount": 250})
    Verdict(asked=True, rule='amount: beyond 100')
    >>> policy.check("send_mail")
    Verdict(asked=True, rule='nothing matches')

    `keywords` are found in the action and in all texts and names of the payload, as whole words
    without regard to case: "pay" is in "Pay now" and in "pay_invoice", not in "display". They do
    not stop somebody who disguises a word; only actions that are listed as harmless run unasked.

    `urgency` is the lowest that is always asked about.

    `max_amount` is the largest amount, in either direction, that alone needs no approval. `amount`
    says where it is: the name of an argument, or a callable that takes the payload and returns None
    if there is none. A value there that is no finite number is asked about.

    `harmless` lists names of actions, which have to be the same to the letter, and predicates that
    take the action and the payload and return True. A predicate that fails counts as False.

    Raises `ValueError` for a rule that could never match.
    """

    def __init__(
        self,
        *,
        keywords: Iterable[str] = (),
        urgency: UrgencyName | None = None,
        max_amount: float | Decimal | None = None,
        amount: Amount = "amount",
        harmless: Iterable[Harmless] = (),
    ) -> None:
        self._asked = [_keyword(keyword) for keyword in _listed("keywords", keywords)]
        if urgency is not None:
            self._asked.append(_from_urgency(urgency))
        if max_amount is not None:
            self._asked.append(_beyond(max_amount, amount))
        self._harmless = [_harmless(each) for each in _listed("harmless", harmless)]

    def check(
        self,
        action: str,
        payload: Payload | None = None,
        *,
        urgency: str = Urgency.MEDIUM,
        name: str | None = None,
    ) -> Verdict:
        """Return whether to ask about this action.

        `name` is compared with `harmless` if `action` is a sentence: it contains arguments, and
        could spell a harmless name.
        """
        case = _Case(action, action if name is None else name, payload or {}, urgency)
        for rule in self._asked:
            if rule.matches(case):
                return Verdict(True, rule.name)
        for rule in self._harmless:
            if rule.matches(case):
                return Verdict(False, rule.name)
        return Verdict(True, "nothing matches")


def _listed(name: str, given: Iterable[Any]) -> Iterable[Any]:
    if isinstance(given, str):
        raise ValueError(f"{name} is a list: [{given!r}]")  # noqa: TRY004 - as every other mistake
    return given


def _keyword(keyword: str) -> _Rule:
    words = _words(keyword)
    if not words.strip():
        raise ValueError(f"keywords: there is no word in {keyword!r}")
    return _Rule(f"keyword: {keyword!r}", lambda case: any(words in text for text in case.words))


def _from_urgency(lowest: str) -> _Rule:
    if lowest not in _GRADES:
        raise ValueError(f"urgency is one of {', '.join(_GRADES)}, and not {lowest!r}")
    below = _GRADES[: _GRADES.index(lowest)]
    return _Rule(f"urgency: {lowest!s} or above", lambda case: case.urgency not in below)


def _beyond(limit: float | Decimal, where: Amount) -> _Rule:
    if not _is_finite(limit) or limit < 0:
        raise ValueError(f"max_amount is a number from 0 on, and not {limit!r}")

    def matches(case: _Case) -> bool:
        try:
            found = where(case.payload) if callable(where) else case.payload.get(where, 0)
        except Exception:  # whatever it is, the amount is unknown
            return True
        if found is None and callable(where):
            return False
        return not _is_finite(found) or abs(found) > limit

    return _Rule(f"amount: beyond {limit}", matches)


def _is_finite(value: object) -> TypeGuard[int | float]:
    if isinstance(value, Decimal):
        return value.is_finite()
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _harmless(listed: Harmless) -> _Rule:
    if not callable(listed):
        return _Rule(f"harmless: {listed!r}", lambda case: case.name == listed)

    def matches(case: _Case) -> bool:
        try:
            return listed(case.name, case.payload) is True
        except Exception:
            return False

    return _Rule(f"harmless: {getattr(listed, '__name__', listed)}", matches)


def _texts(value: object) -> Iterator[str]:
    """Return all texts in a payload, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in cast(Mapping[object, object], value).items():
            yield from _texts(name)
            yield from _texts(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in cast(Iterable[object], value):
            yield from _texts(inner)


def _words(text: str, hidden: str = "") -> str:
    """Return the words of a text in one form, each between two spaces.

    `hidden` replaces invisible characters, which may be within a word (a soft hyphen) or between
    two.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    apart = "".join(_in_words(character, hidden) for character in folded)
    return f" {' '.join(apart.split())} "


def _in_words(character: str, hidden: str) -> str:
    """Split a text: letters, their marks and digits make words, and everything else ends them."""
    category = unicodedata.category(character)
    if category == "Cf":
        return hidden
    if category == "Lo" and unicodedata.name(character, "").startswith(_WITHOUT_SPACES):
        return f" {character} "
    return character if category[0] in "LMN" else " "
