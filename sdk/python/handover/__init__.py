"""Handover: ask a person before an AI agent acts."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from ._dev import DevModeWarning
    from ._injected import Hidden
    from ._permission import permitted_payload
    from ._require_approval import require_approval
    from .client import AsyncHandoverClient, HandoverClient
    from .exceptions import (
        ActionDenied,
        AlreadyClaimed,
        APIConnectionError,
        APIError,
        ArgumentsRefused,
        AuthenticationError,
        BadRequestError,
        ConfigurationError,
        ConflictError,
        ContentTooLargeError,
        DecisionCancelled,
        DecisionExpired,
        FieldError,
        GoneError,
        HandoverError,
        InvalidRequestError,
        NotAskedError,
        NotFoundError,
        PermissionDeniedError,
        ProofError,
        RateLimitError,
        ServiceError,
        UnreadableAnswerError,
        WaitTimeoutError,
        WebhookVerificationError,
        WrongAnswerError,
    )
    from .models import (
        Attachment,
        AuditEntry,
        Channel,
        ChannelStep,
        Choice,
        Decision,
        DecisionSummary,
        EscalationStep,
        Execution,
        ExecutionStatus,
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
    from .pages import AsyncDecisionPage, DecisionPage
    from .policy import ApprovalPolicy
    from .resources import DecisionFields, DecisionFilters

__all__ = [
    "APIConnectionError",
    "APIError",
    "ActionDenied",
    "AlreadyClaimed",
    "ApprovalPolicy",
    "ArgumentsRefused",
    "AsyncDecisionPage",
    "AsyncHandoverClient",
    "Attachment",
    "AuditEntry",
    "AuthenticationError",
    "BadRequestError",
    "Channel",
    "ChannelStep",
    "Choice",
    "ConfigurationError",
    "ConflictError",
    "ContentTooLargeError",
    "Decision",
    "DecisionCancelled",
    "DecisionExpired",
    "DecisionFields",
    "DecisionFilters",
    "DecisionPage",
    "DecisionSummary",
    "DevModeWarning",
    "EscalationStep",
    "Execution",
    "ExecutionStatus",
    "FieldError",
    "GoneError",
    "HandoverClient",
    "HandoverError",
    "Hidden",
    "InvalidRequestError",
    "NotAskedError",
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
    "WebhookVerificationError",
    "WrongAnswerError",
    "__version__",
    "permitted_payload",
    "require_approval",
]

_LOADED_WHEN_USED = {
    "ApprovalPolicy": ".policy",
    "AsyncDecisionPage": ".pages",
    "AsyncHandoverClient": ".client",
    "DecisionFields": ".resources",
    "DecisionFilters": ".resources",
    "DecisionPage": ".pages",
    "DevModeWarning": "._dev",
    "HandoverClient": ".client",
    "require_approval": "._require_approval",
}
"""Names that need the HTTP library, which a program that only wants the types never loads: a
workflow imports `handover.models`, and must not do I/O."""

_TYPES = (".models", ".exceptions", "._permission", "._injected")
"""Modules of all other names. They too are loaded when used: every run of pytest imports this
package."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    places = (_LOADED_WHEN_USED[name],) if name in _LOADED_WHEN_USED else _TYPES
    modules = (import_module(place, __name__) for place in places)
    found = next(getattr(module, name) for module in modules if hasattr(module, name))
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
