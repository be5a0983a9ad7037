"""Values in a request: written as JSON, and read back as they were or as somebody changed them."""

from __future__ import annotations

import enum
import json
import subprocess
import sys
from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from handover._reading import read_back
from handover._values import UnfitValueError, as_json

LARGE = 2**64 + 1


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(BaseModel):
    id: int
    price: Decimal
    tags: frozenset[str] = frozenset()


@dataclass
class Order:
    when: date
    items: list[Item]
    ids: tuple[int, ...] = ()


class Rate(BaseModel):
    value: float


Point = namedtuple("Point", ["x", "y"])
ITEM = Item(id=LARGE, price=Decimal("1.50"), tags=frozenset("abc"))
ID = UUID("c91d87b5-519b-4bcc-8118-1e93f650f835")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

WRITTEN: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (2**53 - 1, 2**53 - 1),
    (2**53, "9007199254740992"),
    (-(2**53), "-9007199254740992"),
    (1e22, 1e22),
    ("text", "text"),
    (b"text", "text"),
    (Decimal("1.50"), "1.50"),
    (NOON, "2026-01-05T12:00:00Z"),
    (ID, str(ID)),
    (Colour.RED, "red"),
    ((1, Decimal(2)), [1, "2"]),
    (Point(1, LARGE), [1, str(LARGE)]),
    ({"c", "a", "b"}, ["a", "b", "c"]),
    ({Colour.RED: 1, 2: 2, ID: 3}, {"red": 1, "2": 2, str(ID): 3}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (ITEM, {"id": str(LARGE), "price": "1.50", "tags": ["a", "b", "c"]}),
    (Order(date(2026, 1, 5), [], (1,)), {"when": "2026-01-05", "items": [], "ids": [1]}),
]


def test_values_are_written_as_json() -> None:
    """Each has one form, which is JSON, and comes back as the very object."""
    for value, told in WRITTEN:
        assert as_json(value) == told
        assert type(as_json(value)) is type(told)
        assert read_back(value, json.loads(json.dumps(told))) is value


CHANGED: list[tuple[Any, Any, Any]] = [
    (LARGE, str(LARGE + 1), LARGE + 1),
    (LARGE, 5, 5),
    (LARGE, "5", 5),
    (5, str(LARGE), LARGE),
    (5, "5 or so", "5 or so"),
    (49, 49.5, 49.5),
    (None, {"any": "JSON"}, {"any": "JSON"}),
    (Decimal("1.50"), "2.50", Decimal("2.50")),
    (NOON, "2026-01-06T12:00:00Z", NOON.replace(day=6)),
    (Colour.RED, "blue", Colour.BLUE),
    ((1, Decimal(2)), [1, "3"], (1, Decimal(3))),
    (Point(1, LARGE), [2, str(LARGE)], Point(2, LARGE)),
    ({1, 2}, [2, 3], {2, 3}),
    ([Decimal(1), Decimal(2)], ["2", "3", "4"], [Decimal(2), Decimal(3), Decimal(4)]),
    ([LARGE, LARGE + 1], [str(LARGE + 1)], [LARGE + 1]),
    ([{"price": Decimal(1)}], [{"price": "2"}, {"price": "3"}],
     [{"price": Decimal(2)}, {"price": Decimal(3)}]),
    ({1: "a"}, {"1": "b"}, {1: "b"}),
    ({"a": Decimal(1)}, {"a": "1", "note": "new"}, {"a": Decimal(1), "note": "new"}),
    (OrderedDict(a=Decimal(1)), {"a": "2"}, OrderedDict(a=Decimal(2))),
    (defaultdict(list, a=(1,)), {"a": [2]}, defaultdict(list, a=(2,))),
    (ITEM, {"id": str(LARGE + 1), "price": "2", "tags": []}, Item(id=LARGE + 1, price=Decimal(2))),
    (
        Order(date(2026, 1, 5), [ITEM], (LARGE,)),
        {"when": "2026-01-06", "items": [], "ids": [str(LARGE), 1]},
        Order(date(2026, 1, 6), [], (LARGE, 1)),
    ),
]  # fmt: skip


def test_changes_are_read_by_the_types_of_what_stood_there() -> None:
    """Also within lists, tuples, sets, mappings and models, and where entries came or went."""
    for original, changed, meant in CHANGED:
        read = read_back(original, changed)
        assert read == meant
        assert type(read) is type(meant)


def test_what_was_left_alone_is_the_very_object() -> None:
    """Beside a change, and also where it moved to another place in its list."""
    first, second = Decimal(1), Decimal(2)
    read = read_back({"a": [first, second], "b": 1}, {"a": ["2", "1"], "b": 2})
    assert read["a"][0] is second
    assert read["a"][1] is first


UNREADABLE: list[tuple[Any, Any]] = [
    (LARGE, "many"),
    (LARGE, 5.5),
    (LARGE, True),
    (Decimal(1), "cheap"),
    (Decimal(1), None),
    (NOON, "noon"),
    (Colour.RED, "green"),
    ((1, 2), "1, 2"),
    ({1, 2}, [1, {}]),
    (Point(1, 2), [1]),
    ([Decimal(1), NOON], ["1", "2", "3"]),
    ({1: "a"}, {"2": "b"}),
    ({"a": Decimal(1)}, "cheap"),
    (ITEM, {"id": 1}),
    (ITEM, {"id": 1, "price": "1", "tags": [], "colour": "red"}),
    (ITEM, {"id": "1", "price": "x", "tags": []}),
]


def test_changes_that_cannot_be_read() -> None:
    """They are told, with the way that leads to them, and never guessed at."""
    for original, changed in UNREADABLE:
        with pytest.raises(UnfitValueError) as raised:
            read_back({"a": {"b": original}}, {"a": {"b": changed}})
        assert raised.value.path[:2] == ("a", "b")


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)

UNFIT: list[tuple[Any, str]] = [
    (float("nan"), "nan is no number in JSON"),
    ([float("-inf")], r"0: -inf is no number"),
    ("\ud83d", "half of a character"),
    ({"\udc00": 1}, "half of a character"),
    (b"\xff", "bytes are no text"),
    (object(), "no form in JSON"),
    ({object(): 1}, "no form in JSON"),
    ([iter("ab")], "0: reading an iterator"),
    ({1: "a", "1": "b"}, "two of its names are '1'"),
    (10**5000, "thousands of digits"),
    (ENDLESS, "nested more than 64"),
    (Rate(value=float("inf")), "value: inf is no number"),
]


def test_what_has_no_form_in_json() -> None:
    """It is told in words, with the way that leads to it."""
    for value, told in UNFIT:
        with pytest.raises(UnfitValueError, match=told):
            as_json(value)


def test_sets_are_the_same_in_every_process() -> None:
    """A question that another process asks again is the same question, also with sets in models."""
    program = (
        "import json; from handover._values import as_json; from tests.sdk.test_values import Item;"
        "tags = frozenset(map(str, range(20)));"
        "print(json.dumps(as_json([tags, Item(id=1, price=1, tags=tags)])))"
    )
    run = [sys.executable, "-c", program]
    told = {
        subprocess.check_output(run, env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."})
        for seed in ("1", "2")
    }
    assert len(told) == 1
