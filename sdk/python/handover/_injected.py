"""Parameters that a function is not called with by whoever wants something of it: what a framework
fills in, and what its author has marked as `Hidden`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


class Hidden:
    """Marks a parameter that approvers are not shown: `session: Annotated[Session, Hidden]`.

    It is for what a function is given besides its task: a connection, a context, a clock. It is
    neither sent nor looked at by a policy, approvers cannot change it, and it runs as it was
    called. What is part of the task and has to stay secret is masked instead.

    A framework tells its model of such a parameter as of any other, and a model that fills it in is
    not seen: in a tool use the framework's own mark, such as LangChain's `InjectedToolArg`.
    """


FRAMEWORKS = {
    ("langchain_core", "InjectedToolArg"),  # and with it InjectedState, InjectedStore ...
    ("langchain_core", "_DirectlyInjectedToolArg"),  # ToolRuntime
    ("langchain_core", "RunnableConfig"),
    ("langchain_core", "BaseCallbackManager"),
    ("langchain_core", "BaseRunManager"),
    ("langgraph", "BaseStore"),
    ("langgraph", "Runtime"),
    ("pydantic_ai", "RunContext"),
    ("agents", "RunContextWrapper"),  # the OpenAI Agents SDK; its ToolContext is one
    ("mcp", "Context"),
    ("fastmcp", "Context"),
}
"""Packages, and those of their classes that a framework fills in, or by which it is told to."""

WORDS = re.compile(
    r"\b(Injected\w+|ToolRuntime|RunnableConfig|RunContext|RunContextWrapper|ToolContext|Hidden)\b"
)
"""By which an annotation is known that can't be evaluated where the function stands."""


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations by name, those that can't be evaluated as the texts that they are."""
    try:
        return get_type_hints(function, include_extras=True)
    except Exception:  # one is enough for none to be told
        told = inspect.get_annotations(function)
        return {name: _evaluated(function, hint) for name, hint in told.items()}


def _evaluated(function: Callable[..., Any], hint: Any) -> Any:
    alone: Any = SimpleNamespace(__annotations__={"hint": hint})
    try:
        return get_type_hints(alone, function.__globals__, include_extras=True)["hint"]
    except Exception:  # whatever evaluating a text raises
        return hint


def is_injected(hint: Any) -> bool:
    """Whether what is annotated so is nothing that somebody asks for."""
    if isinstance(hint, str):
        return bool(WORDS.search(hint))
    match get_origin(hint):
        case None:
            return _is_known(hint)
        case kind if kind is Annotated or kind in (Union, UnionType):
            return any(map(is_injected, get_args(hint)))
        case kind:
            return _is_known(kind)


def is_from_framework(value: object) -> bool:
    """Whether a value is one that frameworks fill in, whatever the annotation says."""
    return not isinstance(value, Mapping) and _is_known(value)


def _is_known(marked: Any) -> bool:
    """Whether this class, or the class of this object, is one of those."""
    kind: type = marked if isinstance(marked, type) else type(marked)
    return any(each is Hidden or _name_of(each) in FRAMEWORKS for each in kind.__mro__)


def _name_of(kind: type) -> tuple[str, str]:
    return kind.__module__.partition(".")[0], kind.__name__
