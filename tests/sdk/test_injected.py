"""What a framework fills in is nobody's argument: it is not sent, and runs as it was given."""

from __future__ import annotations

import logging
import numbers
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import pytest
from langchain.agents import create_agent
from langchain.tools import ToolRuntime
from langchain_core.callbacks import CallbackManagerForToolRun, Callbacks
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolArg, InjectedToolCallId, tool
from langgraph.graph import START, StateGraph
from langgraph.prebuilt import InjectedState
from langgraph.runtime import Runtime
from pydantic import BaseModel
from pydantic_ai import Agent, RunContext
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel

from handover import ApprovalPolicy, Hidden, require_approval
from handover._injected import is_injected
from handover.testing import FakeHandover
from tests.sdk.integrations.models import calls, results, scripted

if TYPE_CHECKING:
    from somewhere_else import Session  # pyright: ignore[reportMissingImports]

APPROVER = "approver@example.com"
SECRET = "sk-secret"
SAID = "Refund order 1142."
LARGE = 2**64 + 1


@pytest.fixture
def fake() -> FakeHandover:
    return FakeHandover()


def asking(fake: FakeHandover, **options: Any) -> Callable[[Any], Any]:
    return require_approval(approver=APPROVER, client=fake.client(), **options)


def asking_later(fake: FakeHandover, **options: Any) -> Callable[[Any], Any]:
    return require_approval(approver=APPROVER, client=fake.async_client(), **options)


@dataclass
class Context:
    api_key: str


def payloads(fake: FakeHandover) -> list[Any]:
    """What was asked about; nothing else of the requests tells what nobody is to see."""
    everything = str([each.model_dump() for each in fake.decisions])
    assert SECRET not in everything
    assert SAID not in everything
    return [each.payload for each in fake.decisions]


@pytest.mark.parametrize("is_awaited", [False, True], ids=["blocking", "asynchronous"])
async def test_langchain(fake: FakeHandover, is_awaited: bool) -> None:
    """State, runtime, config, callbacks, the call's id, and whatever else LangChain is told to
    inject: the tool has all of them and the approver none, who may change the rest."""
    seen: list[Any] = []

    def refund(
        order: int,
        runtime: ToolRuntime[Context],
        state: Annotated[dict[str, Any], InjectedState],
        config: RunnableConfig,
        call_id: Annotated[str, InjectedToolCallId],
        run_manager: CallbackManagerForToolRun | None = None,
        callbacks: Callbacks = None,
        mine: Annotated[Any, InjectedToolArg] = "mine",
    ) -> str:
        """Refund an order."""
        said = state["messages"][0].text
        seen.append((order, runtime.context.api_key, said, config.get("tags"), call_id, mine))
        return f"refunded {order}"

    async def refund_later(
        order: int,
        runtime: ToolRuntime[Context],
        state: Annotated[dict[str, Any], InjectedState],
        config: RunnableConfig,
        call_id: Annotated[str, InjectedToolCallId],
    ) -> str:
        """Refund an order."""
        return refund(order, runtime, state, config, call_id)

    asks: dict[str, Any] = {
        "action": "Refund for {call_id}",
        "context": lambda arguments: f"{arguments}",
    }
    decorated = (
        asking_later(fake, **asks)(refund_later) if is_awaited else asking(fake, **asks)(refund)
    )
    made: Any = tool(decorated)
    assert list(made.args) == ["order"]
    fake.approves()
    fake.modifies({"order": 7})
    call = (made.name, {"order": LARGE})
    model = scripted(calls(call), calls((made.name, {"order": 5})), "Done.")
    agent: Any = create_agent(model, [made], context_schema=Context)
    invoked = agent.ainvoke if is_awaited else agent.invoke
    state = invoked({"messages": [("user", SAID)]}, {"tags": ["a"]}, context=Context(SECRET))
    state = await state if is_awaited else state
    assert payloads(fake) == [{"order": str(LARGE)}, {"order": 5}]
    assert {each.action for each in fake.decisions} == {"Refund for call0"}
    assert seen == [(order, SECRET, SAID, ["a"], "call0", "mine") for order in (LARGE, 7)]
    assert results(state)["call0"].text == "refunded 7"


