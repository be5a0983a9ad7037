"""JSON logs on standard error: one object a line, with the decision's id where there is one."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

TELLTALES = ("aiosqlite", "httpcore2", "httpcore", "hpack", "redis", "temporalio.worker")
"""Libraries that, at the level DEBUG, tell what they carry: rows, payloads, headers with keys."""

FRAMES = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
"""Tracebacks without local variables: among those are keys, tokens and people's words."""


ADDRESS = re.compile(r"[^\s<>\"(),:;@]+@[^\s<>\"'(),:;@]+")
HIDDEN = "(address)"


def _name_decision(
    _logger: object, _method: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Move the decision's id, its workflow's id, from where Temporal's own loggers put it."""
    for source in ("temporal_activity", "temporal_workflow"):
        about = entry.pop(source, None)
        if isinstance(about, dict) and "workflow_id" in about:
            entry.setdefault("decision_id", about["workflow_id"])
            entry.setdefault("attempt", about.get("attempt"))
    return entry


def _without_addresses(
    _logger: object, _method: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Hide addresses, which providers put into what they say, and libraries into their errors."""
    return {key: _hidden(value) for key, value in entry.items()}


def _hidden(value: Any) -> Any:
    match value:
        case str():
            return ADDRESS.sub(HIDDEN, value)
        case dict():
            return {key: _hidden(each) for key, each in value.items()}
        case list() | tuple():
            return [_hidden(each) for each in value]
        case _:
            return value


def configure(level: str, *, addresses: bool = True) -> None:
    """Send everything that is logged, by us and by libraries, through one JSON renderer.

    Without `addresses`, `(address)` stands in place of each e-mail address.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _name_decision,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(FRAMES),
                *(() if addresses else (_without_addresses,)),
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in TELLTALES:
        logging.getLogger(name).setLevel(logging.INFO)
    # Its lines hold whole paths, and a link's path is the right to answer: `api.http.requests`
    # logs without it.
    logging.getLogger("uvicorn.access").disabled = True
