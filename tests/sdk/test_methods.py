"""What each method sends, and what it makes of the answer: `approve`, lists, answers, files."""

from __future__ import annotations

import hashlib
import inspect
import io
from collections.abc import Callable
from datetime import UTC, datetime
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from handover import (
    ActionDenied,
    AsyncHandoverClient,
    ConfigurationError,
    ConflictError,
    DecisionCancelled,
    DecisionExpired,
    HandoverClient,
    NotFoundError,
    WaitTimeoutError,
    permitted_payload,
)
from tests.sdk.conftest import Connect
from tests.sdk.service import Request, Service, decision, drops, problem, replies

Serve = Callable[..., Service]
WHO = "approver@example.com"
NOTE = b"The carrier admits the damage.\n"
STORED = {
    "id": "att_1",
    "name": "note.md",
    "url": "http://127.0.0.1/attachments/att_1",
    "type": "text/markdown",
    "size": len(NOTE),
    "sha256": hashlib.sha256(NOTE).hexdigest(),
}
OTHER = {**STORED, "id": "att_0", "name": "orders.csv", "sha256": "0" * 64}


def summary(number: int) -> dict[str, Any]:
    return {**decision(), "id": f"dec_{number}", "agent": "refunds"}


def page(*numbers: int, cursor: str | None = None) -> dict[str, Any]:
    return {"decisions": [summary(n) for n in numbers], "next_cursor": cursor, "lags": True}


async def test_approve_asks_waits_and_returns_what_permits(serve: Serve, connect: Connect) -> None:
    """approve asks with `enforce`, waits, also with a callback, and returns the decision."""
    changed = {"payload": {"amount": 20}}
    service = serve(
        replies(decision(enforce=True, action_permitted=False), 201),
        replies(
            decision(
                "modified",
                enforce=True,
                action_permitted=True,
                payload={"amount": 50},
                response_data=changed,
            )
        ),
    )
    fields = {"payload": {"amount": 50}, "callback_url": "https://agent.example/done"}
    decided = await connect(service.url)("approve", "Refund", WHO, idempotency_key="k", **fields)
    assert permitted_payload(decided) == {"amount": 20}
    asked, polled = service.requests
    assert asked.body == {"action": "Refund", "approver": WHO, "enforce": True, **fields}
    assert (asked.path, asked.headers["idempotency-key"]) == ("/decisions?wait=30", "k")
    assert polled.path == "/decisions/dec_one?wait=30"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (decision("denied", action_permitted=True), ActionDenied),
        (decision("expired", action_permitted=False), DecisionExpired),
        (decision("cancelled", action_permitted=False), DecisionCancelled),
        (decision("approved"), ActionDenied),
        (decision("blessed", action_permitted=True), ActionDenied),
    ],
    ids=["denied", "expired", "cancelled", "not called permitted", "unknown status"],
)
async def test_approve_raises_for_all_else(
    serve: Serve, connect: Connect, answer: dict[str, Any], error: type[ActionDenied]
) -> None:
    """What is not certain to permit raises, and the error carries the decision."""
    service = serve(replies(answer, 201))
    with pytest.raises(ActionDenied) as caught:
        await connect(service.url)("approve", "Refund", WHO)
    assert type(caught.value) is error
    assert caught.value.decision.status == answer["status"]


@pytest.mark.parametrize("name", ["enforce", "wait", "aprover"])
async def test_approve_takes_no_other_keyword(connect: Connect, name: str) -> None:
    """What approve does not take is refused before anybody is asked."""
    with pytest.raises(TypeError, match=name):
        await connect("http://127.0.0.1:1")("approve", "Refund", WHO, **{name: False})


async def test_list_sends_its_filters(serve: Serve, connect: Connect) -> None:
    """The filters that are given become parameters, a time with its offset."""
    service = serve(replies(page(1, cursor="next")))
    found = await connect(service.url)(
        "list", status="pending", created_after=datetime(2026, 3, 12, 14, tzinfo=UTC), limit=1
    )
    assert [each.id for each in found.items] == ["dec_1"]
    assert (found.items[0].agent, found.items[0].settled) == ("refunds", False)
    assert found.next_cursor == "next"
    assert service.requests[0].path == (
        "/decisions?status=pending&created_after=2026-03-12T14%3A00%3A00%2B00%3A00&limit=1"
    )


async def test_filter_that_is_none(connect: Connect) -> None:
    """A filter that there is not is refused before anything is sent."""
    with pytest.raises(TypeError, match="agnet"):
        await connect("http://127.0.0.1:1")("list", agnet="refunds")


def test_iterating_fetches_pages_as_it_gets_to_them(serve: Serve) -> None:
    """A list is read page by page, with the same filters, and no page before it is needed; an empty
    page in between is not the end."""
    service = serve(
        replies(page(1, 2, cursor="b")), replies(page(cursor="c")), replies(page(3, cursor=None))
    )
    with HandoverClient("ho_key", service.url) as client:
        found = iter(client.decisions.list(agent="refunds"))
        assert [next(found).id, next(found).id] == ["dec_1", "dec_2"]
        assert len(service.requests) == 1
        assert [each.id for each in found] == ["dec_3"]
    assert [request.path for request in service.requests] == [
        "/decisions?agent=refunds",
        "/decisions?agent=refunds&cursor=b",
        "/decisions?agent=refunds&cursor=c",
    ]


