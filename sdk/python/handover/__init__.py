"""Handover: ask a person before an AI agent acts."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__
from .exceptions import (
    ActionDenied,
    APIConnectionError,
    APIError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    DecisionCancelled,
    DecisionExpired,
    FieldError,
    HandoverError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ProofError,
    RateLimitError,
    ServiceError,
    UnreadableAnswerError,
    WaitTimeoutError,
)
from .models import (
    Attachment,
    AuditEntry,
    Channel,
    Choice,
    Decision,
    EscalationStep,
    Notification,
    Origin,
    Proof,
    PublicKey,
    PublicKeys,
    ResponseType,
    Signature,
    Status,
    TextField,
    Urgency,
)

if TYPE_CHECKING:
    from ._dev import DevModeWarning
    from .client import AsyncHandoverClient, HandoverClient
    from .resources import DecisionFields

__all__ = [
    "APIConnectionError",
    "APIError",
    "ActionDenied",
    "AsyncHandoverClient",
    "Attachment",
    "AuditEntry",
    "AuthenticationError",
    "BadRequestError",
    "Channel",
    "Choice",
    "ConfigurationError",
    "ConflictError",
    "Decision",
    "DecisionCancelled",
    "DecisionExpired",
    "DecisionFields",
    "DevModeWarning",
    "EscalationStep",
    "FieldError",
    "HandoverClient",
    "HandoverError",
    "InvalidRequestError",
    "NotFoundError",
    "Notification",
    "Origin",
    "PermissionDeniedError",
    "Proof",
    "ProofError",
    "PublicKey",
    "PublicKeys",
    "RateLimitError",
    "ResponseType",
    "ServiceError",
    "Signature",
    "Status",
    "TextField",
    "UnreadableAnswerError",
    "Urgency",
    "WaitTimeoutError",
    "__version__",
]

_LOADED_WHEN_USED = {
    "AsyncHandoverClient": ".client",
    "DevModeWarning": "._dev",
    "DecisionFields": ".resources",
    "HandoverClient": ".client",
}
"""What needs the HTTP library, which a program that only wants the types never loads: a workflow
imports `handover.models`, and must not do I/O."""


def __getattr__(name: str) -> object:
    if module := _LOADED_WHEN_USED.get(name):
        return getattr(import_module(module, __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
