"""The arguments of a call, and what of them an approver is shown."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pydantic_core import to_jsonable_python


class Mask(str):
    """Stands for a value that nobody is shown, whatever a template asks of it."""

    def __format__(self, spec: str) -> str:
        return str(self)

    def __getattr__(self, name: str) -> Mask:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> Mask:
        return self


MASKED = Mask("***")


class Parameters:
    """What a function takes. `payload` names what approvers are shown of it, everything where it is
    None; of that, what `mask` names is shown as `***`.

    Raises `ValueError` for names that the function does not have, and `TypeError` for a default
    that cannot be shown.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        payload: Collection[str] | None = None,
        mask: Collection[str] = (),
    ) -> None:
        self.function = function
        self.signature = inspect.signature(function)
        self.names = frozenset(self.signature.parameters)
        self.several = self._named(inspect.Parameter.VAR_POSITIONAL)
        self.further = self._named(inspect.Parameter.VAR_KEYWORD)
        self._owner = _owner(function, self.signature)
        others = self.names - {self._owner}
        self._shown = others if payload is None else _known_names("payload", payload, others)
        anything = frozenset(mask) if self.further in self._shown else self._shown
        self.mask = _known_names("mask", mask, anything)
        self._check_defaults()

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """The call, defaults included. Raises the `TypeError` of a call that cannot be."""
        call = self.signature.bind(*args, **kwargs)
        call.apply_defaults()
        return call

    def shown(self, call: inspect.BoundArguments) -> dict[str, Any]:
        """What approvers see: JSON. Raises `TypeError` for what has no such form."""
        arguments = {n: value for n, value in call.arguments.items() if n in self._shown}
        return {n: as_json(n, value) for n, value in self.masked(arguments).items()}

    def masked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments themselves, without what nobody is shown."""
        masked = self._without_masked(arguments)
        if self.further in masked:
            masked[self.further] = self._without_masked(arguments[self.further])
        return masked

    def unmasked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Only those arguments that are not masked."""
        left = {n: value for n, value in arguments.items() if n not in self.mask}
        if self.further in left:
            further: Mapping[str, Any] = left[self.further]
            left[self.further] = {n: v for n, v in further.items() if n not in self.mask}
        return left

    def known(self, call: inspect.BoundArguments) -> dict[str, Any]:
        """All arguments by name, masked ones too: what rules on this machine look at."""
        arguments = {n: value for n, value in call.arguments.items() if n != self._owner}
        shown = {n: value for n, value in self.shown(call).items() if n not in self.mask}
        return {**arguments.pop(self.further, {}), **arguments, **shown}

    def _named(self, kind: object) -> str:
        named = (name for name, each in self.signature.parameters.items() if each.kind is kind)
        return next(named, "")

    def _without_masked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {n: MASKED if n in self.mask else value for n, value in arguments.items()}

    def _check_defaults(self) -> None:
        for name in self._shown - self.mask:
            if (default := self.signature.parameters[name].default) is not inspect.Parameter.empty:
                as_json(name, default)


def as_json(name: str, value: object) -> Any:
    """The value of the argument `name`; raises `TypeError` where it has no JSON."""
    try:
        return json.loads(dumps(to_jsonable_python(_kept(value))))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"The argument {name!r} cannot be shown to an approver as JSON: {error}. Name those"
            " that can be with payload=[…], or hide it with mask=[…]."
        ) from error


def dumps(value: object) -> str:
    """JSON to compare by: 1, 1.0 and true are three things."""
    return json.dumps(value, sort_keys=True, allow_nan=False)


def listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def _kept(value: object) -> object:
    if isinstance(value, Iterator):
        raise TypeError("reading an iterator uses it up")
    return value


def _known_names(option: str, given: Collection[str], known: frozenset[str]) -> frozenset[str]:
    if isinstance(given, str):
        raise ValueError(f"{option} is a list of names: [{given!r}]")  # noqa: TRY004 - as below
    if unknown := set(given) - known:
        raise ValueError(f"{option}: no argument that is shown is named {listed(unknown)}")
    return frozenset(given)


def _owner(function: Callable[..., Any], signature: inspect.Signature) -> str:
    """The name of a method's `self` or `cls`, which is nothing that it is called with."""
    first = next(iter(signature.parameters), "")
    outer = function.__qualname__.rpartition(".")[0]
    in_class = bool(outer) and not outer.endswith("<locals>")
    return first if in_class and first in ("self", "cls") else ""
