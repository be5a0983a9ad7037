"""What an `interrupt()` asks, as decisions; and what they came to, as its return value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pydantic_core import to_json

from .._permission import permits, permitted_payload
from ..exceptions import ConfigurationError, denial
from ..models import Decision
from ._keys import key_of
from ._tool_calls import ALL, FIXED, answer_about, ask_about, rejection, shortened

THREAD = "langgraph_thread"
INTERRUPT = "langgraph_interrupt"
"""Names in a decision's `metadata`, by which a callback finds the graph that waits."""

WORDS = ("action", "question", "instruction", "message", "task", "description")
"""Under the first of these that it has, a mapping says what is asked."""

BROUGHT = {
    "choose": "chosen",
    "number_input": "value",
    "number": "value",
    "schedule": "execute_at",
    "file_upload": "uploaded_files",
}
"""Where in `response_data` a response type has its value."""


class Interrupt(Protocol):
    """What is used of LangGraph's own."""

    @property
    def id(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def response_schema(self) -> Any: ...


ToRequest = Callable[[Any], Mapping[str, Any]]
ToValue = Callable[[Decision], Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One decision to ask for: the fields of `create`, and the key that makes it one decision."""

    key: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What one decision is about: all of an interrupt, or one of its tool calls."""

    value: Any
    tool: str | None = None
    allowed: tuple[str, ...] = ()

    def fields(self) -> dict[str, Any]:
        if self.tool is None:
            return fields_of(self.value)
        return ask_about(self.tool, self.value["args"], self.allowed, self.value.get("description"))

    def answer(self, decision: Decision, to_value: ToValue) -> Any:
        if self.tool is None:
            return to_value(decision)
        return answer_about(self.tool, decision, self.allowed)


def questions(
    interrupt: Interrupt, thread_id: str, defaults: Mapping[str, Any], to_request: ToRequest | None
) -> list[Question]:
    """The decisions that an interrupt asks for, the same whenever it is asked again."""
    return [
        Question(
            key=key_of(thread_id, interrupt.id, str(index), _text(part.value)),
            fields=_complete(part, interrupt, thread_id, defaults, to_request),
        )
        for index, part in enumerate(_parts(interrupt))
    ]


def _complete(
    part: Part,
    interrupt: Interrupt,
    thread_id: str,
    defaults: Mapping[str, Any],
    to_request: ToRequest | None,
) -> dict[str, Any]:
    own: Mapping[str, Any] = to_request(part.value) if to_request else {}
    if fixed := sorted(own.keys() & set(FIXED)) if part.tool else None:
        raise ConfigurationError(
            f"to_request: {fixed[0]} is the tool call's own, and stays as it is"
        )
    fields: dict[str, Any] = {**defaults, **part.fields(), **own}
    found_by = {THREAD: thread_id, INTERRUPT: interrupt.id}
    metadata: dict[str, str] = {**(fields.get("metadata") or {}), **found_by}
    return {**fields, "metadata": metadata, "enforce": True}


def value_for(interrupt: Interrupt, decisions: Sequence[Decision], to_value: ToValue) -> Any:
    """What the interrupt is resumed with. Raises `ActionDenied` where it has no word for a no."""
    parts = zip(_parts(interrupt), decisions, strict=True)
    answers = [part.answer(decision, to_value) for part, decision in parts]
    return {"decisions": answers} if _is_batch(interrupt.value) else answers[0]


def value_instead(interrupt: Interrupt, decision: Decision, why: Exception) -> Any:
    """What it is resumed with where the graph refuses the approver's changes; raises `why` where
    nothing of the kind can be said."""
    if not _is_tool_call(interrupt.value):
        raise why
    message = f"The approver's change does not fit the tool, which has not run: {why}"
    return rejection(decision, _allowed_by(interrupt.response_schema), message)


def _parts(interrupt: Interrupt) -> list[Part]:
    """In the two shapes of LangChain's `HumanInTheLoopMiddleware`, each tool call is a part."""
    value = interrupt.value
    if _is_batch(value):
        allowed = {
            review["action_name"]: tuple(review["allowed_decisions"])
            for review in value["review_configs"]
        }
        return [
            Part(asked, asked["name"], allowed[asked["name"]]) for asked in value["action_requests"]
        ]
    if _is_tool_call(value):
        return [Part(value, value["name"], _allowed_by(interrupt.response_schema))]
    return [Part(value)]


def _is_batch(value: object) -> bool:
    return _has(value, "action_requests", "review_configs")


def _is_tool_call(value: object) -> bool:
    return _has(value, "type", "name", "args") and cast(Any, value)["type"] == "tool_approval"


def _has(value: object, *names: str) -> bool:
    return isinstance(value, Mapping) and all(name in value for name in names)


def _allowed_by(schema: object) -> tuple[str, ...]:
    """The decisions that a response schema has room for."""
    text = json.dumps(schema)
    return tuple(word for word in ALL if f'"const": "{word}"' in text)


def fields_of(value: object) -> dict[str, Any]:
    """What to ask for the value of an `interrupt()`: a text, or a mapping with the action under one
    of `WORDS`, perhaps a `context` and a `payload`. Nothing of it is withheld from the approver."""
    if isinstance(value, Mapping):
        return _fields_of_mapping(cast(Mapping[str, Any], value))
    if isinstance(value, str) and value.strip():
        return _asking(value)
    return _asking("Answer what the agent asks", context=_text(value))


def _fields_of_mapping(value: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(value)
    payload = rest.pop("payload") if isinstance(rest.get("payload"), Mapping) else None
    word = next((word for word in WORDS if _is_said(rest.get(word))), None)
    action = rest.pop(word) if word else "Answer what the agent asks"
    context = [rest.pop("context")] if _is_said(rest.get("context")) else []
    context += [_text(rest, indent=2)] if rest else []
    return _asking(action, context="\n\n".join(context), payload=payload)


def _is_said(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _asking(action: str, *, context: str = "", payload: object = None) -> dict[str, Any]:
    """Without a payload nobody can change anything: a graph does not read words."""
    shown = shortened(action)
    context = context if shown == action else f"{action}\n\n{context}".rstrip()
    fields: dict[str, Any] = {"action": shown, "context": context or None, "payload": payload}
    return fields if payload is not None else {**fields, "options": ["approve", "deny"]}


def _text(value: object, indent: int | None = None) -> str:
    return to_json(value, indent=indent, fallback=repr).decode()


def short_answer(decision: Decision) -> Any:
    """What may be done, and False where nothing may.

    Where the question had a payload it is the payload to run, as the approver left it; where it
    asked for a value it is the value; else True. So `if interrupt(…)` never runs what was denied,
    what expired, or what this version does not understand.
    """
    if not permits(decision):
        return False
    if decision.payload is not None:
        return permitted_payload(decision)
    data = decision.response_data or {}
    kind = decision.response_type.type
    if kind in ("text_input", "text"):
        return data
    return data.get(BROUGHT[kind], True) if kind in BROUGHT else True


def full_answer(decision: Decision) -> dict[str, Any]:
    """All that a graph may want to know, as plain JSON.

    `permitted` alone says whether the action may run, and `payload` with what; the mapping itself
    is true whatever it says. `reason` says why not.
    """
    permitted = permits(decision)
    return {
        "permitted": permitted,
        "payload": permitted_payload(decision) if permitted else None,
        "reason": None if permitted else str(denial(decision)),
        **decision.model_dump(
            mode="json",
            include={"id", "status", "response_notes", "response_data", "resolved_by"},
        ),
    }
