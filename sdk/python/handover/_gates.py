"""The gate in front of a function that needs approval, without any I/O."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from ._arguments import Parameters
from ._asking import askable, checked_key
from ._changes import permitted_call
from .exceptions import ActionDenied, FieldError, NotAskedError
from .models import Decision, Urgency
from .policy import ApprovalPolicy

Told = str | Callable[[Mapping[str, Any]], str | None] | None
"""A text in which `{argument}` stands for an argument, or a function of the arguments by name."""

logger = logging.getLogger("handover")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of `require_approval`."""

    approver: str | Sequence[str]
    action: Told
    context: Told
    payload: Collection[str] | None
    mask: Collection[str]
    policy: ApprovalPolicy | None
    idempotency_key: Told
    once: bool
    result: Callable[[Any], object] | None
    raises: bool
    fields: Mapping[str, Any]

    def gate(self, function: Callable[..., Any]) -> Gate:
        """Return the gate of this function. Raises `TypeError` and `ValueError` for settings that
        do not fit it."""
        parameters = Parameters(function, self.payload, self.mask)
        names = parameters.names
        return Gate(
            settings=self,
            name=function.__qualname__.rpartition("<locals>.")[2],
            parameters=parameters,
            action=_text("action", self.action, names),
            context=_text("context", self.context, names),
            idempotency_key=_text("idempotency_key", self.idempotency_key, names - parameters.mask),
        )


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The gate in front of one function."""

    settings: Settings
    name: str
    parameters: Parameters
    action: Callable[[Mapping[str, Any]], str | None]
    context: Callable[[Mapping[str, Any]], str | None]
    idempotency_key: Callable[[Mapping[str, Any]], str | None]

    def otherwise(self, error: ActionDenied | NotAskedError) -> Any:
        """Return the result of a call that does not run."""
        if self.settings.raises:
            raise error
        return f"{self.name} has not run. {error}"

    def question(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Question:
        """Return the question about this call. Raises `NotAskedError` if no approver could be shown
        it."""
        call = self.parameters.bind(args, kwargs)
        told = self.parameters.told(call)
        action = self.action(told) or self._described()
        if self._is_harmless(action, call):
            return Question(self.parameters, call, None)
        key = self.idempotency_key(self.parameters.told_unmasked(call))
        asked = {
            "action": action,
            "context": self.context(told),
            "payload": self.parameters.shown(call) or None,
            "idempotency_key": checked_key(key),
            "approver": self.settings.approver,
            **self.settings.fields,
        }
        return Question(self.parameters, call, askable(asked))

    def told(self, returned: object) -> str | None:
        """Return the result for the record. The function has run, so a fault here is not raised."""
        if self.settings.result is None:
            return None
        try:
            return str(self.settings.result(returned))
        except Exception:
            logger.warning("the result of %s could not be told", self.name, exc_info=True)
            return None

    def _is_harmless(self, action: str, call: inspect.BoundArguments) -> bool:
        if self.settings.policy is None:
            return False
        urgency = self.settings.fields.get("urgency") or Urgency.MEDIUM
        known = self.parameters.known(call)
        verdict = self.settings.policy.check(action, known, urgency=urgency, name=self.name)
        if not verdict.asked:
            logger.info("%s runs without asking anybody (%s)", self.name, verdict.rule)
        return not verdict.asked

    def _described(self) -> str:
        line = (inspect.getdoc(self.parameters.function) or "").partition("\n")[0].strip()
        return f"{self.name}: {line}" if line else self.name


@dataclass(frozen=True, slots=True)
class Question:
    """The question about one call; if `asked` is None, nobody is asked."""

    parameters: Parameters
    call: inspect.BoundArguments
    asked: Mapping[str, Any] | None

    def permitted(self, decision: Decision) -> inspect.BoundArguments:
        shown: Mapping[str, Any] = (self.asked or {})["payload"] or {}
        return permitted_call(self.parameters, self.call, shown, decision)


def _text(
    option: str, told: Told, names: Collection[str]
) -> Callable[[Mapping[str, Any]], str | None]:
    if told is None:
        return lambda arguments: None
    if callable(told):
        return told
    for _, field, _, _ in Formatter().parse(told):
        if field is not None and (name := re.split(r"[.\[]", field)[0]) not in names:
            raise ValueError(
                f"{option}: {{{field}}} is no argument that may stand in it, {name!r} being none of"
                f" {', '.join(sorted(names)) or 'none'}; a brace that is meant is written twice"
            )
    return lambda arguments: _filled_in(option, told, arguments)


def _filled_in(option: str, told: str, arguments: Mapping[str, Any]) -> str:
    try:
        return told.format_map(arguments)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise NotAskedError(
            FieldError(option, f"these arguments do not fit it: {error}")
        ) from error
