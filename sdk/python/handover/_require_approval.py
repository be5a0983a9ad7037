"""`require_approval`: a function that runs only as a person approved."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    contextmanager,
    nullcontext,
)
from typing import Any, Literal, ParamSpec, TypeVar, Unpack, cast

from ._asking import told_to_caller
from ._ctrl_c import CtrlC, looking_up
from ._default_clients import asynchronous_client, blocking_client
from ._frameworks import for_the_model
from ._gates import Gate, Settings, Told
from ._once import Run, not_run, running, running_async, tell_unfit, tell_unfit_async
from ._values import UnfitValueError
from .client import AsyncHandoverClient, HandoverClient
from .exceptions import (
    ActionDenied,
    ArgumentsRefused,
    FieldError,
    InvalidRequestError,
    NotAskedError,
)
from .policy import ApprovalPolicy
from .resources import ApprovalFields, checked

P = ParamSpec("P")
T = TypeVar("T")
Client = HandoverClient | AsyncHandoverClient
Permitted = tuple[inspect.BoundArguments, Run | None]
"""The call that may run, and what is told of it to the record; None where nothing is."""


def require_approval(
    *,
    approver: str | Sequence[str],
    client: Client | None = None,
    action: Told = None,
    context: Told = None,
    payload: Collection[str] | None = None,
    mask: Collection[str] = (),
    policy: ApprovalPolicy | None = None,
    idempotency_key: Told = None,
    once: bool = True,
    result: Callable[[Any], object] | None = None,
    otherwise: Literal["raise", "return"] = "raise",
    **fields: Unpack[ApprovalFields],
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Have a person approve each call of a function, before the function runs.

    >>> from handover import require_approval
    >>> from handover.testing import FakeHandover
    >>> fake = FakeHandover()
    >>> @require_approval(approver="approver@example.com", client=fake.client())
    ... def refund(order: int, amount: float) -> str:
    ...     \"\"\"Give a customer their money back.\"\"\"
    ...     return f"refunded {amount:.2f} for order {order}"
    >>> fake.modifies({"order": 1142, "amount": 20.0})
    >>> refund(1142, amount=49.90)
    'refunded 20.00 for order 1142'

    The approver sees the arguments, and may change them: what they left alone are the very objects
    of the call, what they changed has been checked against the signature and its annotations. The
    function has not run when this raises: `ActionDenied` when they denied, `DecisionExpired`
    when nobody answered in time, `DecisionCancelled`, `ArgumentsRefused` when what they permitted
    does not fit the function, `AlreadyClaimed` when another call runs what was approved or has run
    it, `NotAskedError` for arguments that nobody could be shown (of which LangGraph and Pydantic AI
    tell the model, and go on), and what `client.approve` raises. With `otherwise="return"` it
    returns, for all of these but the last, a text that says why it has not run: what a model should
    be told whose framework hides errors, or ends with them.

    `action` and `context` are texts in which `{argument}` stands for one, or functions of the
    arguments by name; where nothing is said the action is the function's name and the first line of
    its docstring.

    `payload` names the arguments that the approver sees; where nothing is said that is all, and
    they have to have a form in JSON, or a default or an annotation that has none is refused here
    (`TypeError`). Those that it leaves out run as they were called. `mask` names those of which the
    approver sees `***`: their values are never sent, nor given to the texts, and the approver
    cannot change them. What a mask hides is no part of what was approved.

    What LangChain, LangGraph, Pydantic AI, the OpenAI Agents SDK or MCP fill in, a context or a
    state, is never shown, and neither is what is annotated as `Annotated[…, handover.Hidden]`. A
    text has it only where it is named.

    `policy` allows without a request what it lists as harmless, by the function's name (a method's
    is `Class.method`), and logs it.

    `idempotency_key`, told as the action is, makes a call with the same key and the same question
    find the answer of the first one, also after the process died. What was approved runs once: the
    function has not run when this raises `AlreadyClaimed`, and how it ended is in the decision's
    record, of an error its kind alone, and of what it returned what `result` makes of it. With
    `once=False` each call with the key runs, and nothing is recorded: for a function that may run
    several times.

    `client` is made from the environment at the first call where none is given. A function that
    is awaited takes an `AsyncHandoverClient`. Generators are refused, since they run only after
    they were called, and so is everything else that is no function (`TypeError`).
    """
    settings = Settings(
        approver=approver,
        action=action,
        context=context,
        payload=payload,
        mask=mask,
        policy=policy,
        idempotency_key=idempotency_key,
        once=once,
        result=result,
        raises=otherwise == "raise",
        fields=checked(fields, ApprovalFields, "require_approval"),
    )
    return lambda function: _gated(function, settings, client)


