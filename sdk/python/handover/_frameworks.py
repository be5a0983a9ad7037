"""Errors for a model, which the framework around a function passes to it."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, cast

from .exceptions import NotAskedError

TOLD = (
    ("langgraph.prebuilt.tool_node", "ToolInvocationError"),
    ("pydantic_ai.exceptions", "ModelRetry"),
)
"""Errors that frameworks pass to the model and that do not end the agent. The OpenAI Agents SDK
passes none: its model only reads that an error occurred."""


NOTE = (
    "What an approver need not see is left out with Annotated[…, handover.Hidden] or payload=[…],"
    " or hidden with mask=[…]."
)


def for_the_model(error: NotAskedError) -> NotAskedError:
    """Return the same error, which is also one that the frameworks in this process pass to the
    model."""
    kinds = [getattr(sys.modules.get(module), name, None) for module, name in TOLD]
    told = _kind(*(kind for kind in kinds if kind))(*error.fields)
    told.message = str(error)
    told.add_note(NOTE)
    return told


@lru_cache
def _kind(*kinds: type[Exception]) -> Any:
    return cast(Any, type(NotAskedError.__name__, (NotAskedError, *kinds), {}))
