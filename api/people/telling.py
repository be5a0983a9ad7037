"""A page's words for an error, by its code, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any, cast

from babel.numbers import format_decimal

from api.problems.errors import ApiError, Unavailable
from handover.models import Choice, ResponseType, Status
from templates import Reader
from templates.catalogs import N_
from templates.text import visible_line
from templates.words import words
from workflows.sentences import AnyOf, Marked, Sentence

LISTED = 300
"""Characters of a list inside a sentence."""

GROUPED = 1_000_000
"""Number from which digits are grouped: with one group alone it would pass for a decimal
elsewhere."""

STATUSES = {
    Status.PENDING: N_("pending"),
    Status.APPROVED: N_("approved"),
    Status.DENIED: N_("denied"),
    Status.MODIFIED: N_("approved with changes"),
    Status.SCHEDULED: N_("approved for later"),
    Status.EXPIRED: N_("expired"),
    Status.CANCELLED: N_("cancelled"),
}
"""Statuses as in “The decision is already …”."""

DID_NOT_WORK = N_("That did not work")
GENERAL = N_("Something went wrong. Please open the link in your message again.")
UNREADABLE = N_("What your browser sent cannot be read. Please try again.")
OPERATOR = N_("It stays so until the people who run Handover see to it. Tell them: %(why)s")

FAILURES = {
    "not_found": (
        N_("No such link"),
        N_("This link is not complete, or what it led to is not here."),
    ),
    "gone": (
        N_("This link has expired"),
        N_("This decision ended more than 90 days ago; its link no longer shows it."),
    ),
    "bad_request": (DID_NOT_WORK, UNREADABLE),
    "invalid_request": (DID_NOT_WORK, UNREADABLE),
    "content_too_large": (
        N_("That was too much"),
        N_(
            "What was sent is larger than anything that is taken here: at most 10 files of 10 MB"
            " each. Nothing was recorded."
        ),
    ),
    "rate_limited": (
        N_("Too often"),
        N_("This link was used very often in a short time. Please try again in a minute."),
    ),
    "internal": (
        DID_NOT_WORK,
        N_("Something went wrong here. It is logged, and was not your fault."),
    ),
    "unavailable": (
        DID_NOT_WORK,
        N_("Nothing was recorded as far as we know. Please try again in a moment."),
    ),
    "unconfirmed": (
        N_("Perhaps recorded"),
        N_(
            "It is not known whether your answer was recorded: the connection broke while it was"
            " handed over. Open the page again in a moment: it shows what was recorded, or asks you"
            " again. One answer counts, however often you give it."
        ),
    ),
}
"""A headline and an explanation for each code that a page may end with."""


def phrase(sentence: Sentence, reader: Reader, type: ResponseType | None = None) -> str:
    """Return the sentence in the reader's language, without the field that it names.

    `type` is that of the question: the labels of the buttons depend on it.
    """
    text = words(reader).gettext(sentence.text)
    values = {
        name: _value(value, reader, type or ResponseType())
        for name, value in sentence.values.items()
    }
    return text % values if values else text


def failure_told(error: ApiError, reader: Reader) -> tuple[str, str]:
    """Return a headline and an explanation."""
    say = words(reader).gettext
    headline, explanation = FAILURES.get(error.problem.code, (DID_NOT_WORK, GENERAL))
    if isinstance(error.sentence.text, Marked):
        return say(headline), phrase(error.sentence, reader)
    if isinstance(error, Unavailable) and error.takes_operator:
        return say(headline), say(OPERATOR) % {"why": visible_line(error.error)}
    return say(headline), say(explanation)


def _value(value: Any, reader: Reader, type: ResponseType) -> str:
    match value:
        case Sentence():
            return phrase(value, reader, type)
        case Choice():
            return words(reader).button(value, type)
        case Status():
            return words(reader).gettext(STATUSES[value])
        case AnyOf():
            return words(reader).any_of([_typeable(each, reader) for each in value.values])
        case int():
            return format_decimal(value, locale=reader.locale)
        case float() if isfinite(value) and abs(value) < GROUPED:
            return _typeable(value, reader)
        case float() if isfinite(value):
            exact = Decimal(repr(value))
            return format_decimal(exact, locale=reader.locale, decimal_quantization=False)
        case list() | tuple():
            each = (_value(part, reader, type) for part in cast(Iterable[Any], value))
            return visible_line(", ".join(each), LISTED)
        case _:
            return visible_line(str(value))


def _typeable(value: float | datetime, reader: Reader) -> str:
    """Return a value as it can be typed into a field."""
    said = words(reader)
    return said.typeable(value) if isinstance(value, datetime) else said.number(value)
