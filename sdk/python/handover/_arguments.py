"""The arguments of a call, and the part of them that an approver is shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any

from ._injected import hints_of, is_from_framework, is_injected
from ._showable import is_showable
from ._values import UnfitValueError, as_exact_json, as_json


class Mask(str):
    """Stands for a value that nobody is shown, whatever a template does with it."""

    def __format__(self, spec: str) -> str:
        return str(self)

    def __getattr__(self, name: str) -> Mask:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> Mask:
        return self


MASKED = Mask("***")


class Told(dict[str, Any]):
    """Arguments by name, for texts. A hidden argument is there if it is named, but not when all
    arguments are written down."""

    def __init__(self, told: Mapping[str, Any], hidden: Mapping[str, Any]) -> None:
        super().__init__(told)
        self._hidden = hidden

    def __missing__(self, name: str) -> Any:
        return self._hidden[name]


class Parameters:
    """A function's parameters. `payload` names those that approvers are shown, or None for all;
    those in `mask` are shown as `***`. Arguments that frameworks fill in, or that are `Hidden`, are
    never shown.

    Raises `ValueError` for names that the function does not have, and `TypeError` for a parameter
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
        self._hidden = frozenset(n for n, hint in self.hints.items() if is_injected(hint))
        others = self.names - {self._owner} - self._hidden
        self._shown = others if payload is None else _known_names("payload", payload, others)
        anything = frozenset(mask) if self.further in self._shown else self._shown
        self.mask = _known_names("mask", mask, anything)
        for name in self._shown - self.mask:
            self._check_can_be_shown(name)

    @cached_property
    def hints(self) -> dict[str, Any]:
        """Return the annotations by name, or texts if they cannot be evaluated."""
        hints = hints_of(self.function)
        return {name: hint for name, hint in hints.items() if name in self.names}

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        """Return the call, defaults included. Raises the `TypeError` of a call that cannot be
        made."""
        call = self.signature.bind(*args, **kwargs)
        call.apply_defaults()
        return call

    def shown(self, call: inspect.BoundArguments) -> dict[str, Any]:
        """Return the arguments as approvers see them, as they were called."""
        arguments = {n: each for n, each in call.arguments.items() if n in self._shown}
        return self._masked({n: v for n, v in arguments.items() if not is_from_framework(v)})

    def told(self, call: inspect.BoundArguments) -> Told:
        """Return the arguments for texts, masked ones as nobody sees them."""
        hidden = self._left_out(call)
        others = {n: value for n, value in call.arguments.items() if n not in hidden}
        return Told(self._masked(others), hidden)

    def told_unmasked(self, call: inspect.BoundArguments) -> Told:
        """Return the arguments for keys, without masked ones."""
        hidden = self._left_out(call)
        left = {n: v for n, v in call.arguments.items() if n not in self.mask | hidden.keys()}
        if self.further in left:
            further: Mapping[str, Any] = left[self.further]
            left[self.further] = {n: v for n, v in further.items() if n not in self.mask}
        return Told(left, hidden)

    def known(self, call: inspect.BoundArguments) -> dict[str, Any]:
        """Return the arguments for rules on this machine: all by name, masked ones too, but none
        that is never shown. Raises `UnfitValueError`."""
        without = {self._owner, *self._left_out(call)}
        arguments = {n: value for n, value in call.arguments.items() if n not in without}
        shown = {n: v for n, v in self.shown(call).items() if n not in self.mask}
        read = {n: as_exact_json(value, n) for n, value in shown.items()}
        return {**arguments.pop(self.further, {}), **arguments, **read}

    def _left_out(self, call: inspect.BoundArguments) -> dict[str, Any]:
        return {
            n: value
            for n, value in call.arguments.items()
            if n in self._hidden or is_from_framework(value)
        }

    def _named(self, kind: object) -> str:
        named = (name for name, each in self.signature.parameters.items() if each.kind is kind)
        return next(named, "")

    def _masked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        masked = self._without_masked(arguments)
        if self.further in masked:
            masked[self.further] = self._without_masked(arguments[self.further])
        return masked

    def _without_masked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {n: MASKED if n in self.mask else value for n, value in arguments.items()}

    def _check_can_be_shown(self, name: str) -> None:
        hint = self.hints.get(name, Any)
        if not is_showable(hint):
            raise _not_shown(name, f"{_spelled(hint)} has no form in JSON")
        default = self.signature.parameters[name].default
        if default is not inspect.Parameter.empty:
            try:
                as_json(default)
            except UnfitValueError as error:
                raise _not_shown(name, f"its default: {error}") from error


def listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def _not_shown(name: str, why: str) -> TypeError:
    return TypeError(
        f"The argument {name!r} cannot be shown to an approver: {why}. If it is not the caller's"
        f" to say, annotate it with Annotated[..., handover.Hidden]; else name those that can be"
        " shown with payload=[…], or hide its value with mask=[…]."
    )


def _spelled(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)


def _known_names(option: str, given: Collection[str], known: frozenset[str]) -> frozenset[str]:
    if isinstance(given, str):
        raise ValueError(f"{option} is a list of names: [{given!r}]")  # noqa: TRY004 - as below
    if unknown := set(given) - known:
        raise ValueError(f"{option}: no argument that is shown is named {listed(unknown)}")
    return frozenset(given)


def _owner(function: Callable[..., Any], signature: inspect.Signature) -> str:
    """Return the name of a method's `self` or `cls`, which is no argument of the caller's."""
    first = next(iter(signature.parameters), "")
    outer = function.__qualname__.rpartition(".")[0]
    in_class = bool(outer) and not outer.endswith("<locals>")
    return first if in_class and first in ("self", "cls") else ""
