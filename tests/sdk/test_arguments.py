"""Arguments before a person: whatever was called is asked about and run exactly, or told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, TypedDict

import pytest

from handover import (
    ActionDenied,
    ApprovalPolicy,
    ArgumentsRefused,
    InvalidRequestError,
    NotAskedError,
    require_approval,
)
from handover.testing import FakeHandover


class Approver(TypedDict):
    approver: str


ASKED: Approver = {"approver": "approver@example.com"}


@pytest.fixture
def fake() -> FakeHandover:
    return FakeHandover()


def asking(fake: FakeHandover, **options: Any) -> Callable[[Any], Any]:
    return require_approval(**ASKED, client=fake.client(), **options)


LARGE = 2**64 + 1


async def test_what_nobody_can_be_asked(fake: FakeHandover) -> None:
    """Whatever a model writes is a `NotAskedError` that names the argument, and nothing has run:
    blocking and awaited, in methods, and for each kind of parameter."""
    client = fake.async_client()

    @asking(fake, action="Send {text}", idempotency_key="{text}")
    def send(text: Any, *more: Any, only: Any = None, **further: Any) -> None:
        raise AssertionError

    @require_approval(**ASKED, client=client, action="Send {text:.3f}")
    async def send_later(text: Any) -> None:
        raise AssertionError

    class Post:
        @asking(fake)
        def send(self, text: Any) -> None:
            raise AssertionError

    calls: list[tuple[Callable[[], Any], list[str]]] = [
        (lambda: send("\ud83d"), ["action", "text"]),
        (lambda: send(float("nan")), ["text"]),
        (lambda: send("x" * 300_000), ["payload"]),
        (lambda: send("x", {"a": b"\xff"}), ["more.0.a"]),
        (lambda: send("x", only=[float("inf")]), ["only.0"]),
        (lambda: send("x", other={1: "a", "1": "b"}), ["further.other"]),
        (lambda: Post().send("\udc00"), ["text"]),
    ]
    for call, named in calls:
        with pytest.raises(NotAskedError) as raised:
            call()
        assert [each.field for each in raised.value.fields] == named
    for text, named in (("no number", "action"), (float("nan"), "text")):
        with pytest.raises(NotAskedError) as raised:
            await send_later(text)
        assert [each.field for each in raised.value.fields] == [named]
    assert fake.decisions == []


def test_blank_and_long_texts(fake: FakeHandover) -> None:
    """A blank action is not asked; a long one is cut, with all of it in the context; and a key of
    any text is one that finds the same decision."""

    @asking(fake, action="{text}", payload=[], idempotency_key="{text}", once=False)
    def send(text: str) -> str:
        return text[:3]

    with pytest.raises(NotAskedError, match="action: it is empty"):
        send(" ")
    fake.approves()
    text = "Größe 12. " * 1000
    assert [send(text), send(text)] == ["Grö", "Grö"]
    (asked,) = fake.decisions
    assert (len(asked.action), asked.action[-1]) == (2000, "…")
    assert asked.context == text


async def test_otherwise_it_returns_why(fake: FakeHandover) -> None:
    """Where a model is to be told, whatever does not run returns a text; what the function itself
    raises is raised."""

    @asking(fake, otherwise="return")
    def refund(order: Any) -> str:
        raise ActionDenied(fake.decisions[0])

    @require_approval(**ASKED, client=fake.async_client(), otherwise="return")
    async def refund_later(order: Any) -> str:
        raise AssertionError

    fake.denies(notes="not today")
    assert "refund has not run. " in refund(1)
    fake.expires()
    assert "nobody answered" in await refund_later(1)
    fake.modifies({"order": 1, "sudo": True})
    assert "the approver added sudo" in refund(2)
    assert "order: nan is no number" in refund(float("nan"))
    assert "order: nan is no number" in await refund_later(float("nan"))
    fake.approves()
    with pytest.raises(ActionDenied, match="not today"):
        refund(1)


def test_whom_to_ask_is_not_the_callers_to_mend(fake: FakeHandover) -> None:
    """What the service refuses for the sake of a setting stays what it is."""
    nobody = require_approval(approver="nobody", client=fake.client())
    with pytest.raises(InvalidRequestError, match="approver"):
        nobody(lambda note: None)("x")


def test_large_integers(fake: FakeHandover) -> None:
    """Integers that JSON rounds are asked as texts and run as integers, changed or not."""
    seen: list[Any] = []

    @asking(fake, policy=ApprovalPolicy(max_amount=LARGE - 2, harmless=["pay"]))
    def pay(amount: int, ids: list[int], plain, **to: dict[str, int]) -> None:
        seen.append((amount, ids, plain, to))

    ids, account = [LARGE, 1], {"id": LARGE}
    fake.approves()
    pay(LARGE, ids, LARGE, account=account)
    assert seen[0] == (LARGE, ids, LARGE, {"account": account})
    asked = {
        "amount": str(LARGE),
        "ids": [str(LARGE), 1],
        "plain": str(LARGE),
        "to": {"account": {"id": str(LARGE)}},
    }
    assert fake.decisions[0].payload == asked
    fake.modifies({**asked, "amount": 5, "ids": [str(LARGE + 1)], "plain": str(LARGE + 1)})
    pay(LARGE, ids, LARGE, account=account)
    assert seen[1] == (5, [LARGE + 1], LARGE + 1, {"account": account})
    assert seen[1][3]["account"] is account
    for change in ({"amount": "many"}, {"plain": "many"}, {"ids": [str(LARGE), "many"]}):
        fake.modifies({**asked, **change})
        with pytest.raises(ArgumentsRefused, match="does not fit"):
            pay(LARGE, ids, LARGE, account=account)
    pay(LARGE - 2, [], 1)  # which the policy reads as the number that it is
    assert len(fake.decisions) == 5


def test_changes_keep_types_where_annotations_say_none(fake: FakeHandover) -> None:
    """In lists, mappings and sets of anything, what was no JSON is read as what it was, and what
    was left alone beside it is the very object."""
    seen: list[Any] = []

    @asking(fake)
    def book(what: object, fields: dict[str, Any], *rows: Any, tags: set, **more) -> None:
        seen.append((what, fields, rows, tags, more))

    day, price = date(2026, 1, 5), Decimal("1.50")
    fake.modifies(
        {
            "what": "2026-01-06",
            "fields": {"price": "1.50", "note": "new"},
            "rows": [["2.50"], "2026-01-05"],
            "tags": ["2026-01-06"],
            "more": {"at": "2026-01-06"},
        }
    )
    book(day, {"price": price, "note": ""}, (price,), day, tags={day}, at=day)
    later = day.replace(day=6)
    ((what, fields, rows, tags, more),) = seen
    assert (what, tags, more) == (later, {later}, {"at": later})
    assert fields == {"price": price, "note": "new"}
    assert fields["price"] is price
    assert rows == ((Decimal("2.50"),), day)
    for change in ({"what": "soon"}, {"fields": {"price": "cheap", "note": ""}}, {"rows": [["x"]]}):
        asked = {
            "what": "2026-01-05",
            "fields": {"price": "1.50", "note": ""},
            "rows": [["1.50"]],
            "tags": [],
            "more": {},
        }
        fake.modifies({**asked, **change})
        with pytest.raises(ArgumentsRefused, match="does not fit"):
            book(day, {"price": price, "note": ""}, (price,), tags=set())
    assert len(seen) == 1
