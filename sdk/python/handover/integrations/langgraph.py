"""Handover in LangGraph: a node that asks, and a runner for graphs that use `interrupt()`."""

from __future__ import annotations

from ..exceptions import ConfigurationError

try:
    from ._executing import executing
    from ._node import approval_node
    from ._questions import full_answer, short_answer
    from ._runner import ApprovalRunner, AsyncApprovalRunner, RunnerSettings
except ModuleNotFoundError as error:
    raise ConfigurationError(
        f"This takes {error.name}, which is not installed: pip install 'handover-sdk[langgraph]'"
    ) from error

__all__ = [
    "ApprovalRunner",
    "AsyncApprovalRunner",
    "RunnerSettings",
    "approval_node",
    "executing",
    "full_answer",
    "short_answer",
]