def test_langgraph(fake: FakeHandover) -> None:
    """A node that is a function asks about its state, and not about its runtime and config."""

    @asking(fake)
    def node(state: dict[str, Any], runtime: Runtime[Context], config: RunnableConfig) -> Any:
        return {"said": [runtime.context.api_key, config.get("tags")]}

    class State(BaseModel):
        order: int
        said: list[Any] = []

    graph: Any = StateGraph(State, context_schema=Context)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    fake.approves()
    state = graph.compile().invoke({"order": LARGE}, {"tags": ["a"]}, context=Context(SECRET))
    assert state["said"] == [SECRET, ["a"]]
    assert payloads(fake) == [{"state": {"order": str(LARGE), "said": []}}]


async def test_pydantic_ai(fake: FakeHandover) -> None:
    """The run's context, which has the agent's own secrets, is not sent; what a model writes and
    nobody can be asked is told to the model, and the run goes on."""
    seen: list[Any] = []
    agent: Any = Agent(deps_type=Context)

    @agent.tool
    @asking(fake)
    def refund(ctx: RunContext[Context], order: int, amount: float) -> str:
        seen.append((ctx.deps.api_key, order, amount))
        return "refunded"

    @agent.tool
    @asking_later(fake)
    async def refund_later(ctx: RunContext[Context], order: int, amount: float) -> str:
        seen.append((ctx.deps.api_key, order, amount))
        return "refunded"

    says = iter(
        [
            ToolCallPart("refund", '{"order": 1, "amount": NaN}'),
            ToolCallPart("refund", {"order": LARGE, "amount": 2.0}),
            ToolCallPart("refund_later", '{"order": 1, "amount": Infinity}'),
            ToolCallPart("refund_later", {"order": 5, "amount": 2.0}),
            TextPart("Done."),
        ]
    )
    told: list[str] = []

    def model(messages: list[Any], _: Any) -> ModelResponse:
        told.extend(str(getattr(each, "content", "")) for each in messages[-1].parts)
        return ModelResponse([next(says)])

    fake.approves()
    fake.modifies({"order": 7, "amount": 2.0})
    ran = await agent.run(SAID, model=FunctionModel(model), deps=Context(SECRET))
    assert ran.output == "Done."
    assert [each for each in told if "Nobody was asked. amount: " in each] == told[1::2]
    assert seen == [(SECRET, LARGE, 2.0), (SECRET, 7, 2.0)]
    assert payloads(fake) == [{"order": str(LARGE), "amount": 2.0}, {"order": 5, "amount": 2.0}]


def named(module: str, name: str, *bases: type) -> Any:
    """A class as a framework has it that the tests do not take."""
    return type(name, bases, {"__module__": module})


T = TypeVar("T")
OfOpenAI = named("agents.run_context", "RunContextWrapper", Context)
OfTool = named("agents.tool_context", "ToolContext", OfOpenAI)
OfMCP = named("mcp.server.mcpserver.context", "Context", BaseModel)
OfFastMCP = named("fastmcp.server.context", "Context")


def test_frameworks_by_the_names_of_their_classes(fake: FakeHandover) -> None:
    """The OpenAI Agents SDK, MCP and FastMCP: contexts are known by name, in unions and with
    parameters too, and also where nothing is annotated or the annotation is a text."""
    for hint in (OfOpenAI, OfTool, OfTool | None, OfMCP, Annotated[OfFastMCP, "the context"]):
        assert is_injected(hint)
    for hint in (Context, int, Any, list[int], int | None, Annotated[str, "a note"], "Context"):
        assert not is_injected(hint)

    @asking(fake)
    def first(ctx: OfOpenAI, order: int) -> tuple[str, int]:  # pyright: ignore[reportInvalidTypeForm]
        return ctx.api_key, order

    @asking(fake)
    def second(ctx, order: int) -> tuple[str, int]:
        return ctx.api_key, order

    @asking(fake)
    def third(ctx: RunContextWrapper[Elsewhere], order: int) -> tuple[str, int]:  # pyright: ignore[reportUndefinedVariable] # noqa: F821
        return ctx.api_key, order

    for function in (first, second, third):
        fake.modifies({"order": 7})
        assert function(OfTool(SECRET), 5) == (SECRET, 7)
    assert payloads(fake) == [{"order": 5}] * 3


