"""LangChain agents: the tool, the middleware, and LangChain's own requests over the bridge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent

from handover import ActionDenied, ConfigurationError
from handover.integrations.langchain import ApprovalMiddleware, request_human_approval
from handover.testing import FakeHandover, Reply
from tests.sdk.integrations.conftest import APPROVER, Start
from tests.sdk.integrations.models import calls, results, scripted
from tests.support import eventually

Invoke = Callable[..., Awaitable[Any]]
ALL = ["approve", "edit", "reject", "respond"]
HELLO = {"messages": [("user", "Refund order 1142, and tell the customer.")]}


class Bank:
    """Two tools, and what they did."""

    def __init__(self) -> None:
        self.ran: list[Any] = []

        @tool
        def refund(order: int, amount: float) -> str:
            """Refund an order."""
            self.ran.append((order, amount))
            return f"refunded {amount:g}"

        @tool
        def look_up(order: int) -> str:
            """Look up an order."""
            return f"order {order}: a cup"

        self.tools: list[Any] = [refund, look_up]


ARGS = {"order": 1142, "amount": 49.9}
REFUND = ("refund", ARGS)


def answered(fake: FakeHandover, decision: str) -> None:
    match decision:
        case "approve":
            fake.approves()
        case "edit":
            fake.modifies({**ARGS, "amount": 20})
        case "reject":
            fake.denies(notes="not today")
        case "respond":
            fake.answers(data={"respond": "The customer was refunded by hand."})
        case fate:
            getattr(fake, fate)()


OUTCOMES = {
    "approve": ([(1142, 49.9)], "success", "refunded 49.9"),
    "edit": ([(1142, 20)], "success", "refunded 20"),
    "reject": ([], "error", "not today"),
    "respond": ([], "success", "The customer was refunded by hand."),
    "expires": ([], "error", "nobody answered"),
    "cancels": ([], "error", "stopped by an operator"),
}


def middleware(client: Any, **settings: Any) -> Any:
    return ApprovalMiddleware(
        client, **{"approver": APPROVER, "interrupt_on": {"refund": True}} | settings
    )


@pytest.mark.parametrize("decision", OUTCOMES)
async def test_middleware(client: Any, invoke: Invoke, fake: FakeHandover, decision: str) -> None:
    """Without a checkpointer: the tool runs as the approver says, the model is told what became of
    its call, and a tool that is not named runs unasked."""
    answered(fake, decision)
    bank = Bank()
    model = scripted(calls(REFUND, ("look_up", {"order": 1142})), "Done.")
    agent = create_agent(model, bank.tools, middleware=[middleware(client)])
    state = await invoke(agent, HELLO)
    ran, status, said = OUTCOMES[decision]
    told = results(state)
    assert bank.ran == ran
    assert (told["call0"].status, said in told["call0"].text) == (status, True)
    assert told["call1"].text == "order 1142: a cup"
    (asked,) = fake.decisions
    assert (asked.action, asked.payload) == ("Run the tool refund", ARGS)
    assert asked.context == "Refund an order."
    assert (asked.execution and asked.execution.status) == ("succeeded" if ran else None)
    if decision == "edit":
        assert "ran with" in told["call0"].text


@pytest.mark.parametrize("mode", ["batched", "per_call"])
@pytest.mark.parametrize("decision", OUTCOMES)
async def test_langchains_own_requests(
    bridge: Start, fake: FakeHandover, config: Any, decision: str, mode: Any
) -> None:
    """`HumanInTheLoopMiddleware` in both its modes goes on with LangChain's decisions; each of
    several calls is a decision of its own."""
    answered(fake, decision)
    fake.approves()
    bank = Bank()
    human = HumanInTheLoopMiddleware({"refund": True}, interrupt_mode=mode)
    second = ("refund", {"order": 7, "amount": 1})
    model = scripted(calls(REFUND, second), "Done.")
    agent = create_agent(model, bank.tools, middleware=[human], checkpointer=InMemorySaver())
    state = await bridge(agent)("run", HELLO, config)
    ran, status, said = OUTCOMES[decision]
    told = results(state)
    assert sorted(bank.ran) == sorted([*ran, (7, 1)])
    assert (told["call0"].status, said in told["call0"].text) == (status, True)
    assert told["call1"].text == "refunded 1"
    assert len(fake.decisions) == 2


async def test_calls_of_one_turn_are_asked_at_the_same_time(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """Both are asked before either is answered."""
    fake.answers_by(lambda _: "stays_pending")
    bank = Bank()
    model = scripted(calls(REFUND, ("refund", {"order": 7, "amount": 1})), "Done.")
    agent = create_agent(model, bank.tools, middleware=[middleware(client)])
    running = asyncio.ensure_future(invoke(agent, HELLO))
    await eventually(lambda: len(fake.decisions) == 2)
    for asked in fake.decisions:
        fake.answer(asked.id)
    await running
    assert sorted(bank.ran) == [(7, 1), (1142, 49.9)]


async def test_when_description_and_fields(client: Any, invoke: Invoke, fake: FakeHandover) -> None:
    """`when`, `description` and `allowed_decisions` are LangChain's; fields may be functions of the
    tool call."""
    fake.approves()
    bank = Bank()
    asks = middleware(
        client,
        action=lambda request: f"Refund order {request.tool_call['args']['order']}",
        approver=lambda request: f"order{request.tool_call['args']['order']}@example.com",
        urgency="high",
        interrupt_on={
            "refund": {
                "allowed_decisions": ["approve", "reject"],
                "description": lambda call, state, runtime: f"{call['name']}: {len(state)} said",
                "when": lambda request: request.tool_call["args"]["amount"] > 10,
            }
        },
    )
    model = scripted(calls(REFUND, ("refund", {"order": 7, "amount": 1})), "Done.")
    await invoke(create_agent(model, bank.tools, middleware=[asks]), HELLO)
    assert sorted(bank.ran) == [(7, 1), (1142, 49.9)]
    (asked,) = fake.decisions
    assert (asked.action, asked.approver) == ("Refund order 1142", "order1142@example.com")
    assert asked.options == ["approve", "deny"]
    assert asked.context == "refund: 1 said"


@pytest.mark.parametrize("once", [True, False])
async def test_tool_call_that_is_made_again_asks_once(
    client: Any, invoke: Invoke, fake: FakeHandover, config: Any, once: bool
) -> None:
    """With a checkpointer, a tool that failed after its approval is not asked about again. What was
    approved has run, and the model is told how that ended; or it may run more than once."""
    fails = [RuntimeError("the bank is closed")]

    @tool
    def refund(order: int) -> str:
        """Refund an order."""
        if fails:
            raise fails.pop()
        return f"refunded {order}"

    fake.approves()
    model = scripted(calls(("refund", {"order": 1})), "Done.")
    agent = create_agent(
        model, [refund], middleware=[middleware(client, once=once)], checkpointer=InMemorySaver()
    )
    with pytest.raises(RuntimeError, match="the bank is closed"):
        await invoke(agent, HELLO, config)
    told = results(await invoke(agent, None, config))["call0"]
    (decision,) = fake.decisions
    if once:
        assert told.status == "error"
        assert "must not run: it was claimed by agent" in told.text
        assert decision.execution
        assert (decision.execution.status, decision.execution.result) == ("failed", "RuntimeError")
    else:
        assert told.text == "refunded 1"
        assert decision.execution is None


async def test_no_word_for_a_no_is_raised(client: Any, invoke: Invoke, fake: FakeHandover) -> None:
    """Where neither `reject` nor `respond` is allowed, nobody's answer raises, and nothing runs."""
    fake.expires()
    bank = Bank()
    asks = middleware(client, interrupt_on={"refund": {"allowed_decisions": ["approve"]}})
    agent = create_agent(scripted(calls(REFUND)), bank.tools, middleware=[asks])
    with pytest.raises(ActionDenied):
        await invoke(agent, HELLO)
    assert bank.ran == []


