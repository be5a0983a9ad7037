"""Recognises annotations of values that no approver could be shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import date
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import PydanticSchemaGenerationError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema

NEVER = (Iterator, AsyncIterator, Awaitable, type)
"""Types that reading uses up, or that have nothing to read."""

NATIVE = (str, int, float, list, dict, tuple, set, Decimal, date)
"""Types that a value of an abstract annotation may well have."""


def is_showable(hint: Any) -> bool:
    """Return whether values of this annotation may have a form in JSON; an unknown one may."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return is_showable(args[0]) or _has_schema(hint)
    if origin in (Union, UnionType):
        return any(is_showable(each) for each in args if each is not type(None))
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    return _is_showable_class(kind) and all(is_showable(each) for each in args)


def _is_showable_class(kind: type[Any]) -> bool:
    if kind is cast(Any, Callable) or issubclass(kind, NEVER):
        return False
    return _has_schema(kind) or _may_be_another(kind)


def _may_be_another(kind: type[Any]) -> bool:
    """Return whether a value may have another type: a base class says little of what is passed for
    it."""
    if getattr(kind, "_is_protocol", False):
        return True
    kinds = [native for native in NATIVE if issubclass(native, kind)]
    return bool(kinds) or any(map(_is_showable_class, type.__subclasses__(kind)))


def _has_schema(hint: Any) -> bool:
    try:
        TypeAdapter(hint).json_schema(mode="serialization")
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        return False
    except Exception:  # a name that is defined later, for example
        return True
    return True
