"""`GET /decisions`: who sees what, filters, pages; and an index that nobody has to believe."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from api.decisions.listing import Filters, Listed, Listing, ListsUnavailable, index_names
from api.problems.errors import ApiError, Invalid
from handover.models import Status
from histories.encryption import Encryption
from store import open_store
from store.keys import AGENT_SCOPES, RESOLVE, new_key
from tests import dev_server as dev_servers
from tests import web
from tests.api.agent import PROBLEM, Agent, link_to, question, refused_fields, someone
from tests.approver import press
from tests.dev_server import DevServer
from tests.service import RunningService
from tests.support import eventually
from workflows import options
from workflows.messages import WORKFLOW

NAMES = [
    *("x' OR '1'='1", "a\\", "a\\' OR 1=1 --", '"', "'", "''", "\\", "%", "a%", "_", "a?b", ":x"),
    *("`x`", "/* a", "a -- b", "a;b", "a\nb", " a", "a ", "b\0c", "agént", "代理", "🤖", "!"),
    *("a" * 200, "'a'", "HandoverAgent", "x'y", 'say "hi"'),
]


@asynccontextmanager
async def named(
    service: RunningService, name: str, scopes: frozenset[str] = AGENT_SCOPES
) -> AsyncIterator[Agent]:
    """An agent of this name, with a key of these scopes."""
    store = await open_store(f"sqlite+aiosqlite:///{service.data_dir / 'store.db'}")
    key = new_key()
    await store.keys.ensure(key, name, scopes)
    await store.close()
    async with Agent(service, key, name) as agent:
        yield agent


@pytest.fixture
async def resolver(service: RunningService) -> AsyncIterator[Agent]:
    """A key that may resolve, of somebody who asks nothing."""
    async with named(service, f"desk-{secrets.token_hex(4)}", frozenset({RESOLVE})) as desk:
        yield desk


async def page_of(lister: Agent, **query: object) -> dict[str, Any]:
    """One page, asked for again while Temporal limits how often."""
    params = {name: str(value) for name, value in query.items()}

    async def answered() -> httpx2.Response | None:
        answer = await lister.http.get("/decisions", params=params)
        if answer.status_code == 503:
            await asyncio.sleep(float(answer.headers["Retry-After"]))
            return None
        return answer

    answer = await eventually(answered, timeout=60)
    assert answer is not None
    assert answer.status_code == 200, answer.text
    assert answer.json()["lags"] is True
    return answer.json()


async def listed(lister: Agent, **query: object) -> list[dict[str, Any]]:
    """All pages, one after the other."""
    page = await page_of(lister, **query)
    entries = page["decisions"]
    while page["next_cursor"]:
        page = await page_of(lister, **query, cursor=page["next_cursor"])
        entries += page["decisions"]
    return entries


async def ids(lister: Agent, **query: object) -> list[str]:
    return [entry["id"] for entry in await listed(lister, **{"limit": 100, **query})]


async def shows(lister: Agent, *decisions: str, **query: object) -> None:
    """Wait until the list has just these, each once."""

    async def same() -> bool:
        return sorted(await ids(lister, **query)) == sorted(decisions)

    await eventually(same, timeout=60)


async def ask(agent: Agent, **fields: object) -> str:
    return (await agent.ask(**fields))["id"]


async def test_an_entry_is_a_summary_of_the_decision(another_agent: Agent) -> None:
    """Each field says what the decision itself says, before and after it was answered."""
    approver = someone()
    decision = await ask(another_agent, approver=approver, urgency="high", context="x" * 50_000)
    await shows(another_agent, decision)
    [entry] = await listed(another_agent)
    full = await another_agent.get(decision)
    assert entry == {name: full[name] for name in entry if name != "agent"} | {
        "agent": another_agent.name
    }
    assert set(entry) == {
        *("id", "status", "approved", "action", "urgency", "agent", "approver", "created_at"),
        *("expires_at", "resolved_at", "resolved_by", "origin", "escalation_level", "execute_at"),
    }
    await press(await link_to(another_agent.service, approver), "approve")
    [entry] = await listed(another_agent)
    assert (entry["status"], entry["approved"], entry["resolved_by"]) == (
        *("approved", True),
        approver,
    )


async def test_each_filter_narrows(another_agent: Agent) -> None:
    """Status, urgency, approver (also a later one), time: what is left has all of them."""
    first, backup = someone("o'brien"), someone("back.up+tag")
    plain = await ask(another_agent)
    named_one = await ask(another_agent, approver=first, urgency="critical")
    later = datetime.now(UTC)
    escalating = await ask(
        another_agent, escalation=[{"after_minutes": 30, "approvers": [backup]}], urgency="low"
    )
    assert (await another_agent.cancel(plain)).status_code in (200, 202)
    await shows(another_agent, plain, named_one, escalating)
    await shows(another_agent, plain, status="cancelled")
    await shows(another_agent, named_one, escalating, status="pending")
    await shows(another_agent, named_one, urgency="critical")
    await shows(another_agent, named_one, approver=first)
    await shows(another_agent, escalating, approver=backup)
    await shows(another_agent, escalating, approver=backup.replace("example", "EXAMPLE"))
    await shows(another_agent, escalating, created_after=later.isoformat())
    await shows(another_agent, named_one, status="pending", urgency="critical", approver=first)
    await shows(another_agent, status="pending", urgency="critical", approver=backup)
    await shows(another_agent, status="approved")
    everything = (plain, named_one, escalating)
    await shows(another_agent, *everything, created_after="0001-01-01T00:00:00+00:00")
    await shows(another_agent, created_after="9999-12-31T23:59:59Z")


async def test_all_pages_have_each_decision_once(another_agent: Agent) -> None:
    """25 decisions, four at a time; no page has more than was asked for."""
    made = [await ask(another_agent) for _ in range(25)]
    await shows(another_agent, *made)
    entries = await listed(another_agent, limit=4)
    assert sorted(entry["id"] for entry in entries) == sorted(made)
    times = [entry["created_at"] for entry in entries]
    assert times == sorted(times, reverse=True), "the newest of what is open comes first"
    assert len((await page_of(another_agent, limit=4))["decisions"]) == 4
    assert len((await page_of(another_agent))["decisions"]) == 20


async def test_an_agent_lists_its_own_and_nobody_elses(
    another_agent: Agent, service: RunningService
) -> None:
    """Those of others are not in its list; naming another is refused, not answered with nothing."""
    mine = await ask(another_agent)
    async with named(service, f"{another_agent.name}-2") as other:
        theirs = await ask(other)
        await shows(other, theirs)
        await shows(another_agent, mine)
        await shows(another_agent, mine, agent=another_agent.name)
        answer = await another_agent.http.get("/decisions", params={"agent": other.name})
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert answer.headers["Content-Type"] == PROBLEM


async def test_a_key_that_may_resolve_lists_all_or_one_agents(
    resolver: Agent, another_agent: Agent, service: RunningService
) -> None:
    """Decisions of two agents in one list, and of each in its own."""
    since = datetime.now(UTC).isoformat()
    async with named(service, f"{another_agent.name}-2") as other:
        one, two = await ask(another_agent), await ask(other)
    await shows(resolver, one, two, created_after=since)
    await shows(resolver, one, agent=another_agent.name)
    await shows(resolver, two, agent=other.name, created_after=since)
    await shows(resolver, agent="nobody of this name")


async def test_a_decision_is_found_by_its_key_at_once(
    another_agent: Agent, resolver: Agent, service: RunningService
) -> None:
    """Who asked with an idempotency key finds the decision by it, without waiting for the index,
    and nobody else does; further filters have to hold too."""
    made = await another_agent.post(question(), key="order 1142")
    by_key = {"idempotency_key": "order 1142"}
    assert [each["id"] for each in await listed(another_agent, **by_key)] == [made.json()["id"]]
    assert await listed(another_agent, **by_key, status="denied") == []
    assert await listed(another_agent, idempotency_key="order 1143") == []
    assert await listed(resolver, **by_key) == []
    async with named(service, f"{another_agent.name}-2") as other:
        assert await listed(other, **by_key) == []


async def test_a_list_takes_a_key(agent: Agent) -> None:
    """401 without one."""
    async with web.client(base_url=agent.service.base_url) as stranger:
        answer = await stranger.get("/decisions")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


@pytest.fixture(scope="module")
async def alone(
    dev_server_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[RunningService, Client]]:
    """A service whose index has nothing of other tests: what an agent of an odd name has is found
    by reading what all have."""
    folder = tmp_path_factory.mktemp("alone")
    async with AsyncExitStack() as stack:
        server = DevServer(dev_server_program, folder)
        stack.callback(server.stop)
        await server.start()
        service = RunningService(server.address, folder)
        stack.callback(service.stop)
        await service.start()
        yield service, await server.client()


@pytest.mark.parametrize("name", NAMES, ids=repr)
async def test_agents_of_any_name_list_their_own(
    alone: tuple[RunningService, Client], name: str
) -> None:
    """Whatever stands in a name: the list has its decision and no other, and the query finds only
    names that begin as this one does."""
    service, temporal = alone
    async with named(service, name) as odd:
        decision = await ask(odd)
        await eventually(lambda: has(odd, decision), timeout=60)
        assert {entry["agent"] for entry in await listed(odd, limit=100)} == {name}
    query = Filters(agent=name).query(Encryption())
    literal = re.fullmatch(r"WorkflowType = '\w+'(?: AND \w+ (?:=|STARTS_WITH) '([^']*)')?", query)
    assert literal, query
    found = [run async for run in temporal.list_workflows(query, limit=500)]
    names = [str(run.typed_search_attributes.get(options.AGENT_KEY)) for run in found]
    assert all(each.lower().startswith((literal[1] or "").lower()) for each in names)
    assert name in names


async def has(agent: Agent, decision: str) -> bool:
    return decision in await ids(agent)


@given(agent=st.text(min_size=1, max_size=200), time=st.datetimes(timezones=st.just(UTC)))
def test_no_text_of_anybody_leaves_its_quotes(agent: str, time: datetime) -> None:
    """What is pasted into a query has no letter that means anything there."""
    query = Filters(agent=agent, created_after=time).query(Encryption())
    assert re.fullmatch(
        r"WorkflowType = '\w+'"
        r"( AND HandoverAgent (=|STARTS_WITH) '[\w @.+-]+')?"
        r" AND StartTime >= '[\dT:.+-]+'",
        query,
    )


BAD = [
    *(("limit", value) for value in ("0", "101", "-1", "1.5", "many", "", "9" * 5_000)),
    *(("status", value) for value in ("escalated", "PENDING", "", "pending' OR '1'='1")),
    *(("urgency", value) for value in ("urgent", "high'")),
    *(("approver", value) for value in ("alice", "", "a@b' OR '1'='1", "a@b.com,c@d.com")),
    *(("agent", value) for value in ("", "a" * 201)),
    *(
        ("created_after", value)
        for value in (
            *("yesterday", "", "0", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"),
            *("2026-01-01T00:00:00 01:00", "9999-12-31T23:59:59-12:00"),
        )
    ),
    *(("cursor", value) for value in ("", "x", "a.b.c", "💥", "a" * 10_000)),
    ("colour", "red"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: value[:24])
async def test_a_parameter_that_is_none_is_named(agent: Agent, name: str, value: str) -> None:
    """422, and which one."""
    answer = await agent.http.get("/decisions", params={name: value})
    assert refused_fields(answer) == [name]


def test_the_index_is_asked_for_a_person_in_one_form_and_as_spelled() -> None:
    """What began before there was one form stands there as it was spelled; by each key too."""
    spelled, form = "Ann@bücher.example", "ann@xn--bcher-kva.example"
    assert index_names(Encryption(), spelled) == [form, spelled]
    key = Encryption([base64.b64encode(b"k" * 32).decode()])
    assert index_names(key, spelled) == [key.name(form), form, key.name(spelled), spelled]


async def test_a_cursor_goes_on_with_its_own_list_only(
    another_agent: Agent, service: RunningService
) -> None:
    """With other filters, by another agent, or changed by one letter: 422 that names `cursor`."""
    made = [await ask(another_agent), await ask(another_agent)]
    await shows(another_agent, *made, status="pending")
    cursor = (await page_of(another_agent, status="pending", limit=1))["next_cursor"]

    async def refused(agent: Agent, cursor: str, **filters: str) -> None:
        answer = await agent.http.get("/decisions", params={**filters, "cursor": cursor})
        assert refused_fields(answer) == ["cursor"]

    await refused(another_agent, cursor)
    await refused(another_agent, cursor, status="approved")
    await refused(another_agent, cursor, status="pending", urgency="low")
    await refused(
        another_agent, cursor[:-1] + ("A" if cursor[-1] != "A" else "B"), status="pending"
    )
    async with named(service, f"{another_agent.name}-2") as other:
        await refused(other, cursor, status="pending")
    async with named(service, another_agent.name) as same:
        page = await page_of(same, status="pending", cursor=cursor)
    first = (await page_of(another_agent, status="pending", limit=1))["decisions"]
    assert sorted(entry["id"] for entry in [*first, *page["decisions"]]) == sorted(made)


async def test_a_decision_ended_in_temporal_is_listed_as_cancelled(
    another_agent: Agent, temporal: Client
) -> None:
    """The index still has it as pending, and no list of ours does."""
    ended, left = await ask(another_agent), await ask(another_agent)
    await temporal.get_workflow_handle(ended).terminate("by an operator")
    await shows(another_agent, ended, status="cancelled")
    await shows(another_agent, left, status="pending")
    entries = {entry["id"]: entry for entry in await listed(another_agent)}
    assert (entries[ended]["status"], entries[ended]["origin"]) == ("cancelled", "operator")


async def test_what_somebody_put_into_the_index_is_not_listed(
    another_agent: Agent, temporal: Client
) -> None:
    """Runs under this agent's name that this service did not start, also with a copied input; and
    a second run of a decision does not list it twice."""
    decision = await ask(another_agent)
    attributes = TypedSearchAttributes(
        [
            SearchAttributePair(options.AGENT_KEY, another_agent.name),
            SearchAttributePair(options.STATUS_KEY, "approved"),
        ]
    )
    events = (await temporal.get_workflow_handle(decision).fetch_history()).events
    payload = events[0].workflow_execution_started_event_attributes.input.payloads[0]
    sealed = await temporal.data_converter.decode([payload], [dict])
    inputs = [*sealed, {"agent": another_agent.name}, "nonsense"]

    async def start(input: object) -> WorkflowHandle[Any, Any]:
        return await temporal.start_workflow(
            WORKFLOW,
            input,
            id=f"dec_{secrets.token_hex(13)}",
            task_queue="nobody",
            search_attributes=attributes,
        )

    forged = [await start(input) for input in inputs]
    try:
        await eventually(lambda: all_indexed(temporal, another_agent.name, 1 + len(forged)))
        await shows(another_agent, decision)
        await shows(another_agent, status="approved")
    finally:
        for handle in forged:
            await handle.terminate()


async def all_indexed(temporal: Client, agent: str, number: int) -> bool:
    try:
        found = await temporal.count_workflows(Filters(agent=agent).query(Encryption()))
    except RPCError as error:
        if error.status != RPCStatusCode.RESOURCE_EXHAUSTED:
            raise
        return False
    return found.count == number


async def never(_: str) -> Any:
    raise AssertionError("nothing was found that could be looked at")


async def test_a_server_without_our_search_attributes_is_said_to_lack_them(
    dev_server: DevServer,
) -> None:
    """501, because waiting does not heal it; a list that needs none of them works."""
    client = await dev_server.client()
    namespace = f"bare-{secrets.token_hex(4)}"
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=namespace, workflow_execution_retention_period=Duration(seconds=86_400)
        )
    )
    bare = await Client.connect(dev_server.address, namespace=namespace, lazy=True)
    listing = Listing(bare, Encryption(), never)

    async def empty() -> bool:
        try:
            return await listing.page(Filters(), 20, b"") == Listed([], 0, b"")
        except (RPCError, ApiError):
            return False  # the server has not heard of the namespace yet

    await eventually(empty, timeout=60)
    with pytest.raises(ListsUnavailable) as raised:
        await listing.page(Filters(status=Status.PENDING), 20, b"")
    assert raised.value.status == 501
    with pytest.raises(Invalid):
        await listing.page(Filters(), 20, b"a place that this server does not know")


async def test_temporals_limit_is_passed_on(
    dev_server_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many lists at once on a server that allows one a second: 200, or 503 that says when."""
    limit = ("--dynamic-config-value", "frontend.namespaceRPS.visibility=1")
    monkeypatch.setattr(dev_servers, "ARGUMENTS", (*dev_servers.ARGUMENTS, *limit))
    async with AsyncExitStack() as stack:
        server = DevServer(dev_server_program, tmp_path)
        stack.callback(server.stop)
        await server.start()
        service = RunningService(server.address, tmp_path)
        stack.callback(service.stop)
        await service.start()
        agent = await stack.enter_async_context(Agent.of(service))
        decision = (await agent.post(question())).json()["id"]
        await shows(agent, decision)
        answers = await asyncio.gather(*(agent.http.get("/decisions") for _ in range(30)))
        refused = [answer for answer in answers if answer.status_code != 200]
        assert len(refused) > 15
        for answer in refused:
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        assert (await agent.get(decision))["status"] == "pending"
