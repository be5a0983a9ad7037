"""The client-side rules: what matches is asked, what is harmless is not, everything else is."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handover import ApprovalPolicy
from handover.policy import Verdict

WORDS = st.text(st.characters(categories=["L"], max_codepoint=0x24F), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
PAYLOADS = st.dictionaries(st.text(), JSON, max_size=3)


@pytest.mark.parametrize(
    "text",
    [
        "Pay the invoice",
        "please PAY",
        "pay_invoice",
        "re-pay",
        "(pay)",
        "\N{FULLWIDTH LATIN SMALL LETTER P}ay",
        "p\N{SOFT HYPHEN}ay",
        "send\N{ZERO WIDTH SPACE}pay",
    ],
)
def test_keyword_is_a_word(text: str) -> None:
    """A keyword is found whole, whatever its case and whatever stands around it."""
    policy = ApprovalPolicy(keywords=["pay"], harmless=[lambda action, payload: True])
    assert policy.check(text) == Verdict(True, "keyword: 'pay'")
    assert policy.check("note", {"to": [{"text": text}]}) == Verdict(True, "keyword: 'pay'")
    assert policy.check("note", {text: 1}).asked


@pytest.mark.parametrize("text", ["display", "payer", "repaying", "pays", "pay2", "Pàyé"])
def test_keyword_is_no_part_of_a_word(text: str) -> None:
    """A keyword inside another word does not count."""
    policy = ApprovalPolicy(keywords=["pay"], harmless=[lambda action, payload: True])
    assert not policy.check(text, {"text": text}).asked


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("straße", "Neue STRASSE"),
        ("löschen", "Konto lo\N{COMBINING DIAERESIS}schen"),
        ("drop table", "DROP\n  TABLE users"),
        ("wire-transfer", "a wire transfer"),
        ("удалить", "Удалить всё"),
        ("删除", "请删除用户"),
        ("हटाएं", "खाता हटाएं"),
    ],
)
def test_keywords_of_any_language(keyword: str, text: str) -> None:
    """Words are told apart in any script, and in scripts without spaces too."""
    assert ApprovalPolicy(keywords=[keyword]).check(text).rule == f"keyword: {keyword!r}"


def test_mark_belongs_to_its_letter() -> None:
    """A letter with a mark is another letter, also where the two have no form in one."""
    policy = ApprovalPolicy(keywords=["प"])
    assert policy.check("पे").rule == "nothing matches"


@given(WORDS, WORDS, st.sampled_from([" ", "_", ".", "\n", "→", "/"]))
def test_words_are_found_and_parts_are_not(word: str, other: str, mark: str) -> None:
    """For any word: set apart it is found, grown together with letters it is not."""
    policy = ApprovalPolicy(keywords=[word], harmless=[lambda action, payload: True])
    assert policy.check(f"{other}{mark}{word.swapcase()}{mark}{other}").asked or (
        word.swapcase().casefold() != word.casefold()  # letters whose other case is none of theirs
    )
    assert policy.check(f"{other}{mark}{word}").asked
    assert not policy.check(f"q{word}q").asked


@pytest.mark.parametrize(
    ("amount", "asked"),
    [
        (100, False),
        (100.01, True),
        (-500, True),
        (Decimal("100.5"), True),
        (10**400, True),
        (0, False),
        ("20", True),
        ("1,000 EUR", True),
        (None, True),
        (True, True),
        (math.nan, True),
        (math.inf, True),
        (Decimal("sNaN"), True),
        ([5], True),
    ],
)
def test_amounts(amount: Any, asked: bool) -> None:
    """Beyond the limit is asked, in either direction, and so is what is no number."""
    by_name = ApprovalPolicy(max_amount=100, harmless=["refund"])
    assert by_name.check("refund", {"amount": amount}).asked is asked
    called = ApprovalPolicy(max_amount=100, amount=lambda p: p["sum"][0], harmless=["refund"])
    assert called.check("refund", {"sum": [amount]}).asked is (asked and amount is not None)


def test_amount_that_is_not_there() -> None:
    """Without an amount the rule says nothing; where it cannot be told the action is asked."""
    policy = ApprovalPolicy(max_amount=100, harmless=["search"])
    assert not policy.check("search", {"query": "cups"}).asked
    assert not policy.check("search").asked
    broken = ApprovalPolicy(max_amount=100, amount=lambda p: p["total"], harmless=["search"])
    assert broken.check("search") == Verdict(True, "amount: beyond 100")


def test_urgency() -> None:
    """From the named urgency on it is asked; a word that nobody knows counts as above."""
    policy = ApprovalPolicy(urgency="high", harmless=["search"])
    asked = {
        urgency: policy.check("search", urgency=urgency).asked
        for urgency in ("low", "medium", "high", "critical", "apocalyptic")
    }
    assert asked == {
        "low": False,
        "medium": False,
        "high": True,
        "critical": True,
        "apocalyptic": True,
    }


def test_harmless_has_to_be_said() -> None:
    """A name to the letter, or a predicate that answers True: nothing else allows."""

    async def forgotten_await(action: str, payload: object) -> bool:
        return True

    assert not ApprovalPolicy(harmless=["search"]).check("search").asked
    for action in ("Search", "search ", "searching", "search\n", ""):
        assert ApprovalPolicy(harmless=["search"]).check(action).asked
    for predicate in (lambda a, p: 1, lambda a, p: "yes", lambda a, p: p["missing"]):
        assert ApprovalPolicy(harmless=[predicate]).check("search").asked  # pyright: ignore[reportArgumentType] - none is a bool
    with pytest.warns(RuntimeWarning, match="never awaited"):
        assert ApprovalPolicy(harmless=[forgotten_await]).check("search").asked  # pyright: ignore[reportArgumentType] - a coroutine is no bool


def test_a_sentence_is_no_name() -> None:
    """Where the name is known, an action that spells a harmless one is asked all the same."""
    policy = ApprovalPolicy(harmless=["search"])
    assert policy.check("search", name="delete_user").asked
    assert policy.check("Look it up", name="search") == Verdict(False, "harmless: 'search'")


@given(st.text(), PAYLOADS, st.text())
def test_what_matches_nothing_is_asked(action: str, payload: dict[str, Any], urgency: str) -> None:
    """Whatever the action: without rules it is asked."""
    verdict = ApprovalPolicy().check(action, payload, urgency=urgency)
    assert verdict == Verdict(True, "nothing matches")


@given(st.text(), PAYLOADS, st.booleans(), st.booleans())
def test_both_is_asked(action: str, payload: dict[str, Any], matches: bool, harmless: bool) -> None:
    """Allowed is only what is harmless and matches no rule."""
    policy = ApprovalPolicy(
        keywords=["qqq"], max_amount=5, harmless=[lambda action, payload: harmless]
    )
    payload = {name: value for name, value in payload.items() if name != "amount"}
    verdict = policy.check(f"{action} qqq" if matches else action.replace("q", ""), payload)
    assert verdict.asked is (matches or not harmless or "qqq" in str(payload))


@pytest.mark.parametrize(
    "rule",
    [
        {"keywords": ["!"]},
        {"keywords": [""]},
        {"keywords": "delete"},
        {"harmless": "search"},
        {"urgency": "urgent"},
        {"max_amount": -1},
        {"max_amount": math.nan},
        {"max_amount": "100"},
        {"max_amount": True},
    ],
)
def test_rules_that_never_match_are_refused(rule: dict[str, Any]) -> None:
    """A rule with a mistake in it is refused when the policy is made."""
    with pytest.raises(ValueError, match=next(iter(rule))):
        ApprovalPolicy(**rule)
