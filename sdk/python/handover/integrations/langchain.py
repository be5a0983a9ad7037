"""Handover in LangChain: a tool with which a model asks, and a middleware that asks about tools."""

from __future__ import annotations

from ..exceptions import ConfigurationError

try:
    from ._approval_tool import request_human_approval
    from ._middleware import ApprovalMiddleware
except ModuleNotFoundError as error:
    raise ConfigurationError(
        f"This takes {error.name}, which is not installed: pip install 'handover-sdk[langchain]'"
    ) from error

__all__ = ["ApprovalMiddleware", "request_human_approval"]
