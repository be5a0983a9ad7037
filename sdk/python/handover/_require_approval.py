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
"""The call that may run, with the run to report to the record; None if nothing is claimed."""


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

    The approver sees the arguments, and may change them: unchanged ones are the very objects of the
    call, and changes are checked against the signature and its annotations. The function has not
    run when this raises. It raises `ActionDenied` when they denied, `DecisionExpired` when nobody
    answered in time, `DecisionCancelled`, `ArgumentsRefused` when the permitted arguments do not
    fit the function, `AlreadyClaimed` when another call runs what was approved or has run it,
    `NotAskedError` for arguments that nobody could be shown (LangGraph and Pydantic AI pass it to
    the model, and go on), and the errors of `client.approve`. With `otherwise="return"` it returns,
    for all of these but the last, a text that says why it has not run, for a model whose framework
    hides errors, or ends with them.

    `action` and `context` are texts in which `{argument}` stands for an argument, or functions of
    the arguments by name. By default the action is the function's name and the first line of its
    docstring.

    `payload` names the arguments that the approver sees, by default all. They must have a form in
    JSON: a default or an annotation without one is refused here (`TypeError`). Arguments that it
    leaves out run as they were called. `mask` names those of which the approver sees `***`: their
    values are never sent, nor given to the texts, and the approver cannot change them. A masked
    value is no part of what was approved.

    Arguments that LangChain, LangGraph, Pydantic AI, the OpenAI Agents SDK or MCP fill in, a
    context or a state, are never shown, nor are those annotated as `Annotated[…, handover.Hidden]`.
    A text has them only if it names them.

    `policy` allows harmless actions without a request, by the function's name (a method's is
    `Class.method`), and logs that.

    `idempotency_key`, given like the action, makes a call with the same key and the same question
    find the answer of the first one, even after the process died. What was approved runs once: the
    function has not run when this raises `AlreadyClaimed`. The decision's record has how it ended:
    only the kind of an error, and of its return value what `result` makes of it. With `once=False`
    each call with the key runs, and nothing is recorded: for a function that may run several times.

    If no `client` is given, the first call makes one from the environment. A function that is
    awaited takes an `AsyncHandoverClient`. Generators are refused (`TypeError`), since they run
    only after the call, and so is everything else that is no function.
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
    """Return the permitted part of this call; its run lasts until the stack is left."""
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
    """Do the same in an event loop."""
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
    """Return the given client, which is not closed, or the one that the environment makes."""
    return nullcontext(client) if client else asynchronous_client()


@contextmanager
def _told_to_models() -> Generator[None]:
    """Pass `NotAskedError` to the caller, who may be a model."""
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
