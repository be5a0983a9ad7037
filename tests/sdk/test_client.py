"""The clients on a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from handover import (
    ActionDenied,
    APIConnectionError,
    AsyncHandoverClient,
    AuthenticationError,
    DecisionExpired,
    HandoverClient,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
    ServiceError,
    UnreadableAnswerError,
    WaitTimeoutError,
)
from tests.sdk.conftest import Connect
from tests.sdk.service import Holds, Service, decision, drops, problem, replies

Serve = Callable[..., Service]
ASK = {"action": "Refund order 1142", "approver": "approver@example.com"}


async def test_create_returns_the_settled_decision(serve: Serve, connect: Connect) -> None:
    """create polls until the decision is settled and returns what the service answered."""
    settled = decision("approved", response_notes="go ahead", from_the_future=1)
    service = serve(replies(decision(), 201), replies(settled))
    answer = await connect(service.url)("create", **ASK)
    assert answer.approved
    assert answer.response_notes == "go ahead"
    assert answer.model_dump()["from_the_future"] == 1
    assert [request.path for request in service.requests] == [
        "/decisions?wait=30",
        "/decisions/dec_one?wait=30",
    ]


async def test_request_carries_key_and_fields(serve: Serve, connect: Connect) -> None:
    """The request has the bearer key, an idempotency key, and the given fields alone."""
    service = serve(replies(decision("denied"), 201))
    await connect(service.url)(
        "create",
        **ASK,
        timeout_minutes=30,
        context=None,
        escalation=[{"after_minutes": 5, "approvers": ["backup@example.com"]}],
    )
    (request,) = service.requests
    assert request.headers["authorization"] == "Bearer ho_key"
    assert request.headers["idempotency-key"].startswith("auto-")
    assert request.body == {
        **ASK,
        "timeout_minutes": 30,
        "escalation": [{"after_minutes": 5, "approvers": ["backup@example.com"]}],
    }


@pytest.mark.parametrize("how", [{"wait": False}, {"callback_url": "https://agent.example/done"}])
async def test_create_returns_at_once(serve: Serve, connect: Connect, how: dict[str, bool]) -> None:
    """Without waiting, or with a callback, create returns the pending decision at once."""
    service = serve(replies(decision(), 201))
    answer = await connect(service.url)("create", **ASK, **how)
    assert answer.status == "pending"
    assert [request.path for request in service.requests] == ["/decisions"]


async def test_dropped_connection_while_asking(serve: Serve, connect: Connect) -> None:
    """A connection that drops while asking is made again with the same idempotency key."""
    service = serve(drops, drops, replies(decision("approved"), 201))
    assert (await connect(service.url)("create", **ASK)).approved
    assert len(service.requests) == 3
    assert len({request.headers["idempotency-key"] for request in service.requests}) == 1


async def test_dropped_connections_while_waiting(serve: Serve, connect: Connect) -> None:
    """Connections that drop while waiting do not end the wait."""
    service = serve(replies(decision(), 201), drops, drops, drops, replies(decision("denied")))
    assert (await connect(service.url)("create", **ASK)).status == "denied"


async def test_restart_of_the_service(serve: Serve, connect: Connect) -> None:
    """A service that stops while it holds the wait, and starts again later, is waited for."""
    held = Holds(then=drops)
    service = serve(replies(decision(), 201), held, replies(decision("approved")))
    waiting = asyncio.ensure_future(connect(service.url)("create", **ASK))
    assert await asyncio.to_thread(held.reached.wait, 30)
    held.go_on.set()
    await asyncio.to_thread(service.stop)
    service.start_again()
    assert (await asyncio.wait_for(waiting, 60)).approved


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_passing_refusals(serve: Serve, connect: Connect, status: int) -> None:
    """A status that may pass is tried again, when asking and when waiting."""
    refuses = replies(problem(status, "later"), status, retry_after="0")
    service = serve(
        refuses, replies(decision(), 201), refuses, refuses, replies(decision("approved"))
    )
    assert (await connect(service.url)("create", **ASK)).approved


async def test_proxy_page_is_not_an_answer(serve: Serve, connect: Connect) -> None:
    """A page of HTML in place of the decision is never taken for one; waiting goes on."""
    page = replies(b"<html>Sign in to the hotel's network</html>", content_type="text/html")
    service = serve(replies(decision(), 201), page, replies(decision("approved")))
    assert (await connect(service.url)("create", **ASK)).approved


async def test_refused_at_once(serve: Serve, connect: Connect) -> None:
    """A request that is wrong is not tried again, and the error says what is wrong with it."""
    errors = [{"field": "approver", "message": "is not an e-mail address"}]
    refused = problem(422, "invalid_request", error="Check the request.", errors=errors)
    service = serve(replies(refused, 422, x_request_id="req_7"))
    with pytest.raises(InvalidRequestError) as caught:
        await connect(service.url)("create", **ASK)
    error = caught.value
    assert (error.status, error.code, error.request_id) == (422, "invalid_request", "req_7")
    assert error.fields == (("approver", "is not an e-mail address"),)
    assert "approver: is not an e-mail address" in str(error)
    assert len(service.requests) == 1


async def test_revoked_key_ends_the_wait(serve: Serve, connect: Connect) -> None:
    """A wait ends with an error when the service no longer takes the key."""
    refused = replies(problem(401, "unauthorized"), 401)
    service = serve(replies(decision(), 201), refused)
    with pytest.raises(AuthenticationError):
        await connect(service.url)("create", **ASK)


async def test_service_away_from_the_start(serve: Serve, connect: Connect) -> None:
    """A service that was never reached is given up after `retry_for`, as a ConnectionError."""
    service = serve()
    service.stop()
    with pytest.raises(APIConnectionError, match="not reached") as caught:
        await connect(service.url, retry_for=0.3)("create", **ASK)
    service.start_again()
    assert isinstance(caught.value, ConnectionError)
    assert "idempotency_key='auto-" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (replies(problem(429, "rate_limited"), 429, retry_after="9"), RateLimitError),
        (replies(problem(503, "unavailable"), 503, retry_after="9"), ServiceError),
        (replies(b"hello"), UnreadableAnswerError),
    ],
)
async def test_given_up_with_the_last_error(
    serve: Serve, connect: Connect, behaviour: object, error: type[Exception]
) -> None:
    """What is raised in the end is what the service last answered."""
    service = serve(behaviour)
    with pytest.raises(error):
        await connect(service.url, retry_for=0)("get", "dec_one")


async def test_wait_stops_at_its_timeout(serve: Serve, connect: Connect) -> None:
    """wait raises WaitTimeoutError when its time is over, also while the service holds the poll."""
    held = Holds(then=drops)
    service = serve(held, *[replies(decision())] * 9)
    with pytest.raises(WaitTimeoutError, match=r"client\.decisions\.wait\('dec_one'\)") as caught:
        await connect(service.url)("wait", "dec_one", timeout=0.2)
    held.go_on.set()
    assert isinstance(caught.value, TimeoutError)


async def test_wait_without_time_looks_once(serve: Serve, connect: Connect) -> None:
    """wait(timeout=0) returns a decision that is settled already."""
    service = serve(replies(decision("denied")))
    assert (await connect(service.url)("wait", "dec_one", timeout=0)).status == "denied"
    assert service.requests[0].path == "/decisions/dec_one"


async def test_wait_enforces_what_was_asked_with_enforce(serve: Serve, connect: Connect) -> None:
    """wait raises for a decision that was created with enforce and does not permit."""
    service = serve(replies(decision("denied", enforce=True, action_permitted=False)))
    with pytest.raises(ActionDenied):
        await connect(service.url)("wait", "dec_one")


async def test_get_cancel_and_audit(serve: Serve, connect: Connect) -> None:
    """Each method makes its request and returns its type."""
    entry = {"type": "decision.created", "at": "2026-01-05T10:00:00Z", "event_id": 1, "details": {}}
    service = serve(
        replies(decision()),
        replies(decision("cancelled", origin="agent")),
        replies({"decision_id": "dec_one", "entries": [entry]}),
    )
    call = connect(service.url)
    assert (await call("get", "dec_one")).status == "pending"
    assert (await call("cancel", "dec_one")).origin == "agent"
    (line,) = await call("audit", "dec_one")
    assert (line.event_id, line.type) == (1, "decision.created")
    assert [(request.method, request.path) for request in service.requests] == [
        ("GET", "/decisions/dec_one"),
        ("POST", "/decisions/dec_one/cancel"),
        ("GET", "/decisions/dec_one/audit"),
    ]


async def test_identifier_stays_one_segment(serve: Serve, connect: Connect) -> None:
    """An identifier cannot lead the request to another path."""
    service = serve(replies(problem(404, "not_found"), 404))
    with pytest.raises(NotFoundError):
        await connect(service.url)("get", "../keys?x=1")
    assert service.requests[0].path == "/decisions/..%2Fkeys%3Fx%3D1"


async def test_redirect_does_not_carry_the_key_away(serve: Serve, connect: Connect) -> None:
    """A redirect is not followed: the key goes to base_url alone, and the error says where to."""
    elsewhere = serve()
    service = serve(replies(b"", 308, location=f"{elsewhere.url}/decisions"))
    with pytest.raises(Exception, match=elsewhere.url):
        await connect(service.url)("create", **ASK)
    assert elsewhere.requests == []


def test_expired_with_enforce(serve: Serve) -> None:
    """An enforced decision that nobody answered raises DecisionExpired, with the decision."""
    expired = decision("expired", enforce=True, action_permitted=False, origin="timeout")
    service = serve(replies(expired, 201))
    with HandoverClient("ho_key", service.url) as client, pytest.raises(DecisionExpired) as caught:
        client.decisions.create(action="a", approver="a@example.com", enforce=True)
    assert caught.value.decision.origin == "timeout"


async def test_cancelled_task_stops_waiting_only(serve: Serve) -> None:
    """Cancelling the task that waits stops it at once and tells the service nothing."""
    held = Holds(then=replies(decision("approved")))
    service = serve(replies(decision(), 201), held)
    async with AsyncHandoverClient("ho_key", service.url) as client:
        waiting = asyncio.ensure_future(
            client.decisions.create(action="a", approver="a@example.com")
        )
        assert await asyncio.to_thread(held.reached.wait, 30)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    held.go_on.set()
    assert [request.method for request in service.requests] == ["POST", "GET"]


async def test_dropped_tells_from_never_reached(serve: Serve, connect: Connect) -> None:
    """The error for a connection that dropped knows how long it was held; one for a service that
    was not reached says 0."""
    held = Holds(then=drops)
    service = serve(held)
    asking = asyncio.ensure_future(connect(service.url, retry_for=0)("get", "dec_one"))
    assert await asyncio.to_thread(held.reached.wait, 30)
    held.go_on.set()
    with pytest.raises(APIConnectionError, match="dropped the connection") as dropped:
        await asking
    assert dropped.value.held > 0
    service.stop()
    with pytest.raises(APIConnectionError, match="not reached") as refused:
        await connect(service.url, retry_for=0)("get", "dec_one")
    service.start_again()
    assert refused.value.held == 0


async def test_held_poll_outlasts_the_timeout(serve: Serve, connect: Connect) -> None:
    """The client's timeout does not cut a poll that the service holds."""
    held = Holds(then=replies(decision("approved")))
    service = serve(replies(decision(), 201), held)
    waiting = asyncio.ensure_future(connect(service.url, timeout=0.2)("create", **ASK))
    assert await asyncio.to_thread(held.reached.wait, 30)
    assert not (await asyncio.wait({waiting}, timeout=0.8))[0]
    held.go_on.set()
    assert (await waiting).approved
    assert len(service.requests) == 2


async def test_waits_do_not_wait_for_one_another(serve: Serve, connect: Connect) -> None:
    """One client holds any number of waits at once."""
    polls = [Holds(then=replies(decision("approved"))) for _ in range(20)]
    service = serve(*polls)
    call = connect(service.url)
    waits = [asyncio.ensure_future(call("wait", "dec_one")) for _ in range(4)]
    for poll in polls[:4]:
        assert await asyncio.to_thread(poll.reached.wait, 30)
    for poll in polls:
        poll.go_on.set()
    assert all(decided.approved for decided in await asyncio.gather(*waits))


async def test_no_proxy_for_this_machine(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy from the environment is not asked for a service on this machine."""
    proxy, service = serve(), serve(replies(decision("denied")))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    assert (await connect(service.url)("get", "dec_one")).status == "denied"
    assert proxy.requests == []
