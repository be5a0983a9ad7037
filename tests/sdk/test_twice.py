"""A name that is there twice in one object of JSON, or would be: nothing is silently left out."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from handover._memory.json_limits import check_answer
from handover._memory.refusals import Refusal
from handover._memory.requests import read_document, read_request
from handover._strict_json import RepeatedNameError, read_json
from handover.testing import FakeHandover


class Kind(Enum):
    ONE = "1"


@pytest.mark.parametrize(
    ("payload", "way"),
    [
        ({1: "a", "1": "b"}, "payload: two of its names are '1'"),
        ({"a": [{"b": {True: 1, "true": 2}}]}, "payload.a.0.b: two of its names are 'true'"),
        ({"a": {Kind.ONE: 1, 1: 2}}, "payload.a: two of its names are '1'"),
        ({"a": {None: 1, "None": 2}}, "payload.a: two of its names are 'None'"),
    ],
)
def test_names_that_are_one_in_json(payload: Any, way: str) -> None:
    """Of those only the last would be sent; whatever is asked, nobody is."""
    fake = FakeHandover()
    with pytest.raises(ValueError, match=f"^{way} in JSON$"):
        fake.client().decisions.create(
            action="x", approver="a@example.com", payload=payload, wait=False
        )
    assert fake.decisions == []
    names: Any = {1: {"1": 2}, 2.5: {}}
    asked = fake.client().decisions.create(
        action="x", approver="a@example.com", payload=names, wait=False
    )
    assert asked.payload == {"1": {"1": 2}, "2.5": {}}


def test_the_way_to_it() -> None:
    """The outermost, as the service tells it; NaN and what is nested too deeply is no JSON."""
    with pytest.raises(RepeatedNameError, match=r"^a\.0\.b: this name is there twice; write it"):
        read_json('{"a": [{"b": 1, "c": 2, "b": 3}]}')
    with pytest.raises(RepeatedNameError, match=r"^a: "):
        read_json(b'{"a": {"b": 1, "b": 2}, "a": 1}')
    for document in ('{"a": NaN}', "[" * 100_000, "{"):
        with pytest.raises(ValueError, match=r"."):
            read_json(document)
    assert read_json('{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}')


def test_the_service_in_memory_refuses_it_too() -> None:
    """Naming the field, in every body."""
    for read in (read_request, read_document):
        with pytest.raises(Refusal) as refused:
            read(b'{"action": "x", "payload": {"a": 1, "a": 2}}')
        assert refused.value.errors == (("payload.a", "this name is there twice; write it once"),)


def test_a_large_float_as_javascript_writes_it() -> None:
    """In an answer to the service in memory it is that float; no other large integer is one."""
    given = {"wei": 123456789012345670000, "list": [5, True, 1e300]}
    assert check_answer(given, 1_000) == {"wei": 1.2345678901234567e20, "list": [5, True, 1e300]}
    for integer in (123456789012345670001, 2**60, 10**400):
        with pytest.raises(ValueError, match="beyond"):
            check_answer({"n": integer}, 1_000)
