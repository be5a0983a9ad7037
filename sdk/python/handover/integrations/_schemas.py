"""Checks arguments against a tool's own schema, before a person is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from .._values import MAX_NAME
from ..exceptions import FieldError, NotAskedError


def check_arguments(tool: Any, args: Mapping[str, Any]) -> None:
    """Check arguments that the tool would refuse, if a pydantic model says so. Injected ones exist
    only when it runs. Raises `NotAskedError`."""
    schema = getattr(tool, "args_schema", None)
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return
    try:
        schema.model_validate(dict(args))
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False, include_input=False)
        injected = schema.model_fields.keys() - _named_by_models(tool)
        fields = [
            FieldError(_named(each["loc"]), each["msg"])
            for each in told
            if not (each["loc"] and each["loc"][0] in injected)
        ]
        if fields:
            raise NotAskedError(*fields) from error


def _named(location: Sequence[str | int]) -> str:
    return ".".join(str(name)[:MAX_NAME] for name in location) or "the arguments"


def _named_by_models(tool: Any) -> set[str]:
    """Return the arguments that a model knows."""
    return set(tool.args)
