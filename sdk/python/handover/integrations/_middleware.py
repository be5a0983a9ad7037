"""A middleware that asks people about tool calls, and runs what they approve."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import Any, cast

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.human_in_the_loop import InterruptOnConfig
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import ToolMessage
from langgraph.runtime import get_runtime
from langgraph.types import Command

from .._asking import askable, told_to_caller
from .._once import not_run, running, running_async, tell_unfit, tell_unfit_async
from .._permission import answered, is_unfit, permits, permitted_payload
from .._values import as_exact_json, dumps
from ..client import AsyncHandoverClient, HandoverClient
from ..exceptions import AlreadyClaimed, ConfigurationError, InvalidRequestError, NotAskedError
from ..models import Decision, Status
from ._fields import check_fields, resolve
from ._keys import key_of_this_run
from ._schemas import check_arguments
from ._tool_calls import ALL, FIXED, answer_about, ask_about, rejection
from ._waiting_room import undenied, undenied_async

Result = ToolMessage | Command[Any]
Approver = str | Sequence[str] | Callable[[ToolCallRequest], str | Sequence[str]]


class ApprovalMiddleware(AgentMiddleware[Any, Any, Any]):
    """Asks people about tool calls before they run, as LangChain's `HumanInTheLoopMiddleware` does,
    and itself waits for their answers: it needs no checkpointer and no open session.

    `interrupt_on` is LangChain's: by the name of a tool, `True` for all four decisions, or a
    mapping with `allowed_decisions`, `description` and `when`. Tools that it does not name run
    unasked.
    `approver`, and every further keyword, is a field of `decisions.create`: a value, or a function
    of the `ToolCallRequest` that returns one.

    - `approve` runs the tool.
    - `edit` runs it with the approver's arguments, and tells the model so.
    - `reject`, an expiry, and whatever is not certain is an error for the model, with the reason;
      the tool has not run. Where `allowed_decisions` has neither `reject` nor `respond`,
      `ActionDenied` is raised.
    - `respond` gives what the approver typed as the tool's result, and the tool has not run.

    Arguments that the tool does not take, or that nobody can be shown, are an error for the model,
    which says what to change, and nobody is asked. An argument that a framework injects is not the
    model's: neither the approver nor a field that is a function of `request.tool_call` sees it.

    Each tool call waits by itself, so that calls of one turn are asked about at the same time. With
    a checkpointer, a tool call that is repeated after a crash finds its decision. What was approved
    runs once: it is claimed before the tool runs, and the decision's record says how that ended. A
    call that finds it claimed is an error for the model, with who claimed it and since when; with
    `once=False` the tool runs again.

    With a `HandoverClient` the agent runs with `invoke`, with an `AsyncHandoverClient` with
    `ainvoke`. Put it before middlewares that retry tools, so that it is outside them.
    """

    def __init__(
        self,
        client: HandoverClient | AsyncHandoverClient,
        *,
        approver: Approver,
        interrupt_on: Mapping[str, bool | InterruptOnConfig],
        once: bool = True,
        **fields: Any,
    ) -> None:
        super().__init__()
        self._once = once
        check_fields(fields, without=FIXED)
        self._client = client
        self._fields: dict[str, Any] = {"approver": approver, **fields}
        self._asked_about = {
            name: _checked(name, config)
            for name, config in interrupt_on.items()
            if config is not False
        }

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]
    ) -> Result:
        """Ask about the call, if it is one to ask about."""
        config = self._config(request)
        if config is None:
            return handler(request)
        client = self._client
        if not isinstance(client, HandoverClient):
            raise ConfigurationError("With an AsyncHandoverClient the agent runs with `ainvoke`")
        try:
            question = self._question(request, config)
            decision = undenied(lambda: client.decisions.create(**question))
        except (NotAskedError, InvalidRequestError) as error:
            return _not_asked(request, told_to_caller(error))
        read = answered(decision, request.tool_call["args"])
        if (why := _misfit(request, read)) and self._once:
            tell_unfit(client, decision, why)
        answer = _answer(request, config, read, why)
        if told := _told(request, answer):
            return told
        with ExitStack() as stack:
            try:
                if self._once:
                    stack.enter_context(running(client, decision))
            except AlreadyClaimed as error:
                return _message(request, str(error))
            return _with_notice(handler(_to_run(request, answer)), answer)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        """Do the same in an event loop."""
        config = self._config(request)
        if config is None:
            return await handler(request)
        client = self._client
        if not isinstance(client, AsyncHandoverClient):
            raise ConfigurationError("With a HandoverClient the agent runs with `invoke`")
        try:
            question = self._question(request, config)
            decision = await undenied_async(client.decisions.create(**question))
        except (NotAskedError, InvalidRequestError) as error:
            return _not_asked(request, told_to_caller(error))
        read = answered(decision, request.tool_call["args"])
        if (why := _misfit(request, read)) and self._once:
            await tell_unfit_async(client, decision, why)
        answer = _answer(request, config, read, why)
        if told := _told(request, answer):
            return told
        async with AsyncExitStack() as stack:
            try:
                if self._once:
                    await stack.enter_async_context(running_async(client, decision))
            except AlreadyClaimed as error:
                return _message(request, str(error))
            return _with_notice(await handler(_to_run(request, answer)), answer)

    def _config(self, request: ToolCallRequest) -> InterruptOnConfig | None:
        config = self._asked_about.get(request.tool_call["name"])
        when = config and config.get("when")
        return None if when and not when(request) else config

    def _question(self, request: ToolCallRequest, config: InterruptOnConfig) -> Any:
        call = request.tool_call
        payload = askable({"payload": call["args"]})["payload"]
        check_arguments(request.tool, call["args"])
        about = ask_about(
            call["name"], call["args"], config["allowed_decisions"], _description(request, config)
        )
        fields = askable({**about, **resolve(self._fields, request), "payload": payload})
        key = key_of_this_run(str(call["id"]), call["name"], dumps(payload))
        return {**fields, "enforce": True, "idempotency_key": key}


def _checked(name: str, config: bool | InterruptOnConfig) -> InterruptOnConfig:
    if isinstance(config, bool):
        return InterruptOnConfig(allowed_decisions=list(ALL))
    if set(config.get("allowed_decisions") or [""]) - set(ALL):
        raise ConfigurationError(f"interrupt_on[{name!r}]: allowed_decisions takes some of {ALL}")
    return config


def _description(request: ToolCallRequest, config: InterruptOnConfig) -> str | None:
    """Return the description beside the arguments, by default the tool's own."""
    description = config.get("description")
    if callable(description):
        return description(request.tool_call, request.state, get_runtime())
    return description or (request.tool.description if request.tool else None)