async def test_iterating_in_an_event_loop(serve: Serve) -> None:
    """The asynchronous page does the same with `async for`."""
    service = serve(replies(page(1, cursor="b")), replies(page(2)))
    async with AsyncHandoverClient("ho_key", service.url) as client:
        found = await client.decisions.list()
        assert len(service.requests) == 1
        assert [each.id async for each in found] == ["dec_1", "dec_2"]


async def test_next_page(serve: Serve, connect: Connect) -> None:
    """The page after the last one is none."""
    service = serve(replies(page(1)))
    found = await connect(service.url)("list")
    after = found.next_page()
    assert (await after if inspect.isawaitable(after) else after) is None


async def test_resolve_extend_and_cancel(serve: Serve, connect: Connect) -> None:
    """Each sends the body of the contract, without what is not given."""
    service = serve(*[replies(decision())] * 3)
    call = connect(service.url)
    await call("resolve", "dec_one", "modify", notes="less", response_data={"payload": {"n": 1}})
    await call("extend", "dec_one", timeout_minutes=240)
    await call("cancel", "dec_one", notes="no longer needed")
    assert [(request.path, request.body) for request in service.requests] == [
        (
            "/decisions/dec_one/resolve",
            {"action": "modify", "notes": "less", "response_data": {"payload": {"n": 1}}},
        ),
        ("/decisions/dec_one/extend", {"timeout_minutes": 240}),
        ("/decisions/dec_one/cancel", {"notes": "no longer needed"}),
    ]


def resolved(choice: str, notes: str | None = None) -> dict[str, Any]:
    """As an operator's answer leaves it."""
    proof = {
        "decision_id": "dec_one",
        "run_id": "r",
        "request_digest": "d",
        "received_at": "2026-01-05T10:05:00Z",
        "approver": "operations",
        "choice": choice,
        "data_digest": "d",
        "origin": "operator",
        "signature": {"key_id": "k", "value": "v"},
    }
    status = {"approve": "approved", "deny": "denied"}[choice]
    return decision(status, origin="operator", proof=proof, response_notes=notes)


def settled(by: dict[str, Any]) -> Callable[..., None]:
    return replies(problem(409, "already_settled", decision=by), 409)


async def test_resolve_whose_answer_was_lost(serve: Serve, connect: Connect) -> None:
    """When the connection drops and the repetition finds just this answer, it is what we gave."""
    service = serve(drops, settled(resolved("deny", "too much")))
    decided = await connect(service.url)("resolve", "dec_one", "deny", notes="too much")
    assert decided.status == "denied"


@pytest.mark.parametrize(
    "script",
    [
        [settled(resolved("deny"))],
        [drops, settled(resolved("approve"))],
        [drops, settled(resolved("deny", "another's"))],
        [drops, settled(decision("denied", origin="human"))],
        [replies(problem(429, "rate_limited"), 429), settled(resolved("deny"))],
    ],
    ids=["never sent before", "another answer", "other notes", "a person", "refused before"],
)
async def test_resolve_that_another_was_before(
    serve: Serve, connect: Connect, script: list[Any]
) -> None:
    """Somebody else's answer is never taken for ours."""
    service = serve(*script)
    with pytest.raises(ConflictError) as caught:
        await connect(service.url)("resolve", "dec_one", "deny")
    assert caught.value.decision
    assert caught.value.decision.settled


def sent_file(request: Request) -> tuple[str | None, bytes]:
    """Name and content of the one part `file`."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    (part,) = BytesParser().parsebytes(head + request.content).get_payload()
    assert not isinstance(part, str)
    assert part.get_param("name", header="content-disposition") == "file"
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return part.get_filename(), content


@pytest.mark.parametrize("given", ["path", "text", "opened", "bytes", "stream"])
async def test_upload_takes_what_holds_a_file(
    serve: Serve, connect: Connect, tmp_path: Path, given: str
) -> None:
    """A path, an open file or bytes arrive as they are, under the file's own name or the given."""
    path = tmp_path / "note.md"
    path.write_bytes(NOTE)
    service = serve(replies(STORED, 201))
    with path.open("rb") as opened:
        files = {"path": path, "text": str(path), "opened": opened, "bytes": NOTE}
        file = files.get(given) or io.BytesIO(NOTE)
        name = {"name": "note.md"} if given in ("bytes", "stream") else {}
        stored = await connect(service.url)("attachments.upload", file, **name)
    assert (stored.id, stored.type) == ("att_1", "text/markdown")
    (request,) = service.requests
    assert (request.method, request.path) == ("POST", "/attachments")
    assert sent_file(request) == ("note.md", NOTE)


@pytest.mark.parametrize("file", [NOTE, io.BytesIO(NOTE)], ids=["bytes", "stream"])
async def test_upload_needs_a_name(connect: Connect, file: Any) -> None:
    """What has no name of its own takes one, and nothing is sent without it."""
    with pytest.raises(ValueError, match="name"):
        await connect("http://127.0.0.1:1")("attachments.upload", file)


