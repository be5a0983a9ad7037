"""Every answer is compared with what was asked: one that is about something else is an error, and
never a permission."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from handover import HandoverClient, WrongAnswerError, require_approval
from handover._expected import is_same
from tests.api.agent import someone
from tests.sdk.conftest import Connect
from tests.sdk.service import Service, decision, problem, replies
from tests.service import RunningService

Serve = Callable[..., Service]
ASK: dict[str, Any] = {
    "action": "Delete the test database",
    "approver": ["Alice@Example.com", "bob@example.com"],
    "payload": {"database": "test", "rows": 3, "force": True},
    "enforce": True,
}
MINE = {**ASK, "id": "dec_mine", "request_digest": "a" * 64}
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("action", {"action": "Delete the PRODUCTION database"}),
    ("action", {"action": "delete the test database"}),
    ("payload", {"payload": {**ASK["payload"], "database": "production"}}),
    ("payload", {"payload": {**ASK["payload"], "force": 1}}),
    ("payload", {"payload": {**ASK["payload"], "further": None}}),
    ("payload", {"payload": {"database": "test"}}),
    ("payload", {"payload": None}),
    ("approver", {"approver": "alice@example.com"}),
    ("approver", {"approver": ["alice@example.com", "mallory@example.com"]}),
    ("approver", {"approver": ""}),
    ("idempotency_key", {"idempotency_key": "auto-of-somebody-else"}),
]


def permitted(**fields: Any) -> dict[str, Any]:
    """An approval that the service permits."""
    return decision("approved", action_permitted=True, **{**MINE, **fields})


async def test_create(serve: Serve, connect: Connect) -> None:
    """Whoever asks gets no decision that is about another action, payload or approver, or that
    another key made: neither at once nor after a wait. The error names what is another, and the key
    to ask again with."""
    for field, other in OTHERS:
        call = connect(serve(*[replies(permitted(**other), 201)] * 2).url)
        for how in ({}, {"wait": False}):
            with pytest.raises(WrongAnswerError, match=f"its {field} is another") as caught:
                await call("create", **ASK, **how)
            assert (caught.value.field, caught.value.came) == (field, "dec_mine")
            assert "idempotency_key='auto-" in caught.value.__notes__[0]


async def test_wait_after_create(serve: Serve, connect: Connect) -> None:
    """What is waited for is the decision that was made: by its id, by the digest of the request,
    and by all that was asked. The error says how to wait on."""
    others = [
        *OTHERS,
        ("id", {"id": "dec_other"}),
        ("request_digest", {"request_digest": "b" * 64}),
    ]
    for field, other in others:
        service = serve(replies(decision(**MINE), 201), replies(permitted(**other)))
        with pytest.raises(WrongAnswerError, match=f"its {field} is another") as caught:
            await connect(service.url)("create", **ASK)
        assert "wait('dec_mine')" in caught.value.__notes__[0]


async def test_approve(serve: Serve, connect: Connect) -> None:
    """`approve` returns nothing that somebody else was permitted."""
    asked = {name: ASK[name] for name in ("action", "approver", "payload")}
    for _, other in OTHERS:
        service = serve(replies(permitted(**other), 201))
        with pytest.raises(WrongAnswerError):
            await connect(service.url)("approve", **asked)


async def test_one_decision(serve: Serve, connect: Connect) -> None:
    """Whatever is done with one decision is answered with this one, also where it is settled
    already."""
    calls: list[tuple[Any, ...]] = [
        ("get", "dec_mine"),
        ("wait", "dec_mine"),
        ("cancel", "dec_mine"),
        ("resolve", "dec_mine", "approve"),
    ]
    settled = problem(409, "already_settled", decision=permitted(id="dec_other"))
    for method, *arguments in calls:
        service = serve(replies(permitted(id="dec_other")), replies(settled, 409))
        call = connect(service.url)
        for _ in range(1 if method in ("get", "wait") else 2):
            with pytest.raises(WrongAnswerError, match=r"its id is another \(dec_other\)"):
                await call(method, *arguments)
    call = connect(serve(replies(permitted(id="dec_other")), replies(settled, 409)).url)
    for _ in range(2):
        with pytest.raises(WrongAnswerError):
            await call("extend", "dec_mine", timeout_minutes=5)


async def test_claims(serve: Serve, connect: Connect) -> None:
    """A run is claimed, and reported, of the decision that was named and under the name that was
    given: nothing runs by the claim of somebody else."""
    run = {"claim_id": "mine", "status": "claimed", "claimed_by": "refund-bot"}
    run["claimed_at"] = "2026-01-05T10:00:00Z"
    taken = permitted(execution=run)
    claims = [
        ("id", replies(permitted(id="dec_other", execution=run))),
        ("claim_id", replies(permitted(execution={**run, "claim_id": "of-somebody-else"}))),
        ("claim_id", replies(permitted())),
        ("id", replies(problem(409, "already_claimed", decision=taken | {"id": "dec_other"}), 409)),
    ]
    for field, answer in claims:
        with pytest.raises(WrongAnswerError, match=f"its {field} is another"):
            await connect(serve(answer).url)("claim", "dec_mine", claim_id="mine")
    claimed = await connect(serve(replies(taken)).url)("claim", "dec_mine", claim_id="mine")
    assert claimed.execution.claim_id == "mine"
    for answer in (claims[0][1], claims[3][1]):
        with pytest.raises(WrongAnswerError):
            await connect(serve(answer).url)("done", "dec_mine", "succeeded", claim_id="mine")


async def test_waiting_for_a_known_decision(serve: Serve, connect: Connect) -> None:
    """A wait by id holds to the digest of the request that the first answer told."""
    service = serve(
        replies(decision(**MINE)), replies(permitted(request_digest="b" * 64, action="Other"))
    )
    with pytest.raises(WrongAnswerError, match="its request_digest is another"):
        await connect(service.url)("wait", "dec_mine")


async def test_other_answers(serve: Serve, connect: Connect) -> None:
    """Records, lists and files are those that were asked for, too."""
    note = b"Order 1142 arrived broken."
    file = {"id": "att_1", "name": "n.md", "url": "u", "type": "text/markdown", "size": len(note)}
    cases: list[tuple[dict[str, Any], str, tuple[Any, ...], dict[str, Any]]] = [
        ({"decision_id": "dec_other", "entries": []}, "audit", ("dec_mine",), {}),
        ({"decisions": [permitted()]}, "list", (), {"status": "pending"}),
        ({"decisions": [permitted(agent="other")]}, "list", (), {"agent": "mine"}),
        ({"decisions": [permitted(urgency="low")]}, "list", (), {"urgency": "high"}),
        ({**file, "sha256": "0" * 64}, "attachments.upload", (note,), {"name": "n.md"}),
    ]
    for body, method, arguments, fields in cases:
        with pytest.raises(WrongAnswerError):
            await connect(serve(replies(body)).url)(method, *arguments, **fields)
    whole = {**file, "sha256": hashlib.sha256(note).hexdigest()}
    uploaded = connect(serve(replies(whole)).url)("attachments.upload", note, name="n.md")
    assert (await uploaded).id == "att_1"


def test_function_does_not_run(serve: Serve) -> None:
    """A function that a person has to approve does not run with the approval of something else."""
    ran: list[str] = []
    url = serve(replies(permitted(action="Drop", payload={"table": "b"}), 201)).url
    with HandoverClient("ho_key", url) as client:

        @require_approval(approver="alice@example.com", client=client)
        def drop(table: str) -> None:
            ran.append(table)

        with pytest.raises(WrongAnswerError):
            drop("a")
    assert ran == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"approver": "Alice@Example.COM"}, {"approver": "alice@example.com"}),
        ({"approver": ["alice@example.com"]}, {"approver": "Alice@example.com"}),
        ({"approver": "a@B\xdcCHER.example"}, {"approver": ["a@b\xfccher.example"]}),
        ({"approver": "a@xn--bcher-kva.example"}, {"approver": "a@b\xfccher.example"}),
        ({"approver": "a@b\xfccher\u3002example"}, {"approver": "a@b\xfccher.example"}),
        ({"payload": {"a": 1.0, "b": (1, 2)}}, {"payload": {"b": [1, 2.0], "a": 1}}),
        ({"payload": {"a": Decimal("1.50")}}, {"payload": {"a": "1.50"}}),
        ({"payload": {"a": 1.2345678901234568e20}}, {"payload": {"a": 123456789012345680000}}),
        ({"payload": None}, {}),
    ],
)
async def test_other_spellings(
    serve: Serve, connect: Connect, asked: dict[str, Any], told: dict[str, Any]
) -> None:
    """The service may write in its own way what was asked: addresses, numbers, the order of
    names."""
    ask = {"action": "Refund", "approver": "alice@example.com", **asked}
    answer = decision("approved", **{"action": "Refund", "approver": "alice@example.com", **told})
    assert (await connect(serve(replies(answer, 201)).url)("create", **ask)).approved


def test_same_json() -> None:
    """Values are compared as JSON has them."""
    assert is_same({"a": [1, True, None, "x"]}, {"a": [1.0, True, None, "x"]})
    different: list[tuple[object, object]] = [
        (1, True),
        (0, False),
        (0, None),
        ("1", 1),
        ([], {}),
        ([1], [1, 1]),
        ({"a": 1}, {"b": 1}),
        (2**53, 2**53 + 1),
        (10**400, 1.0),
        (1.5, 1),
    ]
    assert not any(is_same(one, other) or is_same(other, one) for one, other in different)


async def test_nothing_of_the_service_is_wrong(service: RunningService, connect: Connect) -> None:
    """Whatever the real service makes of addresses and values, its answer is one to what was
    asked."""
    local = someone().removesuffix("@example.com")
    payload: dict[str, Any] = {
        "integers": [0, -1, 2**53 - 1],
        "floats": [5.0, -0.0, 0.1, 1e22, 1.2345678901234568e20, 5e-324, 1.7976931348623157e308],
        "texts": ["", "\x00\x7f\u2028", "\N{SNOWMAN}\U0001f600", "e\u0301"],
        "nested": {"": {"b": None, "a": [True, {"\u20ac": "\\"}]}},
        "pair": (1, Decimal("2.50")),
        "long": "x" * 20_000,
    }
    call = connect(service.base_url, service.api_key)
    for approver in (
        f"{local.upper()}@Example.COM",
        [
            f"{local}@xn--bcher-kva.example",
            f"{local}@M\xdcLLER.example",
            f"{local}@stra\xdfe.example",
        ],
    ):
        asked = await call(
            "create", action=" Refund\t\xa0", approver=approver, payload=payload, wait=False
        )
        assert (await call("get", asked.id)).payload == json.loads(json.dumps(asked.payload))
        assert (await call("cancel", asked.id)).status == "cancelled"