async def test_edit_that_does_not_fit(bridge: Start, fake: FakeHandover, config: Any) -> None:
    """Arguments that the tool does not take are a rejection that says why, and the other calls of
    the turn run once."""
    fake.modifies({"order": "all of them"})
    fake.approves()
    bank = Bank()
    human = HumanInTheLoopMiddleware({"refund": True}, interrupt_mode="per_call")
    model = scripted(calls(REFUND, ("refund", {"order": 7, "amount": 1})), "Done.")
    agent = create_agent(model, bank.tools, middleware=[human], checkpointer=InMemorySaver())
    told = results(await bridge(agent, together=True)("run", HELLO, config))  # so both are answered
    assert bank.ran == [(7, 1)]
    assert "does not fit" in told["call0"].text
    assert told["call1"].text == "refunded 1"


async def test_edit_that_does_not_fit_the_middleware(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """The tool itself refuses arguments that it does not take."""
    fake.modifies({"order": "all of them"})
    bank = Bank()
    agent = create_agent(
        scripted(calls(REFUND), "Done."), bank.tools, middleware=[middleware(client)]
    )
    assert results(await invoke(agent, HELLO))["call0"].status == "error"
    assert bank.ran == []


async def test_only_an_answer(client: Any, invoke: Invoke, fake: FakeHandover) -> None:
    """A tool that is a question to a person: only `respond` is allowed, and it has to be typed."""

    @tool
    def ask_the_team(question: str) -> str:
        """Ask the team."""
        raise NotImplementedError

    fake.answers(data={"respond": "Monday."})
    asks = middleware(client, interrupt_on={"ask_the_team": {"allowed_decisions": ["respond"]}})
    model = scripted(calls(("ask_the_team", {"question": "When?"})), "Done.")
    state = await invoke(create_agent(model, [ask_the_team], middleware=[asks]), HELLO)
    assert results(state)["call0"].text == "Monday."
    (asked,) = fake.decisions
    assert asked.options == ["approve"]
    assert asked.response_type.fields
    assert asked.response_type.fields[0].required


def test_misuse_is_refused(client: Any) -> None:
    """What would silently let a tool run unasked, or run something else than was approved, is
    refused."""
    for config in ({}, {"allowed_decisions": []}, {"allowed_decisions": ["accept"]}):
        with pytest.raises(ConfigurationError, match="allowed_decisions"):
            middleware(client, interrupt_on={"refund": config})
    for field in ("payload", "options", "response_type", "model"):
        with pytest.raises(TypeError, match=field):
            middleware(client, **{field: None})
    with pytest.raises(ConfigurationError, match="callback_url"):
        middleware(client, callback_url="https://agent.example.com")


async def test_client_of_the_other_kind(fake: FakeHandover) -> None:
    """A blocking client would hold up the event loop, and the other has none to run in."""
    for client, run, word in (
        (fake.client(), lambda agent: agent.ainvoke(HELLO), "`invoke`"),
        (fake.async_client(), lambda agent: asyncio.to_thread(agent.invoke, HELLO), "`ainvoke`"),
    ):
        bank = Bank()
        agent: Any = create_agent(
            scripted(calls(REFUND)), bank.tools, middleware=[middleware(client)]
        )
        with pytest.raises(ConfigurationError, match=word):
            await run(agent)
        assert bank.ran == []


SAID = [
    ("approve", "Approved by approver@example.com. You may do this: Refund order 1142"),
    ("modify", "approver@example.com says what to do instead: Refund half"),
    ("deny", "Not approved: "),
]


@pytest.mark.parametrize(("choice", "said"), SAID)
async def test_tool(
    client: Any, invoke: Invoke, fake: FakeHandover, choice: str, said: str
) -> None:
    """The model writes the action and its context, is not asked for the approver, and reads what
    was decided."""
    if choice == "modify":
        fake.modifies("Refund half")
    else:
        fake.answers_by(lambda _: Reply(choice=choice, notes="as the test says"))  # pyright: ignore[reportArgumentType] - one of the choices, from the table
    ask = request_human_approval(client, approver=APPROVER, timeout_minutes=30)
    assert set(ask.args) == {"action", "context"}
    asked = {"action": "Refund order 1142", "context": "It broke."}
    model = scripted(calls(("request_human_approval", asked)), "Done.")
    state = await invoke(create_agent(model, [ask]), HELLO)
    assert said in results(state)["call0"].text
    (decision,) = fake.decisions
    assert (decision.action, decision.context) == ("Refund order 1142", "It broke.")
    assert (decision.approver, decision.timeout_minutes) == (APPROVER, 30)


async def test_tool_outside_a_graph(client: Any, invoke: Invoke, fake: FakeHandover) -> None:
    """It works where no graph runs, and asks each time then."""
    ask = request_human_approval(client, approver=APPROVER)
    for _ in range(2):
        fake.approves()
        assert "Approved" in await invoke(ask, {"action": "Refund order 1142"})
    assert len(fake.decisions) == 2


async def test_model_cannot_choose_the_approver(
    client: Any, invoke: Invoke, fake: FakeHandover
) -> None:
    """What else a model writes is not taken."""
    fake.approves()
    ask = request_human_approval(client, approver=APPROVER)
    asked = {
        "action": "Refund",
        "approver": "me@example.com",
        "urgency": "low",
        "timeout_minutes": 1,
    }
    model = scripted(calls(("request_human_approval", asked)), "Done.")
    await invoke(create_agent(model, [ask]), HELLO)
    assert fake.decisions[0].approver == APPROVER
    assert fake.decisions[0].timeout_minutes == 60


async def test_tool_in_a_react_agent(client: Any, invoke: Invoke, fake: FakeHandover) -> None:
    """LangGraph's own agent, deprecated and in use, takes the same tool."""
    fake.approves()
    ask = request_human_approval(client, approver=APPROVER)
    model = scripted(calls(("request_human_approval", {"action": "Refund"})), "Done.")
    with pytest.warns(DeprecationWarning, match="create_react_agent"):
        agent = create_react_agent(model, [ask])
    assert "Approved by" in results(await invoke(agent, HELLO))["call0"].text
