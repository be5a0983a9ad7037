"""`dev_mode`: a service inside the client that asks nobody and approves everything."""

from __future__ import annotations

import inspect
import warnings
from datetime import datetime, timedelta

from ._memory.answers import accepts
from ._memory.files import media_type
from ._memory.front import Front
from ._memory.life import Life, Reply
from ._memory.service import Caller, MemoryService
from .models import Choice, DecisionRequest, Origin, ResponseType

SOON = timedelta(minutes=1)
SAMPLES = {
    ".txt": b"",
    ".csv": b"",
    ".json": b"",
    ".md": b"",
    ".xml": b"",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff",
    ".gif": b"GIF8",
    ".pdf": b"%PDF-",
    ".docx": b"PK",
    ".xlsx": b"PK",
    ".pptx": b"PK",
}
"""Beginnings of files of these kinds."""


class DevModeWarning(UserWarning):
    """A decision was approved by `dev_mode`: no person has seen it."""


class DevPlayer:
    """Approves; if an answer needs a value, it gives the plainest one that the question takes."""

    at_once = True

    def __init__(self, service: MemoryService) -> None:
        self._service = service

    def caller(self, key: str) -> Caller:
        return Caller("dev_mode")

    def play(self, life: Life) -> None:
        self._service.respond(life, plain_reply(life.request, self._service.now), Origin.DEV)
        warnings.warn(
            f"dev_mode {life.decision.status} {life.decision.id} without asking anybody:"
            f" {life.decision.action}",
            DevModeWarning,
            stacklevel=_users_level(),
        )

    def check_wait(self, life: Life) -> None:
        """Do nothing: no decision stays pending."""


def dev_front(base_url: str) -> Front:
    service = MemoryService(base_url, asks=False, id_prefix="dec_dev_")
    return Front(service, DevPlayer(service))


def plain_reply(request: DecisionRequest, now: datetime) -> Reply:
    """Return the approval, with the plainest value if one is needed.

    If no approval is offered, or no suitable file is at hand, return the unchanged payload, or the
    denial.
    """
    asked = request.response_type
    if Choice.APPROVE not in request.options:
        if Choice.MODIFY in request.options:
            unchanged = {"payload": request.payload} if request.payload is not None else None
            return Reply(choice="modify", data=unchanged or {"action": request.action})
        return Reply(choice="deny")
    match asked.type:
        case "choose":
            return Reply(choice="approve", data={"chosen": (asked.choices or [""])[0]})
        case "text_input":
            names = [field.name for field in asked.fields or () if field.required]
            return Reply(choice="approve", data=dict.fromkeys(names, "dev_mode"))
        case "number_input":
            return Reply(choice="approve", data={"value": _plain_number(asked)})
        case "schedule":
            later = {"execute_at": (now + SOON).isoformat()}
            return Reply(choice="approve", data=later if asked.allow_immediate is False else None)
        case "file_upload":
            files = _plain_file(asked)
            return Reply(choice="approve" if files else "deny", files=files)
        case _:
            return Reply(choice="approve")


def _plain_number(asked: ResponseType) -> float:
    """Return zero, or the allowed number that is next to it."""
    least = 0 if asked.min is None else asked.min
    most = 0 if asked.max is None else asked.max
    return least if least > 0 else min(most, 0) if asked.max is not None else 0


def _plain_file(asked: ResponseType) -> dict[str, bytes] | None:
    """Return a file, or None if there is none of the wanted kinds."""
    for ending, beginning in SAMPLES.items():
        name, content = f"dev_mode{ending}", beginning + b"dev_mode\n"
        if accepts(asked.accept, media_type(name, content), name):
            return {name: content}
    return None


def _users_level() -> int:
    """Return how many frames above `play` the code is that uses this package."""
    level, frame = 0, inspect.currentframe()
    while frame and _is_ours(str(frame.f_globals.get("__name__"))):
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(module: str) -> bool:
    return module == "handover" or module.startswith("handover.")
