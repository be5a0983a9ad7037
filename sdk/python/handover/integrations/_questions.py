"""The questions of an `interrupt()`, as decisions, and its return value from their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .._permission import permits, permitted_payload
from ..exceptions import ConfigurationError, NotAskedError, denial
from ..models import Decision, DecisionRequest, Origin, Status
from ._asked import is_of
from ._keys import key_of
from ._shapes import Interrupt, Part, parts_of
from ._texts import digest_of
from ._tool_calls import FIXED

THREAD = "langgraph_thread"
INTERRUPT = "langgraph_interrupt"
VALUE = "langgraph_value"
BEFORE = "langgraph_before"
"""Names in a decision's `metadata`. By the first two a callback finds the waiting graph, and by the
third a repeated question recognises itself. The fourth has the decisions whose answers the asking
node has already had: their runs end when it does."""

NOT_ASKED = "not asked"
"""The id of a placeholder for a decision, if nobody was asked."""

BROUGHT = {
    "choose": "chosen",
    "number_input": "value",
    "number": "value",
    "schedule": "execute_at",
    "file_upload": "uploaded_files",
}
"""The place in `response_data` of a response type's value."""

ToRequest = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Question:
    """One decision to ask for, known by its key whenever it is asked again. `digest` is that of its
    words, which may have changed by then."""

    part: Part
    key: str
    digest: str
    found_by: Mapping[str, str]

    def fields(
        self, defaults: Mapping[str, Any], to_request: ToRequest | None, before: Sequence[str]
    ) -> dict[str, Any]:
        """Return the fields for `create`; `before` are decisions whose answers the asking node has
        had."""
        own: Mapping[str, Any] = to_request(self.part.value) if to_request else {}
        if self.part.is_tool_call and (fixed := sorted(own.keys() & set(FIXED))):
            raise ConfigurationError(
                f"to_request: {fixed[0]} is the tool call's own, and stays as it is"
            )
        fields: dict[str, Any] = {**defaults, **self.part.fields(), **own}
        metadata: dict[str, str] = {**(fields.get("metadata") or {}), **self.found_by}
        if before:
            metadata[BEFORE] = " ".join(before)
        return {**fields, "metadata": metadata, "enforce": True}

    def is_asked_by(self, decision: Decision, fields: Mapping[str, Any]) -> bool:
        """Return whether this decision is about the question as it stands."""
        return decision.metadata.get(VALUE) == self.digest and is_of(decision, fields)


def questions(interrupt: Interrupt, thread_id: str) -> list[Question]:
    """Return the decisions that an interrupt asks for."""
    return [
        _question(part, interrupt.id, thread_id, index)
        for index, part in enumerate(parts_of(interrupt))
    ]


def _question(part: Part, interrupt_id: str, thread_id: str, index: int) -> Question:
    # No part of the key is a text of the value, which is another one in another process.
    digest = digest_of(part.value)
    found_by = {THREAD: thread_id, INTERRUPT: interrupt_id, VALUE: digest}
    return Question(part, key_of(thread_id, interrupt_id, str(index)), digest, found_by)


def unasked(fields: Mapping[str, Any], error: NotAskedError) -> Decision:
    """Return a placeholder for a decision that nobody was asked about: it permits nothing, and says
    why."""
    now = datetime.now(UTC)
    asked = DecisionRequest(action=str(fields.get("action")), approver="", enforce=True)
    return Decision(
        **asked.model_dump(),
        id=NOT_ASKED,
        status=Status.CANCELLED,
        origin=Origin.AGENT,
        action_permitted=False,
        response_notes=str(error),
        created_at=now,
        expires_at=now,
        resolved_at=now,
    )


def short_answer(decision: Decision) -> Any:
    """Return what may run, or False if nothing may.

    If the question had a payload it is the payload to run, as the approver left it; if it asked for
    a value it is the value; otherwise True. So `if interrupt(…)` never runs what was denied, what
    expired, or what this version does not understand.
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
    """Return all that a graph may need to know.

    Only `permitted` says whether the action may run, and `payload` with what; the mapping itself is
    always true. `reason` says why not.
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


def answers(
    asked: Sequence[tuple[Question, Decision]], to_value: Callable[[Decision], Any]
) -> list[Any]:
    """Return the answer to each part. Raises `ActionDenied` if it has no word for a no."""
    return [
        question.part.refusal(decision, decision.response_notes or "", to_value)
        if decision.id == NOT_ASKED
        else question.part.answer(decision, to_value)
        for question, decision in asked
    ]
