"""Runs a permitted action in a node of one's own, once, and reports to its record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from typing import Any, overload

from .._once import Run, reporting, reporting_async
from ..client import AsyncHandoverClient, HandoverClient
from ..exceptions import ConfigurationError
from ._claims import Claim, let_go, take
from ._keys import key_of_this_run
from ._steps import AsyncDriver, Driver


@overload
def executing(
    client: HandoverClient, decision: Mapping[str, Any]
) -> AbstractContextManager[Run]: ...
@overload
def executing(
    client: AsyncHandoverClient, decision: Mapping[str, Any]
) -> AbstractAsyncContextManager[Run]: ...
def executing(
    client: HandoverClient | AsyncHandoverClient, decision: Mapping[str, Any]
) -> AbstractContextManager[Run] | AbstractAsyncContextManager[Run]:
    """Claim what a decision permits, in the node that runs it, and report to the record how that
    ended.

    `decision` is the one that `approval_node(…, once=False)` wrote into the state, or `full_answer`
    of a runner with `once=False`. The record has the value of `run.result`, or the kind of an
    error.

    A node that failed, or whose process has died, goes on with the claim when it runs again. Every
    other run is refused with `AlreadyClaimed`: another worker's, or that of a replay from a
    checkpoint between the approval and this node.

    >>> from handover.integrations.langgraph import executing
    >>> from handover.testing import FakeHandover
    >>> fake = FakeHandover()
    >>> fake.approves()
    >>> asked = fake.client().approve("Refund order 1142", approver="approver@example.com")
    >>> with executing(fake.client(), {"id": asked.id}) as run:
    ...     run.result = "refund re_1148"
    >>> fake.client().decisions.get(asked.id).execution.result
    'refund re_1148'
    """
    if decision.get("execution"):
        raise ConfigurationError(
            "This is claimed already, for the whole run of the graph: give the approval_node or the"
            " runner once=False, so that the node that runs it can claim it"
        )
    claim = Claim.new(decision["id"], key_of_this_run("execution"))
    if isinstance(client, AsyncHandoverClient):
        return _executing_async(client, claim)
    return _executing(client, claim)


@contextmanager
def _executing(client: HandoverClient, claim: Claim) -> Generator[Run]:
    run = Run(Driver(client).run(take(claim)))
    try:
        with reporting(client, run):
            yield run
    except BaseException:
        let_go([claim])
        raise


@asynccontextmanager
async def _executing_async(client: AsyncHandoverClient, claim: Claim) -> AsyncGenerator[Run]:
    run = Run(await AsyncDriver(client).run(take(claim)))
    try:
        async with reporting_async(client, run):
            yield run
    except BaseException:
        let_go([claim])
        raise
