"""Parameters that the caller does not fill in: those of a framework, and those that the author has
marked as `Hidden`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


class Hidden:
    """Marks a parameter that approvers are not shown: `session: Annotated[Session, Hidden]`.

    Use it for parameters besides the task: a connection, a context, a clock. Such an argument is
    neither sent nor examined by a policy, approvers cannot change it, and it runs as it was called.
    Mask a part of the task that has to stay secret instead.

    A framework describes such a parameter to its model like any other, and a model that fills it in
    goes unnoticed: in a tool use the framework's own mark, such as LangChain's `InjectedToolArg`.
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
"""Packages, and their classes that a framework fills in, or that mark a parameter for it."""

WORDS = re.compile(
    r"\b(Injected\w+|ToolRuntime|RunnableConfig|RunContext|RunContextWrapper|ToolContext|Hidden)\b"
)
"""Names in an annotation that can't be evaluated in the function's place."""


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations by name; those that can't be evaluated stay texts."""
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
    """Return whether a parameter with this annotation is not the caller's to fill in."""
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
    """Return whether a value is one that frameworks fill in, whatever the annotation says."""
    return not isinstance(value, Mapping) and _is_known(value)


def _is_known(marked: Any) -> bool:
    """Return whether this class, or the class of this object, is one of those."""
    kind: type = marked if isinstance(marked, type) else type(marked)
    return any(each is Hidden or _name_of(each) in FRAMEWORKS for each in kind.__mro__)


def _name_of(kind: type) -> tuple[str, str]:
    return kind.__module__.partition(".")[0], kind.__name__
