"""Refusals, as the problem documents of the service put them."""

from __future__ import annotations

from typing import Any

STATUSES = {
    "unauthorized": 401,
    "missing_scope": 403,
    "own_decision": 403,
    "not_found": 404,
    "already_settled": 409,
    "not_permitted": 409,
    "already_claimed": 409,
    "not_claimed": 409,
    "already_reported": 409,
    "file_too_large": 413,
    "invalid_request": 422,
    "idempotency_key_reused": 422,
    "invalid_answer": 422,
    "not_longer": 422,
    "unknown_attachment": 422,
    "too_many_attachments": 422,
    "file_type_refused": 422,
    "file_empty": 422,
}


class Refusal(Exception):  # noqa: N818 - an answer, and no fault
    """A refusal. `errors` are the fields at fault, each with what is wrong; `more` are further
    members of the document."""

    def __init__(
        self, code: str, error: str, *errors: tuple[str, str], **more: dict[str, Any]
    ) -> None:
        super().__init__(error)
        self.code = code
        self.error = error
        self.errors = errors
        self.more = more

    @property
    def status(self) -> int:
        return STATUSES[self.code]

    def document(self) -> dict[str, Any]:
        named = [{"field": field, "message": message} for field, message in self.errors]
        return {
            "type": f"/problems/{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.error,
            "error": self.error,
            "code": self.code,
            **({"errors": named} if named else {}),
            **self.more,
        }


def at_fault(*errors: tuple[str, str], code: str = "invalid_request") -> Refusal:
    """Return a refusal for these fields."""
    field, message = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Refusal(code, f"{field}: {message}{more}", *errors)