def _misfit(request: ToolCallRequest, decision: Decision) -> str | None:
    """Return why the tool cannot run with the approver's arguments."""
    if decision.reading and is_unfit(decision):
        return not_run(decision.reading.unfit)
    if decision.status != Status.MODIFIED or not permits(decision):
        return None
    try:
        check_arguments(request.tool, permitted_payload(decision) or {})
    except NotAskedError as error:
        told = " ".join(f"{name}: {why}." for name, why in error.fields)
        return f"The approver's change does not fit the tool, which has not run. {told}"
    return None


def _answer(
    request: ToolCallRequest, config: InterruptOnConfig, decision: Decision, misfit: str | None
) -> dict[str, Any]:
    allowed = config["allowed_decisions"]
    if misfit and permits(decision):
        return rejection(decision, allowed, misfit)
    return answer_about(request.tool_call["name"], decision, allowed)


def _not_asked(request: ToolCallRequest, error: NotAskedError) -> ToolMessage:
    return _message(request, f"{error} The tool has not run: change it, and call it again.")


def _told(request: ToolCallRequest, answer: Mapping[str, Any]) -> ToolMessage | None:
    """Return the model's message if the tool does not run."""
    if answer["type"] in ("approve", "edit"):
        return None
    return _message(request, answer["message"], is_error=answer["type"] != "respond")


def _message(request: ToolCallRequest, content: str, *, is_error: bool = True) -> ToolMessage:
    return ToolMessage(
        content=content,
        name=request.tool_call["name"],
        tool_call_id=request.tool_call["id"],
        status="error" if is_error else "success",
    )


def _to_run(request: ToolCallRequest, answer: Mapping[str, Any]) -> ToolCallRequest:
    if answer["type"] == "approve":
        return request
    args = answer["edited_action"]["args"]
    return request.override(tool_call={**request.tool_call, "args": args})


def _with_notice(result: Result, answer: Mapping[str, Any]) -> Result:
    """Add a notice for the model that another call ran than the one in its message."""
    if answer["type"] == "approve" or not isinstance(result, ToolMessage):
        return result
    args = json.dumps(as_exact_json(answer["edited_action"]["args"]), ensure_ascii=False)
    notice = f"The approver changed the arguments; the tool ran with {args}, and not with yours."
    content = cast(Any, result.content)
    if isinstance(content, str):
        return result.model_copy(update={"content": f"{notice}\n\n{content}"})
    return result.model_copy(update={"content": [{"type": "text", "text": notice}, *content]})
