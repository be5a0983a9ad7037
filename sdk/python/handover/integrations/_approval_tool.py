"""A tool with which a model asks a person."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Unpack

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, Field

from .._asking import askable, told_to_caller
from .._permission import permits
from ..client import AsyncHandoverClient, HandoverClient
from ..exceptions import (
    ActionDenied,
    AlreadyClaimed,
    ConfigurationError,
    InvalidRequestError,
    NotAskedError,
    denial,
)
from ..models import Decision, Status
from ..resources import FurtherFields
from ._claims import Claim, take
from ._fields import check_fields
from ._keys import key_of_this_run
from ._steps import AsyncDriver, Course, Driver
from ._waiting_room import undenied, undenied_async

NAME = "request_human_approval"
DESCRIPTION = (
    "Ask a person for approval before you do something that they should agree to, and wait for"
    " their answer. Do what they approved, and nothing else."
)


class ApprovalRequest(BaseModel):
    """The fields that the model fills in. They do not say whom to ask."""

    action: str = Field(description="What you want to do, in one sentence with all that matters.")
    context: str | None = Field(default=None, description="What the person needs to decide.")


def request_human_approval(
    client: HandoverClient | AsyncHandoverClient,
    *,
    approver: str | Sequence[str],
    name: str = NAME,
    description: str = DESCRIPTION,
    once: bool = True,
    **fields: Unpack[FurtherFields],
) -> BaseTool:
    """Make a tool with which a model asks a person, and reads their decision in words.

    The model writes `action` and `context`. The approver, and every other field of
    `decisions.create`, is set here, and the model does not see it. With a `HandoverClient` the tool
    is for `invoke`, with an `AsyncHandoverClient` for `ainvoke`.

    If nobody can be asked about the model's words, the model gets an error that says what to
    change. A long action is cut, with all of it in the context; a context that is too long is cut
    at its end, where the approver sees how much there was.

    The model hears of an approval once: the tool claims it for the model, and a second call in the
    same task with the same words reads who has it. No record says what the model does then. With
    `once=False` nothing is claimed.

    The model is trusted to heed the decision. Where it should not be, `ApprovalMiddleware` asks
    about the tool call itself and runs what was approved.

    >>> from handover import HandoverClient
    >>> from handover.integrations.langchain import request_human_approval
    >>> ask = request_human_approval(
    ...     HandoverClient(dev_mode=True), approver="approver@example.com", timeout_minutes=30
    ... )
    >>> sorted(ask.args)
    ['action', 'context']
    """
    check_fields(fields)

    def asked(action: str, context: str | None) -> Any:
        key = key_of_this_run(name, action, context or "")
        told = {"action": action, "context": context, "approver": approver}
        return {**askable({**fields, **told}), "enforce": True, "idempotency_key": key}

    def told(decision: Decision, key: str | None) -> Course[str]:
        if once and permits(decision):
            try:
                yield from take(Claim.new(decision.id, key))
            except AlreadyClaimed as error:
                return _no(error)
        return in_words(decision)

    def ask(action: str, context: str | None = None) -> str:
        if not isinstance(client, HandoverClient):
            raise ConfigurationError("With an AsyncHandoverClient the agent runs with `ainvoke`")
        create = client.decisions.create
        with _told_to_model():
            question = asked(action, context)
            decision = undenied(lambda: create(**question))
        return Driver(client).run(told(decision, question["idempotency_key"]))

    async def ask_async(action: str, context: str | None = None) -> str:
        if not isinstance(client, AsyncHandoverClient):
            raise ConfigurationError("With a HandoverClient the agent runs with `invoke`")
        create = client.decisions.create
        with _told_to_model():
            question = asked(action, context)
            decision = await undenied_async(create(**question))
        return await AsyncDriver(client).run(told(decision, question["idempotency_key"]))

    return StructuredTool.from_function(
        ask,
        ask_async,
        name=name,
        description=description,
        args_schema=ApprovalRequest,
        handle_tool_error=True,
    )


@contextmanager
def _told_to_model() -> Generator[None]:
    """Pass `NotAskedError` to the model, which reads what to change, so that it does not end the
    agent."""
    try:
        yield
    except (NotAskedError, InvalidRequestError) as error:
        raise ToolException(str(told_to_caller(error))) from error


def in_words(decision: Decision) -> str:
    """Describe the decision to a model."""
    who = decision.resolved_by or "the service"
    if permits(decision):
        return f"Approved by {who}. You may do this: {decision.action}{_besides(decision)}"
    instead = (decision.response_data or {}).get("action")
    if decision.status == Status.MODIFIED and instead:
        return f"Not approved as you asked. {who} says what to do instead: {instead}"
    return _no(denial(decision))


def _no(error: ActionDenied) -> str:
    return f"Not approved: {error}. Do not do it."


def _besides(decision: Decision) -> str:
    notes = f"\nTheir notes: {decision.response_notes}" if decision.response_notes else ""
    data = decision.response_data
    return notes + (f"\nTheir answer: {json.dumps(data, ensure_ascii=False)}" if data else "")
