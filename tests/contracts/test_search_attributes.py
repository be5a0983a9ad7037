"""Temporal's search attributes are the same wherever they are named."""

from __future__ import annotations

import re
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType

from embedded import plan
from workflows import options

ROOT = Path(__file__).parent.parent.parent
TYPE = IndexedValueType.ValueType
OURS = {
    key.name: IndexedValueType.Name(TYPE(key.indexed_value_type)).split("TYPE_")[1]
    for key in options.SEARCH_ATTRIBUTES
}


def written(name: str) -> str:
    """`KEYWORD_LIST` as `KeywordList`."""
    return "".join(map(str.capitalize, name.split("_")))


def test_of_one_machine_and_of_a_namespace() -> None:
    """`make run` and the kit's script register just those that decisions are started with."""
    ours = {name: written(type) for name, type in OURS.items()}
    assert ours == plan.SEARCH_ATTRIBUTES
    script = (ROOT / "deploy/temporal/namespace.sh").read_text()
    assert dict(re.findall(r"--name (\w+) --type (\w+)", script)) == ours


def test_what_an_operator_is_told() -> None:
    """The error of a list names each, with its type."""
    told = "".join(re.findall(r'"(.*)"', (ROOT / "api/decisions/listing.py").read_text()))
    for group in re.findall(r"((?:Handover\w+(?:, | and )?)+) as (\w+)", told):
        for name in re.findall(r"Handover\w+", group[0]):
            assert written(OURS.pop(name)) == group[1]
    assert not OURS
