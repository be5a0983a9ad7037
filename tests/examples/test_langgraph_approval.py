"""The example of an approval node: asks once, and refunds only what a person permitted."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableConfig

from examples import langgraph_approval as example
from handover.testing import FakeHandover
from tests.approver import answer_link, newest_mail, press
from tests.examples.programs import output, running

ORDER = 1142


def refunded(fake: FakeHandover) -> str:
    state = example.State(complaint="Broken.", order=ORDER, approver="approver@example.com")
    config = RunnableConfig(configurable={"thread_id": str(uuid4())})
    return example.build_graph(fake.client()).invoke(state, config)["result"]


def test_modified_refund_is_what_runs() -> None:
    """When the approver changes the amount, the changed one is refunded."""
    fake = FakeHandover()
    fake.modifies({"order": ORDER, "amount": 20})
    assert refunded(fake) == "refunded 20.00 EUR for order 1142"


def test_impossible_refund_does_not_run() -> None:
    """What the approver made of it is checked again before it runs."""
    fake = FakeHandover()
    fake.modifies({"order": ORDER, "amount": -20})
    with pytest.raises(ValueError, match="greater than 0"):
        refunded(fake)


@pytest.mark.parametrize(
    ("fate", "said"), [("denies", "denied"), ("expires", "expired"), ("cancels", "cancelled")]
)
def test_refund_is_not_reached(fate: str, said: str) -> None:
    """Whatever is not a permission leads past the refund."""
    fake = FakeHandover()
    getattr(fake, fate)()
    assert refunded(fake) == f"no refund: {said}"


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("approve", "The agent: refunded 49.90 EUR for order 1142"),
        ("deny", "The agent: no refund: denied, 'as the test says'"),
    ],
)
async def test_agent_goes_on_as_the_approver_says(service: Any, choice: str, said: str) -> None:
    """The example, as a program of its own against the running service: the approver opens the
    link of the e-mail and presses a button, and the agent acts on it."""
    approver = f"{choice}-{uuid4().hex}@example.com"
    options = ("--approver", approver, "--order", str(ORDER))
    async with running(service, example, *options) as process:
        mail = await newest_mail(service, to=approver)
        await press(answer_link(mail), choice, notes="as the test says")
        assert said in await output(process)