async def test_upload_of_a_file_that_is_not_there(connect: Connect, tmp_path: Path) -> None:
    """A path that leads nowhere is the usual error, before anything is sent."""
    with pytest.raises(FileNotFoundError):
        await connect("http://127.0.0.1:1")("attachments.upload", tmp_path / "no.md")


async def test_file_for_a_pending_decision(serve: Serve, connect: Connect) -> None:
    """With a decision the file goes there, and what is returned is this one among its files."""
    service = serve(replies({"attachments": [OTHER, STORED]}, 201))
    upload = connect(service.url)("attachments.upload", NOTE, name="note.md", decision_id="dec_one")
    assert (await upload).id == "att_1"
    assert service.requests[0].path == "/decisions/dec_one/attachments"


@pytest.mark.parametrize("listed", [[OTHER, STORED], [OTHER]], ids=["it was", "it was not"])
async def test_file_whose_answer_was_lost(serve: Serve, connect: Connect, listed: Any) -> None:
    """A file is not shown twice: after a dropped connection it is sent again only if it is not
    there."""
    service = serve(
        drops, replies({"attachments": listed}), replies({"attachments": [OTHER, STORED]}, 201)
    )
    upload = connect(service.url)("attachments.upload", NOTE, name="note.md", decision_id="dec_one")
    assert (await upload).id == "att_1"
    methods = [request.method for request in service.requests]
    assert methods == (["POST", "GET"] if STORED in listed else ["POST", "GET", "POST"])


async def test_file_that_no_worker_has_heard_of(serve: Serve, connect: Connect) -> None:
    """A file that is safe and not shown yet (202) is looked for, and not sent again."""
    service = serve(
        replies({"attachments": []}, 202),
        replies({"attachments": []}),
        drops,
        replies({"attachments": [STORED]}),
    )
    upload = connect(service.url)("attachments.upload", NOTE, name="note.md", decision_id="dec_one")
    assert (await upload).id == "att_1"
    assert [request.method for request in service.requests] == ["POST", "GET", "GET", "GET"]


async def test_file_that_nobody_ever_hears_of(serve: Serve, connect: Connect) -> None:
    """The looking ends after `retry_for`, and says that the file is safe."""
    service = serve(replies({"attachments": []}, 202), *[replies({"attachments": []})] * 99)
    call = connect(service.url, retry_for=0.3)
    with pytest.raises(WaitTimeoutError, match="The service has the file"):
        await call("attachments.upload", NOTE, name="note.md", decision_id="dec_one")


async def test_refused_file_is_not_sent_again(serve: Serve, connect: Connect) -> None:
    """A file for a decision that is settled is refused with the decision."""
    service = serve(settled(resolved("deny")))
    with pytest.raises(ConflictError):
        await connect(service.url)("attachments.upload", NOTE, name="n.md", decision_id="dec_one")
    assert len(service.requests) == 1


async def test_list_of_files(serve: Serve, connect: Connect) -> None:
    """The files of a decision, in the service's order."""
    service = serve(replies({"attachments": [OTHER, STORED]}))
    listed = await connect(service.url)("attachments.list", "dec_one")
    assert [each.name for each in listed] == ["orders.csv", "note.md"]
    assert service.requests[0].path == "/decisions/dec_one/attachments"


def test_with_options_shares_the_connections(serve: Serve) -> None:
    """Another key over the same connections; the first client closes them, the second does not."""
    service = serve(*[replies(decision())] * 3)
    with HandoverClient("ho_key", service.url) as client:
        with client.with_options(api_key=" ho_other\n", retry_for=0) as other:
            other.decisions.get("dec_one")
        client.decisions.get("dec_one")
        client.with_options(timeout=1).decisions.get("dec_one")
    keys = [request.headers["authorization"] for request in service.requests]
    assert keys == ["Bearer ho_other", "Bearer ho_key", "Bearer ho_key"]
    assert len(service.connections) == 1


async def test_with_options_in_an_event_loop(serve: Serve) -> None:
    """The asynchronous client does the same, and what is left out stays as it was."""
    service = serve(replies(problem(503, "unavailable"), 503), replies(decision()))
    async with AsyncHandoverClient("ho_key", service.url, retry_for=0) as client:
        async with client.with_options(retry_for=30) as patient:
            assert (await patient.decisions.get("dec_one")).id == "dec_one"
        service.script = iter([replies(problem(404, "not_found"), 404)])
        with pytest.raises(NotFoundError):
            await client.with_options(timeout=5).attachments.list("dec_one")
    assert {request.headers["authorization"] for request in service.requests} == {"Bearer ho_key"}
    assert len(service.connections) == 1


@pytest.mark.parametrize("key", ["", "  ", "schlüssel"])
def test_with_options_takes_no_broken_key(key: str) -> None:
    """A key that cannot be one is refused as at the client's making."""
    client = HandoverClient("ho_key", "http://127.0.0.1:1")
    with client, pytest.raises(ConfigurationError):
        client.with_options(api_key=key)