def _gated(function: Callable[P, T], settings: Settings, client: Client | None) -> Callable[P, T]:
    if isinstance(function, classmethod | staticmethod):
        method = cast(Any, function)
        return type(method)(_gated(method.__func__, settings, client))
    _check_function(function)
    gate = settings.gate(function)
    if inspect.iscoroutinefunction(function):
        return cast(Callable[P, T], _awaited(function, gate, client))
    return _blocking(function, gate, client)


def _blocking(function: Callable[P, T], gate: Gate, client: Client | None) -> Callable[P, T]:
    if isinstance(client, AsyncHandoverClient):
        raise TypeError(f"{gate.name} is not awaited, and takes a HandoverClient")

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with ExitStack() as stack:
            try:
                call, under_way = _permitted(gate, client, stack, args, kwargs)
            except (ActionDenied, NotAskedError) as error:
                return gate.otherwise(error)
            returned = function(*call.args, **call.kwargs)
            if under_way:
                under_way.result = gate.told(returned)
            return returned

    return run


def _permitted(
    gate: Gate,
    client: HandoverClient | None,
    stack: ExitStack,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Permitted:
    """What a person permits of this call; it runs until the stack is left."""
    with _told_to_models():
        question = gate.question(args, kwargs)
        if question.asked is None:
            return question.call, None
        asking = client or blocking_client()
        asked = functools.partial(asking.approve, **question.asked)
        decision = looking_up(asked, CtrlC().check)
        once = gate.settings.once
        try:
            call = question.permitted(decision)
        except ArgumentsRefused as error:
            if once:
                tell_unfit(asking, decision, not_run(error.reason))
            raise
        if not once:
            return call, None
        return call, stack.enter_context(running(asking, decision))


def _awaited(
    function: Callable[P, Awaitable[T]], gate: Gate, client: Client | None
) -> Callable[P, Awaitable[T]]:
    if isinstance(client, HandoverClient):
        raise TypeError(f"{gate.name} is awaited, and takes an AsyncHandoverClient")

    @functools.wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        async with AsyncExitStack() as stack:
            try:
                call, under_way = await _permitted_async(gate, client, stack, args, kwargs)
            except (ActionDenied, NotAskedError) as error:
                return gate.otherwise(error)
            returned = await function(*call.args, **call.kwargs)
            if under_way:
                under_way.result = gate.told(returned)
            return returned

    return run


async def _permitted_async(
    gate: Gate,
    client: AsyncHandoverClient | None,
    stack: AsyncExitStack,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Permitted:
    """As `_permitted`."""
    with _told_to_models():
        question = gate.question(args, kwargs)
        if question.asked is None:
            return question.call, None
        asking = await stack.enter_async_context(_given_or_shared(client))
        decision = await asking.approve(**question.asked)
        once = gate.settings.once
        try:
            call = question.permitted(decision)
        except ArgumentsRefused as error:
            if once:
                await tell_unfit_async(asking, decision, not_run(error.reason))
            raise
        if not once:
            return call, None
        return call, await stack.enter_async_context(running_async(asking, decision))


def _given_or_shared(
    client: AsyncHandoverClient | None,
) -> AbstractAsyncContextManager[AsyncHandoverClient]:
    """The client, which is not closed, or the one that the environment makes."""
    return nullcontext(client) if client else asynchronous_client()


@contextmanager
def _told_to_models() -> Generator[None]:
    """What nobody could be asked is told to whoever made the call, who may be a model."""
    try:
        yield
    except UnfitValueError as error:
        refused = NotAskedError(FieldError(".".join(error.path), error.why))
        raise for_the_model(refused) from error
    except (NotAskedError, InvalidRequestError) as error:
        raise for_the_model(told_to_caller(error)) from error


def _check_function(function: object) -> None:
    if not inspect.isfunction(function):
        raise TypeError(
            f"require_approval is put on a function, and {function!r} is none: of several"
            " decorators it is the one next to the `def`"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"require_approval cannot stand before the generator {function.__qualname__}, which"
            " does nothing when it is called: put it on what is called for each item"
        )
