"""The node that asks, and holds the graph until people have decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, overload

from langgraph.types import Command

from .._permission import answered, is_unfit, permits, permitted_payload
from ..client import AsyncHandoverClient, HandoverClient
from ..exceptions import ConfigurationError, denial
from ..models import Decision
from ._asked import asked, is_about
from ._claims import Claim, let_go, take, tell_unfit
from ._fields import check_fields, resolve
from ._keys import key_of_this_run
from ._steps import AsyncDriver, Course, Driver, Wait

Action = str | Callable[[Any], str]
Approver = str | Sequence[str] | Callable[[Any], str | Sequence[str]]
ToUpdate = Callable[[Any, Decision], Any]


class Node(Protocol):
    def __call__(self, state: Any) -> Any: ...


class AsyncNode(Protocol):
    def __call__(self, state: Any) -> Awaitable[Any]: ...


@overload
def approval_node(
    client: HandoverClient,
    *,
    action: Action,
    approver: Approver,
    then: str | None = None,
    otherwise: str | None = None,
    denied: Literal["update", "raise"] = "update",
    once: bool = True,
    to_update: ToUpdate | None = None,
    **fields: Any,
) -> Node: ...
@overload
def approval_node(
    client: AsyncHandoverClient,
    *,
    action: Action,
    approver: Approver,
    then: str | None = None,
    otherwise: str | None = None,
    denied: Literal["update", "raise"] = "update",
    once: bool = True,
    to_update: ToUpdate | None = None,
    **fields: Any,
) -> AsyncNode: ...
def approval_node(
    client: HandoverClient | AsyncHandoverClient,
    *,
    action: Action,
    approver: Approver,
    then: str | None = None,
    otherwise: str | None = None,
    denied: Literal["update", "raise"] = "update",
    once: bool = True,
    to_update: ToUpdate | None = None,
    **fields: Any,
) -> Node | AsyncNode:
    """Make a node that asks people, waits for them, and writes what they permit into the state.

    `action`, `approver`, `payload`, `context` and every other field of `decisions.create` is a
    value, or a function of the state that returns one. A `HandoverClient` makes a node for
    `invoke`, an `AsyncHandoverClient` one for `ainvoke`.

    The update has two keys. `permitted` is the payload that may run as the approver left it ({} for
    an action without one, None if nothing may run). `decision` is the whole decision as plain JSON,
    with the `reason` if nothing may run. The action's node reads `permitted`, and never the
    proposal: it has the very objects of the payload, and the approver's changes are read by their
    types; a change that cannot be read so permits nothing. `to_update` is called with the state and
    the decision, whose `permitted_payload` is the same, and returns another update: a branch of a
    `Send` needs one for its reducer.

    A question that can be shown to nobody is a `NotAskedError` before anybody is asked. An action
    that is too long is cut, with all of it in the context, and a context that is too long is cut at
    its end.

    If nothing may run the node still returns, and an edge decides; with `denied="raise"` it raises
    `ActionDenied`; with `then` and `otherwise` it goes to the one or the other itself. Then add no
    edge out of it: LangGraph would follow that one too.

    A node that runs again, because it failed or its process died, finds its decision: the key is
    made of thread, checkpoint namespace and node. The same node in a later step of the thread asks
    anew. The fields have to be the same when it runs again, so compute varying values, such as a
    model's words, in a node before it.

    The node claims its permission for this run of the graph, and `decision` has the claim: of two
    workers that wait in the same node one goes on, and the other raises `AlreadyClaimed`. The node
    only asks, so the record says no more than that. With `once=False` nothing is claimed, and the
    node that runs the action claims it, with `executing`.

    With a `HandoverClient` each waiting node holds a thread of the graph, which has few of them: if
    `Send` starts many, set `max_concurrency` in the config, or use the asynchronous client.

    >>> from handover import HandoverClient
    >>> from handover.integrations.langgraph import approval_node
    >>> approval = approval_node(
    ...     HandoverClient(dev_mode=True),
    ...     action=lambda state: f"Refund order {state['order']}",
    ...     payload=lambda state: {"order": state["order"], "amount": 49.90},
    ...     approver="approver@example.com",
    ...     timeout_minutes=30,
    ... )
    """
    asked = {"action": action, "approver": approver, **fields}
    asking = _Asking(asked, then, otherwise, denied == "raise", once, to_update or _update)
    node = (
        _async_node(client, asking)
        if isinstance(client, AsyncHandoverClient)
        else _node(client, asking)
    )
    if then is not None and otherwise is not None:  # so that drawings of the graph have both ways
        node.__annotations__["return"] = Command[Literal[then, otherwise]]
    return node


def _node(client: HandoverClient, asking: _Asking) -> Node:
    def approval(state: Any) -> Any:
        return Driver(client).run(_approval(asking, state))

    return approval


def _async_node(client: AsyncHandoverClient, asking: _Asking) -> AsyncNode:
    async def approval(state: Any) -> Any:
        return await AsyncDriver(client).run(_approval(asking, state))

    return approval


def _approval(asking: _Asking, state: Any) -> Course[Any]:
    """Return the node's update. Raises `NotAskedError`, and then nobody was asked."""
    key, fields = key_of_this_run(), asking.fields_for(state)
    decision = answered((yield from _decided(key, fields)), fields.get("payload"))
    if asking.once and is_unfit(decision):
        yield from tell_unfit(decision)
    if not (asking.once and permits(decision)):
        return asking.result(state, decision)
    claim = Claim.new(decision.id, key)
    claimed = yield from take(claim)
    try:
        decision = decision.model_copy(update={"execution": claimed.execution})
        return asking.result(state, decision)
    except BaseException:  # the node runs again
        let_go([claim])
        raise


def _decided(key: str | None, fields: Mapping[str, Any]) -> Course[Decision]:
    decision = yield from asked(key, fields, lambda found: is_about(found, fields))
    while not decision.settled:
        decision = (yield Wait({decision.id})) or decision
    return decision


@dataclass(frozen=True, slots=True)
class _Asking:
    fields: Mapping[str, Any]
    then: str | None
    otherwise: str | None
    raises: bool
    once: bool
    to_update: ToUpdate

    def __post_init__(self) -> None:
        check_fields(self.fields)
        if (self.then is None) != (self.otherwise is None):
            raise ConfigurationError("`then` and `otherwise` come together: edges are followed too")

    def fields_for(self, state: Any) -> dict[str, Any]:
        return {**resolve(self.fields, state), "enforce": True}

    def result(self, state: Any, decision: Decision) -> Any:
        permitted = permits(decision)
        if self.raises and not permitted:
            raise denial(decision)
        update = self.to_update(state, decision)
        if self.then is None or self.otherwise is None:
            return update
        return Command(update=update, goto=self.then if permitted else self.otherwise)


def _update(_: Any, decision: Decision) -> dict[str, Any]:
    """Return the update of the state. None replaces what an earlier decision of the thread
    permitted."""
    told = decision.model_dump(mode="json")
    if not permits(decision):
        return {"permitted": None, "decision": {**told, "reason": str(denial(decision))}}
    payload = permitted_payload(decision)
    return {"permitted": {} if payload is None else payload, "decision": {**told, "reason": None}}
