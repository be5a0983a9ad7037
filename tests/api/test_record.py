"""What a person changed, as the record tells it."""

from __future__ import annotations

import json
from typing import Any

import jsonpatch
from hypothesis import example, given
from hypothesis import strategies as st

from api.decisions.record import changes

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text("ab/~0", max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values, values)
@example({"a": 1}, {"a": True})
@example({"a": [0]}, {"a": [False]})
@example({"a": [1, True, 1.0]}, {"a": [True, 1]})
@example({"a": ""}, {"a": None})
def test_the_changes_lead_from_what_was_asked_to_what_was_answered(
    before: object, after: object
) -> None:
    """Exactly, to the type of each value: `1` is not `true`."""
    patch = changes({"payload": before}, {"payload": after})
    made = jsonpatch.apply_patch({"payload": before}, patch)
    assert text(made) == text({"payload": after})


@given(values)
def test_what_was_not_changed_is_no_change(value: object) -> None:
    """An approver who pressed Modify and changed nothing has changed nothing."""
    assert changes({"payload": value}, {"payload": value}) == []


def text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
