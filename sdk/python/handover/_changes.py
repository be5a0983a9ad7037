"""An approver's changes to a call's arguments, read by the function's signature."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Unpack, cast, get_args, get_origin, get_type_hints

from ._arguments import Parameters, listed
from ._permission import permitted_payload
from ._reading import read_as, refusal
from ._values import UnfitValueError, as_json, dumps
from .exceptions import ArgumentsRefused
from .models import Decision, Status


class _Refusal(Exception):  # noqa: N818 - becomes an error with the decision
    pass


def permitted_call(
    parameters: Parameters,
    call: inspect.BoundArguments,
    asked: Mapping[str, Any],
    decision: Decision,
) -> inspect.BoundArguments:
    """Return the call as it was permitted; `asked` is the part that the approver was shown.

    Unchanged arguments are the very objects of the call. Raises `ActionDenied` unless the decision
    permits, and `ArgumentsRefused` if its payload cannot run.
    """
    permitted = permitted_payload(decision) or {}
    try:
        _check_still_as_asked(parameters, call, asked)
        if decision.status == Status.MODIFIED:
            return _changed(parameters, call, asked, permitted)
        _check_same(permitted, asked)
    except UnfitValueError as error:
        raise ArgumentsRefused(decision, refusal(error)) from error
    except (_Refusal, TypeError) as error:
        raise ArgumentsRefused(decision, str(error)) from error
    return call


def _check_still_as_asked(
    parameters: Parameters, call: inspect.BoundArguments, asked: Mapping[str, Any]
) -> None:
    """Check the arguments again, since somebody else may have changed a list or an object
    meanwhile."""
    try:
        same = dumps(as_json(parameters.shown(call))) == dumps(asked)
    except UnfitValueError:
        same = False
    if not same:
        raise _Refusal("its arguments changed while it was being decided")


def _check_same(permitted: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    if permitted != asked:
        raise _Refusal("what was approved are other arguments than were asked")


def _changed(
    parameters: Parameters,
    call: inspect.BoundArguments,
    asked: Mapping[str, Any],
    permitted: Mapping[str, Any],
) -> inspect.BoundArguments:
    """Read the changes. A default is no substitute for a missing argument: nobody has seen it."""
    if missing := asked.keys() - permitted.keys():
        raise _Refusal(f"the approver left out {listed(missing)}")
    if unexpected := permitted.keys() - asked.keys():
        raise _Refusal(f"the approver added {listed(unexpected)}")
    arguments = {**call.arguments}
    for name, value in permitted.items():
        if dumps(value) != dumps(asked[name]):
            arguments[name] = _argument(parameters, name, value, asked[name], arguments[name])
    changed = inspect.BoundArguments(call.signature, cast(Any, arguments))
    call.signature.bind(*changed.args, **changed.kwargs)
    return changed


def _argument(parameters: Parameters, name: str, value: Any, asked: Any, original: Any) -> Any:
    _check_not_masked(parameters, name)
    hint = parameters.hints.get(name, Any)
    if isinstance(hint, str):
        raise _Refusal(f"the annotation of {name} cannot be read: {hint}")
    if name == parameters.several:
        return tuple(read_as(list[hint], list(original), value, name))
    if name == parameters.further:
        return _further(parameters, value, asked, original, hint)
    return read_as(hint, original, value, name)


def _further(
    parameters: Parameters, value: Any, asked: Mapping[str, Any], original: Any, hint: Any
) -> dict[str, Any]:
    """Return the approver's arguments for `**`, where names may come and go."""
    permitted: dict[str, Any] = read_as(dict[str, Any], {}, value, parameters.further)
    for name in asked.keys() - permitted.keys():
        _check_not_masked(parameters, name)
    read: dict[str, Any] = {}
    for name, each in permitted.items():
        if name in asked and dumps(each) == dumps(asked[name]):
            read[name] = original[name]
        else:
            _check_not_masked(parameters, name)
            read[name] = read_as(_hint_of(name, hint), original.get(name), each, name)
    return read


def _check_not_masked(parameters: Parameters, name: str) -> None:
    if name in parameters.mask:
        raise _Refusal(f"{name} is masked, and cannot be changed")


def _hint_of(name: str, hint: Any) -> Any:
    """Return the annotation of an argument for `**`."""
    if get_origin(hint) is not Unpack:
        return hint
    hints = get_type_hints(get_args(hint)[0], include_extras=True)
    if name not in hints:
        raise _Refusal(f"the approver added {name}")
    return hints[name]
