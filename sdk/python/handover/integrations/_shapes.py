"""The shapes of an `interrupt()`'s value, each with its answer: requests of LangChain's
`HumanInTheLoopMiddleware`, requests for Agent Inbox, and anything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from .._permission import permits
from ..exceptions import ConfigurationError
from ..models import Decision
from ._texts import fields_of
from ._tool_calls import answer_about, ask_about, rejection, runs, words_in

ToValue = Callable[[Decision], Any]

INBOX = {"approve": "accept", "edit": "edit", "reject": "ignore", "respond": "response"}
"""Agent Inbox's words for LangChain's."""
ALLOWS = {"approve": "accept", "edit": "edit", "reject": "ignore", "respond": "respond"}


class Interrupt(Protocol):
    """The fields of LangGraph's own interrupt that we use."""

    @property
    def id(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def response_schema(self) -> Any: ...


class Part(Protocol):
    """The subject of one decision: all of an interrupt, or one of its tool calls."""

    @property
    def value(self) -> Any: ...
    @property
    def is_tool_call(self) -> bool:
        """Return whether the approver sees what runs, so that only the call itself may set it."""
        ...

    def fields(self) -> dict[str, Any]:
        """Return the fields to ask with."""
        ...

    def answer(self, decision: Decision, to_value: ToValue) -> Any:
        """Return the answer. Raises `ActionDenied` if there is no word for a no."""
        ...

    def refusal(self, decision: Decision, why: str, to_value: ToValue) -> Any:
        """Return the answer if nothing may run although nobody has denied it."""
        ...

    def runs(self, decision: Decision) -> bool:
        """Return whether anything runs with the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """An interrupt of the graph's own."""

    value: Any
    is_tool_call = False

    def fields(self) -> dict[str, Any]:
        return fields_of(self.value)

    def answer(self, decision: Decision, to_value: ToValue) -> Any:
        return to_value(decision)

    def refusal(self, decision: Decision, why: str, to_value: ToValue) -> Any:
        return to_value(decision)

    def runs(self, decision: Decision) -> bool:
        return permits(decision)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that LangChain's middleware asks about."""

    value: Mapping[str, Any]
    allowed: tuple[str, ...]
    is_tool_call = True

    def fields(self) -> dict[str, Any]:
        value = self.value
        return ask_about(value["name"], value["args"], self.allowed, value.get("description"))

    def answer(self, decision: Decision, to_value: ToValue) -> Any:
        return answer_about(self.value["name"], decision, self.allowed)

    def refusal(self, decision: Decision, why: str, to_value: ToValue) -> Any:
        return rejection(decision, self.allowed, why)

    def runs(self, decision: Decision) -> bool:
        return runs(decision, self.allowed)


@dataclass(frozen=True, slots=True)
class InboxItem:
    """An entry in the list of an Agent Inbox request."""

    value: Mapping[str, Any]
    is_tool_call = True

    @property
    def _request(self) -> Mapping[str, Any]:
        return self.value["action_request"]

    @property
    def _allowed(self) -> tuple[str, ...]:
        config = self.value["config"]
        return tuple(word for word, allow in ALLOWS.items() if config.get(f"allow_{allow}"))

    def fields(self) -> dict[str, Any]:
        request = self._request
        asked = ask_about(
            request["action"], request["args"], self._allowed, self.value.get("description")
        )
        return {**asked, "action": request["action"]}

    def answer(self, decision: Decision, to_value: ToValue) -> Any:
        return self._said(answer_about(self._request["action"], decision, self._allowed))

    def refusal(self, decision: Decision, why: str, to_value: ToValue) -> Any:
        return self._said(rejection(decision, self._allowed, why))

    def runs(self, decision: Decision) -> bool:
        return runs(decision, self._allowed)

    def _said(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": INBOX[answer["type"]], "args": self._args(answer)}

    def _args(self, answer: Mapping[str, Any]) -> Any:
        match answer["type"]:
            case "approve":
                return dict(self._request)
            case "edit":
                return {**self._request, "args": answer["edited_action"]["args"]}
            case "respond":
                return answer["message"]
            case _:
                return None


def parts_of(interrupt: Interrupt) -> Sequence[Part]:
    value = interrupt.value
    if is_batch(value):
        return [
            ToolCall(asked, _reviewed(value, asked["name"])) for asked in value["action_requests"]
        ]
    if is_tool_call(value):
        return [ToolCall(value, words_in(interrupt.response_schema))]
    if inbox := _inbox(value):
        return [InboxItem(item) for item in inbox]
    return [Whole(value)]


def joined(interrupt: Interrupt, answers: list[Any]) -> Any:
    """Return the value that resumes the interrupt, from the answers to its parts."""
    if is_batch(interrupt.value):
        return {"decisions": answers}
    return answers if _inbox(interrupt.value) else answers[0]


def is_batch(value: object) -> bool:
    """Return whether LangChain asks about several tool calls in one interrupt."""
    return _has(value, "action_requests", "review_configs")


def is_tool_call(value: object) -> bool:
    """Return whether LangChain asks about one, with a schema for the answer."""
    return _has(value, "type", "name", "args") and cast(Any, value)["type"] == "tool_approval"


def _reviewed(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    for review in value["review_configs"]:
        if review["action_name"] == name:
            return tuple(review["allowed_decisions"])
    raise ConfigurationError(f"interrupt(): review_configs says nothing about the tool {name!r}")


def _inbox(value: object) -> list[Mapping[str, Any]]:
    """Return the entries of an Agent Inbox request: a list, also for one entry, which is answered
    with a list too."""
    items: list[Any] = [*cast(list[Any], value)] if isinstance(value, list | tuple) else [value]
    return items if items and all(map(_is_inbox_item, items)) else []


def _is_inbox_item(value: object) -> bool:
    if not _has(value, "action_request", "config"):
        return False
    request, config = cast(Any, value)["action_request"], cast(Any, value)["config"]
    return (
        _has(request, "action", "args")
        and isinstance(request["args"], Mapping)
        and isinstance(request["action"], str)
        and isinstance(config, Mapping)
    )


def _has(value: object, *names: str) -> bool:
    return isinstance(value, Mapping) and all(name in value for name in names)
