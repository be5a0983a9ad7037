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
    """What the model fills in. Whom to ask is not among it."""

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
    """A tool with which a model asks a person, and is told in words what they decided.

    The model writes `action` and `context`. Who is asked, and every other field of
    `decisions.create`, is set here and not seen by the model. With a `HandoverClient` the tool is
    for `invoke`, with an `AsyncHandoverClient` for `ainvoke`.

    What the model writes and nobody can be asked is an error for the model, which says what to
    change. A long action is cut, with all of it in the context; a context that is too long is cut
    at its end, where the approver sees how much there was.

    Of an approval the model hears once: it is claimed for it, and a second call in the same task
    with the same words is told who has it. What the model does then is in no record. With
    `once=False` nothing is claimed.

    The model is told, and trusted to heed it. Where it should not be, `ApprovalMiddleware` asks
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
    """What nobody could be asked does not end the agent: its model reads what to change."""
    try:
        yield
    except (NotAskedError, InvalidRequestError) as error:
        raise ToolException(str(told_to_caller(error))) from error


def in_words(decision: Decision) -> str:
    """What was decided, for a model."""
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