class Bank:
    """Any object, which has no form in JSON."""

    key = SECRET


def test_hidden(fake: FakeHandover, caplog: pytest.LogCaptureFixture) -> None:
    """What its author hides is neither sent nor looked at by a policy, in every place that a
    parameter may have; a text has it where it is named, and nowhere else."""
    caplog.set_level(logging.DEBUG)
    policy = ApprovalPolicy(keywords=[SECRET], max_amount=10, harmless=["pay"])
    options: dict[str, Any] = {
        "action": "Pay for {bank.__class__.__name__}",
        "context": lambda told: f"{told} {list(told.items())} {told['clock']}",
    }

    class Till:
        @asking(fake, **options)
        def refund(
            self,
            bank: Annotated[Bank, Hidden],
            /,
            order: int,
            *,
            clock: Annotated[int, Hidden()] = 12,
            log: Annotated[Bank | None, Hidden] = None,
        ) -> Any:
            return bank, order, clock, log

    bank = Bank()
    fake.modifies({"order": 7})
    assert Till().refund(bank, 5, log=bank) == (bank, 7, 12, bank)
    (asked,) = fake.decisions
    assert asked.action == "Pay for Bank"
    assert str(asked.context).endswith(" 12")
    assert "Bank object" not in str(asked.context).replace(repr(Till), "")
    assert payloads(fake) == [{"order": 5}]

    @asking(fake, policy=policy)
    def pay(amount: int, token: Annotated[str, Hidden], *banks: Annotated[Bank, Hidden]) -> int:
        return amount

    assert pay(5, SECRET, bank) == 5
    assert SECRET not in caplog.text
    assert len(fake.decisions) == 1


@dataclass
class WithLogger:
    log: logging.Logger


class Base:
    """A class of which others are dataclasses."""


@dataclass
class Refund(Base):
    order: int


class Named(Protocol):
    name: str


NOT_SHOWN: list[Any] = [
    Bank,
    Bank | None,
    list[Bank],
    dict[str, Sequence[Bank]],
    Annotated[Bank, "a note"],
    WithLogger,
    logging.Logger,
    Callable[[int], int],
    Iterator[int],
    Awaitable[int],
    type[int],
    type,
]
SHOWN: list[Any] = [
    Any,
    object,
    T,
    int | Bank,
    Base,
    Named,
    numbers.Number,
    BaseModel,
    list[Decimal],
    Annotated[int, "a note"],
]


def test_what_cannot_be_shown_is_told_at_decoration(fake: FakeHandover) -> None:
    """A parameter whose annotation promises no JSON is refused before any call, with all that may
    be done about it; one that may be JSON is not."""

    def decorated(hint: Any, **options: Any) -> Any:
        def send(what) -> None: ...

        send.__annotations__["what"] = hint
        return asking(fake, **options)(send)

    for hint in NOT_SHOWN:
        with pytest.raises(TypeError, match=r"'what' cannot be shown .*Hidden.*payload=.*mask="):
            decorated(hint)
        decorated(hint, mask=["what"])
        decorated(hint, payload=[])
        decorated(Annotated[hint, Hidden])
    for hint in SHOWN:
        decorated(hint)

    with pytest.raises(ValueError, match="payload: no argument that is shown is named what"):
        decorated(Annotated[int, Hidden], payload=["what"])

    @asking(fake)  # which a type checker alone can read
    def later(session: Session, order: int) -> None: ...
