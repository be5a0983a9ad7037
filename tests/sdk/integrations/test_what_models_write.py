"""Whatever a model writes: the agent goes on, and nobody sees what is none of the model's."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.tools import ToolRuntime
from langchain_core.messages import ToolCall
from langchain_core.tools import InjectedToolArg, tool
from langgraph.prebuilt import InjectedState
from pydantic import BaseModel, ConfigDict, field_validator

from handover import ActionDenied, InvalidRequestError, require_approval
from handover.integrations.langchain import ApprovalMiddleware, request_human_approval
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import APPROVER
from tests.sdk.integrations.models import calls, results, scripted

Invoke = Callable[..., Awaitable[Any]]
HELLO = {"messages": [("user", "Refund order 1142.")]}
LARGE = 2**64 + 1
HALF = "half a smile: \ud83d"


class Bank:
    """Tools that take anything, and what they did."""

    def __init__(self) -> None:
        self.ran: list[Any] = []

        @tool
        def pay(order: int, amount: float, note: Any = None) -> str:
            """Pay."""
            self.ran.append((order, amount, note))
            return f"paid {order}"

        self.pay: Any = pay


def asks(client: Any, *names: str, **settings: Any) -> Any:
    interrupt_on = settings.pop("interrupt_on", dict.fromkeys(names, True))
    return ApprovalMiddleware(client, approver=APPROVER, interrupt_on=interrupt_on, **settings)


async def told(invoke: Invoke, agent: Any) -> list[tuple[str, str]]:
    """Status and text of what each tool call came to, in their order."""
    found = results(await invoke(agent, HELLO))
    return [(found[each].status, found[each].text) for each in sorted(found)]


UNASKABLE: list[tuple[dict[str, Any], str]] = [
    ({"order": 1, "amount": float("nan")}, "amount: nan is no number in JSON"),
    ({"order": 1, "amount": 1, "note": [float("inf")]}, "note.0: inf is no number in JSON"),
    ({"order": 1, "amount": 1, "note": HALF}, "note: it has half of a character"),
    ({"order": 1, "amount": 1, "note": {HALF: 1}}, "note: it has half of a character"),
    ({"order": 1, "amount": 1, "note": b"\xff"}, "note: these bytes are no text"),
    ({"order": 1, "amount": 1, "note": object()}, "note: it has no form in JSON"),
    ({"order": 1, "amount": 1, "note": "x" * 300_000}, "bytes of JSON, and at most 262,144"),
    ({"order": "all", "amount": 1}, "order: Input should be a valid integer"),
    ({"amount": 1}, "order: Field required"),
]


async def test_middleware_tells_the_model_what_to_change(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """What nobody can be asked, or the tool would refuse, is an error for the model; the other call
    of the turn runs, and the model goes on."""
    bank = Bank()
    fake.answers_by(lambda _: Reply(choice="approve"))
    for args, why in UNASKABLE:
        model = scripted(calls(("pay", args), ("pay", {"order": 7, "amount": 1.0})), "Done.")
        settings: dict[str, Any] = {"action": lambda r: f"Pay {r.tool_call['args']['order']}"}
        agent = create_agent(model, [bank.pay], middleware=[asks(client, "pay", **settings)])
        (status, text), other = await told(invoke, agent)
        assert status == "error"
        assert text.startswith("Nobody was asked. ")
        assert why in text
        assert len(text) < 500
        text.encode()
        assert other == ("success", "paid 7")
    assert bank.ran == [(7, 1.0, None)] * len(UNASKABLE)
    assert len(fake.decisions) == len(UNASKABLE)


async def test_middleware_cuts_what_is_too_long_to_read(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """A description or an action of any length is asked; the approver sees that it was cut, and
    has the digest of all of it."""
    fake.approves()
    bank = Bank()
    action, description = "Pay the bill. " * 500, "Because. " * 20_000
    config = {"allowed_decisions": ["approve", "reject"], "description": description}
    middleware = asks(client, interrupt_on={"pay": config}, action=lambda _: action)
    model = scripted(calls(("pay", {"order": 1, "amount": 2})), "Done.")
    assert await told(invoke, create_agent(model, [bank.pay], middleware=[middleware])) == [
        ("success", "paid 1")
    ]
    (asked,) = fake.decisions
    context = str(asked.context)
    assert context.startswith(action)
    whole = f"{action}\n\n{description}"
    assert context.endswith(f"SHA-256 {hashlib.sha256(whole.encode()).hexdigest()}]")
    assert f"{len(whole):,} characters" in context


@pytest.mark.parametrize("at_fault", ["approver", "metadata"])
async def test_settings_are_not_the_models_to_mend(
    client: Any, invoke: Invoke, fake: FakeHandover, at_fault: str
) -> None:
    """What is wrong with a field of ours is raised, for whoever wrote it."""
    settings: dict[str, Any] = {"approver": APPROVER, at_fault: "nobody"}
    middleware = ApprovalMiddleware(client, interrupt_on={"pay": True}, **settings)
    agent: Any = create_agent(
        scripted(calls(("pay", {"order": 1, "amount": 1}))), [Bank().pay], middleware=[middleware]
    )
    with pytest.raises(InvalidRequestError, match=at_fault):
        await invoke(agent, HELLO)
    assert fake.decisions == []


async def test_middleware_and_large_integers(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """They are asked as texts, and the tool runs with the integers, also beside and after a change;
    one that is made of something else is a rejection."""
    bank = Bank()
    asked = {"order": str(LARGE), "amount": 2.0, "note": {"ids": [str(LARGE), 1]}}
    call = ("pay", {"order": LARGE, "amount": 2.0, "note": {"ids": [LARGE, 1]}})
    fake.approves()
    fake.modifies({**asked, "amount": 3.0})
    fake.modifies({**asked, "order": str(LARGE + 1), "note": {"ids": [str(LARGE), 1, 2]}})
    fake.modifies({**asked, "order": "all of them"})
    answers: list[tuple[str, str]] = []
    for _ in range(4):
        model = scripted(calls(call), "Done.")
        agent = create_agent(model, [bank.pay], middleware=[asks(client, "pay")])
        answers += await told(invoke, agent)
    assert [each.payload for each in fake.decisions] == [asked] * 4
    assert bank.ran == [
        (LARGE, 2.0, {"ids": [LARGE, 1]}),
        (LARGE, 3.0, {"ids": [LARGE, 1]}),
        (LARGE + 1, 2.0, {"ids": [LARGE, 1, 2]}),
    ]
    status, text = answers[-1]
    assert status == "error"
    assert "the approver's order does not fit" in text


async def test_names_that_a_model_makes_up(client: Any, invoke: Invoke) -> None:
    """Those that a strict tool refuses are told so that they can be sent, and are not repeated at
    length."""

    class Strict(BaseModel):
        model_config = ConfigDict(extra="forbid")
        order: int

    @tool(args_schema=Strict)
    def pay(order: int) -> str:
        """Pay."""
        raise NotImplementedError

    for made_up, why in ((HALF, "half of a character"), ("x" * 5_000, "Extra inputs")):
        model = scripted(calls(("pay", {"order": 1, made_up: 1})), "Done.")
        agent = create_agent(model, [pay], middleware=[asks(client, "pay")])
        ((status, text),) = await told(invoke, agent)
        assert (status, why in text, len(text) < 500) == ("error", True, True)
        text.encode()


async def test_change_that_the_tool_would_refuse(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """It is a rejection that says why, before the tool is touched; where no rejection is allowed it
    is raised."""
    bank = Bank()
    fake.modifies({"order": 1, "amount": "cheap"})
    fake.modifies({"order": 1})
    model = scripted(calls(("pay", {"order": 1, "amount": 1})), "Done.")
    agent: Any = create_agent(model, [bank.pay], middleware=[asks(client, "pay")])
    ((status, text),) = await told(invoke, agent)
    assert status == "error"
    assert "has not run. amount: Input should be a valid number" in text
    only = {"pay": {"allowed_decisions": ["approve", "edit"]}}
    model = scripted(calls(("pay", {"order": 1, "amount": 1})), "Done.")
    agent = create_agent(model, [bank.pay], middleware=[asks(client, interrupt_on=only)])
    with pytest.raises(ActionDenied):
        await invoke(agent, HELLO)
    assert bank.ran == []
    for execution in (each.execution for each in fake.decisions):
        assert execution
        assert execution.status == "failed"
        assert "does not fit the tool, which has not run. amount:" in str(execution.result)


class Item(BaseModel):
    price: Decimal

    @field_validator("price", mode="before")
    @classmethod
    def without_currency(cls, value: Any) -> Any:
        return str(value).removeprefix("EUR ")


async def test_middleware_asks_about_the_models_arguments_alone(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """What is injected is neither sent nor missed when the arguments are checked; a tool's own
    validators have the last word about them."""
    ran: list[Any] = []

    @tool
    def buy(
        item: Item,
        runtime: ToolRuntime,
        state: Annotated[dict[str, Any], InjectedState],
        mine: Annotated[int, InjectedToolArg] = 5,
    ) -> str:
        """Buy."""
        ran.append((item.price, runtime.tool_call_id, state["messages"][0].text, mine))
        return "bought"

    fake.approves()
    fake.modifies({"item": {"price": "EUR 3"}})
    for _ in range(2):
        model = scripted(calls(("buy", {"item": {"price": "EUR 2"}})), "Done.")
        agent = create_agent(model, [buy], middleware=[asks(client, "buy")])
        ((status, _),) = await told(invoke, agent)
        assert status == "success"
    said = HELLO["messages"][0][1]
    assert ran == [(Decimal(price), "call0", said, 5) for price in (2, 3)]
    assert [each.payload for each in fake.decisions] == [{"item": {"price": "EUR 2"}}] * 2
    assert said not in str([each.model_dump() for each in fake.decisions])


UNSAID: list[tuple[dict[str, Any], str]] = [
    ({"action": " "}, "action: it is empty"),
    ({"action": ""}, "action: it is empty"),
    ({"action": HALF}, ""),
    ({"action": "Refund", "context": HALF}, ""),
    ({"action": None}, ""),
]


async def test_tool_tells_the_model_what_to_change(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """What nobody can be asked is an error for the model, inside an agent and outside of one."""
    ask = request_human_approval(client, approver=APPROVER)
    for args, why in UNSAID:
        agent = create_agent(scripted(calls((ask.name, args)), "Done."), [ask])
        ((status, text),) = await told(invoke, agent)
        assert (status, why in text) == ("error", True)
        text.encode()
    call = ToolCall(name=ask.name, args={"action": " "}, id="1", type="tool_call")
    assert (await invoke(ask, call)).status == "error"
    assert fake.decisions == []


async def test_tool_cuts_what_is_too_long(client: Any, invoke: Invoke, fake: FakeHandover) -> None:
    """All of a long action stands in the context, as far as the approver can read it."""
    fake.approves()
    fake.approves()
    ask = request_human_approval(client, approver=APPROVER)
    action = "Refund order 1142. " * 200
    assert "Approved by" in await invoke(ask, {"action": action, "context": "It broke."})
    assert "Approved by" in await invoke(ask, {"action": action, "context": "x" * 200_000})
    first, second = fake.decisions
    assert first.context == f"{action}\n\nIt broke."
    assert (len(first.action), first.action[-1]) == (2000, "…")
    assert "cut here: all of it has 203,802 characters" in str(second.context)


async def test_decorated_tool_tells_the_model(
    client: Any, kind: str, invoke: Invoke, fake: FakeHandover
) -> None:
    """A tool that is a function with `require_approval` does not end the agent either; one that
    handles its errors itself gets this one."""

    def pay(order: int, note: Any = None) -> str:
        """Pay."""
        return f"paid {order}"

    async def pay_later(order: int, note: Any = None) -> str:
        """Pay."""
        return f"paid {order}"

    function: Any = pay if kind == "blocking" else pay_later
    made: Any = tool(require_approval(approver=APPROVER, client=client)(function))
    for handles in (False, True):
        made.handle_tool_error = handles
        for note in (float("nan"), HALF, "x" * 300_000):
            model = scripted(calls((made.name, {"order": 1, "note": note})), "Done.")
            ((status, text),) = await told(invoke, create_agent(model, [made]))
            assert (status, text[:18]) == ("error", "Nobody was asked. ")
            text.encode()
    fake.approves()
    model = scripted(calls((made.name, {"order": LARGE})), "Done.")
    assert await told(invoke, create_agent(model, [made])) == [("success", f"paid {LARGE}")]
    assert [each.payload for each in fake.decisions] == [{"order": str(LARGE), "note": None}]
