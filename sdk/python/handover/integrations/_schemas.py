"""What a tool says of its arguments, asked before a person is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from ..exceptions import FieldError, NotAskedError


def check_arguments(tool: Any, args: Mapping[str, Any]) -> None:
    """Raises `NotAskedError` for arguments that the tool would refuse, where it tells by a model of
    pydantic's. What is injected is there only when it runs."""
    schema = getattr(tool, "args_schema", None)
    if not (isinstance(schema, type) and issubclass(schema, BaseModel)):
        return
    try:
        schema.model_validate(dict(args))
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False, include_input=False)
        injected = schema.model_fields.keys() - _named_by_models(tool)
        fields = [
            FieldError(".".join(map(str, each["loc"])), each["msg"])
            for each in told
            if not (each["loc"] and each["loc"][0] in injected)
        ]
        if fields:
            raise NotAskedError(*fields) from error


def _named_by_models(tool: Any) -> set[str]:
    """The arguments that a model is told of."""
    return set(tool.args)
