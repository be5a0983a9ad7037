"""What the records of decisions say of their runs."""

from __future__ import annotations

from typing import Any

from handover.testing import FakeHandover, Reply

Ran = list[tuple[str, str | None]]


def runs(fake: FakeHandover, number: int = 0) -> Ran:
    """What the record of this decision has of its runs."""
    entries = fake.client().decisions.audit(fake.decisions[number].id)
    return [
        (each.type.removeprefix("execution."), each.details.get("result"))
        for each in entries
        if each.type.startswith("execution.")
    ]


def all_runs(fake: FakeHandover) -> dict[str, Ran]:
    return {each.action: runs(fake, number) for number, each in enumerate(fake.decisions)}


def ended(node: str) -> Ran:
    return [("claimed", None), ("succeeded", f"The node {node} has ended")]


def by_action(asked: Any) -> Reply:
    return Reply(choice="deny" if "no" in asked.action else "approve")
