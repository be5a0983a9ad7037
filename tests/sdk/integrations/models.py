"""A chat model that says what the test has scripted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage


class ScriptedModel(GenericFakeChatModel):
    def bind_tools(self, tools: Sequence[Any], **options: Any) -> Any:
        """It calls the tools that its script names."""
        return self


def scripted(*says: AIMessage | str) -> ScriptedModel:
    return ScriptedModel(messages=iter(says))


def calls(*calls: tuple[str, dict[str, Any]]) -> AIMessage:
    """A message that calls these tools, with the ids `call0`, `call1`, …"""
    made: list[Any] = [
        {"name": name, "args": args, "id": f"call{index}"}
        for index, (name, args) in enumerate(calls)
    ]
    return AIMessage("", tool_calls=made)


def results(state: Any) -> dict[str, Any]:
    """What each call of a tool came to, by the id of the call."""
    return {each.tool_call_id: each for each in state["messages"] if each.type == "tool"}
