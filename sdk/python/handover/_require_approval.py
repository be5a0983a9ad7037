"""`require_approval`: a function that runs only as a person approved."""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from string import Formatter
from typing import Any, Literal, ParamSpec, TypeVar, Unpack, cast

from ._arguments import Parameters
from ._asking import askable, checked_key, told_to_caller
from ._changes import permitted_call
from ._default_clients import asynchronous_client, blocking_client
from ._frameworks import for_the_model
from ._once import running, running_async
from ._values import UnfitValueError
from .client import AsyncHandoverClient, HandoverClient
from .exceptions import ActionDenied, FieldError, InvalidRequestError, NotAskedError
from .models import Decision, Urgency
from .policy import ApprovalPolicy
from .resources import ApprovalFields, checked

P = ParamSpec("P")
T = TypeVar("T")
Client = HandoverClient | AsyncHandoverClient
Told = str | Callable[[Mapping[str, Any]], str | None] | None
"""A text in which `{argument}` stands for one, or a function of the arguments by name."""

logger = logging.getLogger("handover")


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
    otherwise: Literal["raise", "return"] = "raise",
    once: bool = True,
    result: Callable[[Any], object] | None = None,
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
    does not fit the function, `NotAskedError` for arguments that nobody could be shown (of which
    LangGraph and Pydantic AI tell the model, and go on), `AlreadyClaimed` when another call runs
    what was approved or has run it, and what `client.approve` raises. With `otherwise="return"` it
    returns, for what was denied, refused or not asked, a text that says why it has not run: what a
    model should be told whose framework hides errors, or ends with them.

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

    checked_fields = checked(fields, ApprovalFields, "require_approval")

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        if isinstance(function, classmethod | staticmethod):
            method = cast(Any, function)
            return type(method)(decorate(method.__func__))
        _check_function(function)
        gate = Gate(
            name=function.__qualname__.rpartition("<locals>.")[2],
            parameters=(parameters := Parameters(function, payload, mask)),
            approver=approver,
            action=_text("action", action, parameters.names),
            context=_text("context", context, parameters.names),
            idempotency_key=_text(
                "idempotency_key", idempotency_key, parameters.names - parameters.mask
            ),
            policy=policy,
            raises=otherwise == "raise",
            once=once,
            result=result,
            fields=checked_fields,
        )
        if inspect.iscoroutinefunction(function):
            return cast(Callable[P, T], _awaited(function, gate, client))
        return _blocking(function, gate, client)

    return decorate


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked about one call; nobody, where `asked` is None."""

    parameters: Parameters
    call: inspect.BoundArguments
    asked: Mapping[str, Any] | None

    def permitted(self, decision: Decision) -> inspect.BoundArguments:
        shown: Mapping[str, Any] = (self.asked or {})["payload"] or {}
        return permitted_call(self.parameters, self.call, shown, decision)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What stands before a function, without any I/O."""

    name: str
    parameters: Parameters
    approver: str | Sequence[str]
    action: Callable[[Mapping[str, Any]], str | None]
    context: Callable[[Mapping[str, Any]], str | None]
    idempotency_key: Callable[[Mapping[str, Any]], str | None]
    policy: ApprovalPolicy | None
    raises: bool
    once: bool
    result: Callable[[Any], object] | None
    fields: Mapping[str, Any]

    def otherwise(self, error: ActionDenied | NotAskedError) -> Any:
        """What a call comes to that does not run."""
        if self.raises:
            raise error
        return f"{self.name} has not run. {error}"

    def question(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Question:
        """Raises `NotAskedError` for what no approver could be shown."""
        call = self.parameters.bind(args, kwargs)
        told = self.parameters.told(call)
        action = self.action(told) or self._described()
        if self._is_harmless(action, call):
            return Question(self.parameters, call, None)
        key = self.idempotency_key(self.parameters.told_unmasked(call))
        asked = {
            "action": action,
            "context": self.context(told),
            "payload": self.parameters.shown(call) or None,
            "idempotency_key": checked_key(key),
            "approver": self.approver,
            **self.fields,
        }
        return Question(self.parameters, call, askable(asked))

    def told(self, returned: object) -> str | None:
        """For the record. The function has run, so no fault in telling it is raised."""
        if self.result is None:
            return None
        try:
            return str(self.result(returned))
        except Exception:
            logger.warning("the result of %s could not be told", self.name, exc_info=True)
            return None

    def _is_harmless(self, action: str, call: inspect.BoundArguments) -> bool:
        if self.policy is None:
            return False
        urgency = self.fields.get("urgency") or Urgency.MEDIUM
        known = self.parameters.known(call)
        verdict = self.policy.check(action, known, urgency=urgency, name=self.name)
        if not verdict.asked:
            logger.info("%s runs without asking anybody (%s)", self.name, verdict.rule)
        return not verdict.asked

    def _described(self) -> str:
        line = (inspect.getdoc(self.parameters.function) or "").partition("\n")[0].strip()
        return f"{self.name}: {line}" if line else self.name


def _blocking(function: Callable[P, T], gate: Gate, client: Client | None) -> Callable[P, T]:
    if isinstance(client, AsyncHandoverClient):
        raise TypeError(f"{gate.name} is not awaited, and takes a HandoverClient")

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        decision, asking = None, client or blocking_client()
        try:
            with _told_to_models():
                question = gate.question(args, kwargs)
                call = question.call
                if question.asked is not None:
                    decision = asking.approve(**question.asked)
                    call = question.permitted(decision)
        except (ActionDenied, NotAskedError) as error:
            return gate.otherwise(error)
        if decision is None or not gate.once:
            return function(*call.args, **call.kwargs)
        with running(asking, decision) as under_way:
            returned = function(*call.args, **call.kwargs)
            under_way.result = gate.told(returned)
            return returned

    return run


def _awaited(
    function: Callable[P, Awaitable[T]], gate: Gate, client: Client | None
) -> Callable[P, Awaitable[T]]:
    if isinstance(client, HandoverClient):
        raise TypeError(f"{gate.name} is awaited, and takes an AsyncHandoverClient")

    @functools.wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        async with _given_or_shared(client) as asking:
            decision = None
            try:
                with _told_to_models():
                    question = gate.question(args, kwargs)
                    call = question.call
                    if question.asked is not None:
                        decision = await asking.approve(**question.asked)
                        call = question.permitted(decision)
            except (ActionDenied, NotAskedError) as error:
                return gate.otherwise(error)
            if decision is None or not gate.once:
                return await function(*call.args, **call.kwargs)
            async with running_async(asking, decision) as under_way:
                returned = await function(*call.args, **call.kwargs)
                under_way.result = gate.told(returned)
                return returned

    return run


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


def _text(
    option: str, told: Told, names: Collection[str]
) -> Callable[[Mapping[str, Any]], str | None]:
    if told is None:
        return lambda arguments: None
    if callable(told):
        return told
    for _, field, _, _ in Formatter().parse(told):
        if field is not None and (name := re.split(r"[.\[]", field)[0]) not in names:
            raise ValueError(
                f"{option}: {{{field}}} is no argument that may stand in it, {name!r} being none of"
                f" {', '.join(sorted(names)) or 'none'}; a brace that is meant is written twice"
            )
    return lambda arguments: _filled_in(option, told, arguments)


def _filled_in(option: str, told: str, arguments: Mapping[str, Any]) -> str:
    try:
        return told.format_map(arguments)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise NotAskedError(
            FieldError(option, f"these arguments do not fit it: {error}")
        ) from error
