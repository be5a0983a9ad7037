"""What the service refuses: in words, naming the field, and without starting anything."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from temporalio.client import Client

from store.keys import new_key
from tests import web
from tests.api.agent import PROBLEM, Agent, link_to, question, refused_fields, someone
from tests.approver import mails
from tests.service import RunningService
from tests.support import eventually

ROOM = 256 * 1024 - len('{"a":""}')
MAIL = "alice@example.com"
NO_FILE = f"att_{0:032x}"


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(depth - 1):
        inner = {"a": inner}
    return inner


def step(**fields: object) -> list[dict[str, object]]:
    return [{"after_minutes": 5, "approvers": [MAIL], **fields}]


BAD: list[tuple[str, object]] = [
    *(("action", v) for v in (None, "", " \n\t", "x" * 2_001, 7, ["x"], {}, "\ud800")),
    *(("approver", v) for v in (None, "", [], "nobody", "a@b", "a b@example.com", 7, {}, [[]])),
    *(("approver", v) for v in (f"{MAIL}\r\nBcc: eve@example.com", f"{MAIL},eve@example.com")),
    *(("approver", v) for v in ([MAIL, MAIL], [MAIL, None], f"Alice <{MAIL}>", "\ud800@a.com")),
    ("approver", [f"a{n}@example.com" for n in range(21)]),
    *(("context", v) for v in (7, ["x"], {}, "😀" * 100_001, "\udfff")),
    *(("urgency", v) for v in (None, "", "urgent", "HIGH", 1)),
    *(("timeout_minutes", v) for v in (None, 0, -1, 525_601, "30", True, float("nan"), 2**60)),
    *(("timeout_minutes", v) for v in (float("inf"), [], {})),
    *(("escalation", v) for v in (None, {}, "bob", [7], [{}], step(after_minutes=0))),
    *(("escalation", v) for v in (step(after_minutes=60), step(approvers=[]), step(more=1))),
    *(("escalation", v) for v in (step(approvers=MAIL), step(approvers=["x"]), step() * 11)),
    *(("channel", v) for v in ([], "fax", "slack", ["email", "slack"], 7, {"channel": "email"})),
    *(("channel", v) for v in (["email", "email"], ["email", {"channel": "email"}])),
    *(("channel", [{"channel": "email", "after_minutes": m}]) for m in (5, -1, "5", True, None)),
    *(("channel", ["email", v]) for v in ({}, {"channel": "fax"}, {"after_minutes": 5}, 7, None)),
    ("channel", ["email", {"channel": "webhook", "after_minutes": 60}]),
    ("channel", ["email", {"channel": "webhook", "after": 1}]),
    *(("options", v) for v in (None, [], "approve", ["escalate"], ["deny", "deny"], [7])),
    *(("payload", v) for v in ([], "x", 7, {"a": float("nan")}, {"a": float("-inf")})),
    *(("payload", v) for v in ({"a": 2**60}, {"a": -(2**53)}, {"a": "\ud800"}, {"\ud800": 1})),
    ("payload", {"a": "x" * (ROOM + 1)}),
    *(("payload", nested(depth)) for depth in (205, 240, 300, 900)),
    *(("response_type", v) for v in (None, "approve_deny", {"type": "guess"}, {"type": 7})),
    *(("response_type", {"type": "choose", "choices": v}) for v in (None, [], ["a", "a"], [" "])),
    *(("response_type", {"type": v}) for v in ("choose", "text_input", "text")),
    ("response_type", {"type": "number", "min": 2, "max": 1}),
    ("response_type", {"type": "confirm", "label": "x"}),
    *(("context_images", v) for v in (None, "https://a.com/b.png", ["javascript:alert(1)"], [7])),
    *(("context_images", v) for v in (["ftp://a.com/b"], ["/b.png"], ["https://a.com"] * 6)),
    ("context_images", ["https://a.com/" + "b" * 2_000]),
    *(("attachment_ids", v) for v in (None, ["att_1"], "att_1", [7], [NO_FILE], [NO_FILE] * 2)),
    ("attachment_ids", [f"att_{n:032x}" for n in range(6)]),
    *(("callback_url", v) for v in ("", 7, "x", "http://x", "https://127.0.0.1/", "ftp://a.com")),
    *(("enforce", v) for v in (None, "true", 1, [])),
    *(("metadata", v) for v in (None, [], {"a": 1}, {"a": None}, {"a": "x" * 16_400})),
    *(("metadata", v) for v in ({"\ud800": "a"}, {"\ud800": 7}, {"a": "\ud800"})),
    *((name, "x") for name in ("actions", "Action", "id", "status", "approved", "resolved_by")),
]


def name_of(value: object) -> str:
    return value if isinstance(value, str) and value.isidentifier() else ""


@pytest.mark.parametrize(("field", "value"), BAD, ids=name_of)
async def test_bad_value_is_refused_by_name(agent: Agent, field: str, value: object) -> None:
    """The problem document names the field that is wrong, and no other."""
    fields = refused_fields(await agent.post(question(**{field: value})))
    assert {name.split(".")[0] for name in fields} == {field}, fields


@pytest.mark.parametrize("field", ["action", "approver"])
async def test_what_is_required_is_missed_by_name(agent: Agent, field: str) -> None:
    """A field left out is named like one that is wrong."""
    body = question()
    del body[field]
    assert refused_fields(await agent.post(body)) == [field]


async def test_every_wrong_field_is_named_at_once(agent: Agent) -> None:
    """Nobody has to send a request five times to learn of five mistakes."""
    answer = await agent.post({"action": "", "urgency": "now", "wrong": 1})
    assert set(refused_fields(answer)) == {"action", "approver", "urgency", "wrong"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("callback_url", "http://agent.example/hook", "only https"),
        ("attachment_ids", [NO_FILE], "POST /attachments"),
        ("channel", "slack", "an operator has to set HANDOVER_SLACK_BOT_TOKEN"),
        ("payload", {"n": [{"id": 2**60}]}, "payload.n.0.id: this integer is beyond"),
        ("payload", {"n": [{"id": -(2**53)}]}, "send it as a text"),
        ("payload", {"n": float("nan")}, "payload.n: JSON has no NaN"),
        ("payload", {"n": {"\udfff": 1}}, "payload.n: this has half of a character"),
        ("context", "\ud800", "context: "),
        ("metadata", {"note": "\ud800"}, "metadata.note: "),
        ("payload", {"a": "x" * (ROOM + 1)}, "262,145 bytes"),
    ],
)
async def test_a_refusal_says_what_to_do(
    agent: Agent, field: str, value: object, words: str
) -> None:
    """What a later version takes, and what is too big, is refused in words that help."""
    answer = await agent.post(question(**{field: value}))
    assert words in answer.json()["error"]


async def test_nothing_is_started_by_what_is_refused(
    another_agent: Agent, service: RunningService, temporal: Client
) -> None:
    """Of all these requests one is good, and one workflow and one mail come of it."""
    asked = someone()
    for field, value in BAD:
        await another_agent.post(question(approver=asked) | {field: value})
    for body in (question(approver=asked), question(approver=asked, timeout_minutes=1)):
        assert (await another_agent.post(body, wait=121)).status_code == 422
    marker = await another_agent.ask(approver=asked)
    await link_to(service, asked)
    await another_agent.audited(marker["id"], "notification.sent")

    async def started() -> list[str]:
        query = f"HandoverAgent = '{another_agent.name}'"
        return [each.id async for each in temporal.list_workflows(query)]

    assert await eventually(started) == [marker["id"]]
    assert len(mails(service, asked)) == 1


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b'{"action": }', b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b"NaN"),
        b'{"action": "\xff", "approver": "alice@example.com"}',
        b'{"action": "x", "timeout_minutes": ' + b"9" * 5_000 + b"}",
        b'{"payload": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda body: repr(body[:24]),
)
async def test_what_is_no_json_object_is_refused(agent: Agent, body: bytes) -> None:
    """A problem document, whatever the bytes; one that names a field names the body."""
    answer = await agent.http.post(
        "/decisions", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == PROBLEM
    assert [e["field"] for e in answer.json().get("errors", [{"field": "body"}])] == ["body"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type_is_refused(agent: Agent, kind: str) -> None:
    """A page in a browser can send these without asking; JSON it cannot."""
    answer = await agent.http.post(
        "/decisions", content=json.dumps(question()), headers={"Content-Type": kind}
    )
    assert answer.status_code in (415, 422)
    assert answer.headers["Content-Type"] == PROBLEM


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_beyond_all_limits_is_refused(agent: Agent, chunked: bool) -> None:
    """413 as a problem document, whether or not the length was told before."""
    body = b'{"action": "' + b"x" * (2 * 1024 * 1024) + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    async with web.client(base_url=agent.service.base_url) as fresh:
        answer = await fresh.post(
            "/decisions",
            content=pieces() if chunked else body,
            headers={**agent.service.headers, "Content-Type": "application/json"},
        )
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == PROBLEM
    assert (answer.json()["status"], answer.json()["code"]) == (413, "content_too_large")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("action", "x" * 2_000),
        ("action", "a\x00b\x07"),
        ("action", '"' * 2_000),
        ("action", "\x01" * 2_000),
        ("context", "😀" * 100_000),
        ("payload", {"a": "x" * ROOM}),
        ("payload", nested(50)),
        ("payload", {"a": 2**53 - 1, "b": -(2**53) + 1, "c": 1e300}),
        ("metadata", {"a": "x" * 16_000, "\x00": "\x00"}),
        ("timeout_minutes", 525_600),
        ("context_images", [f"https://a.com/{n}" for n in range(5)]),
    ],
    ids=name_of,
)
async def test_what_is_just_within_a_limit_is_taken_and_asked(
    agent: Agent, service: RunningService, field: str, value: object
) -> None:
    """The limit itself is allowed, and the approver gets the mail."""
    approver = someone()
    decision = await agent.ask(approver=approver, **{field: value})
    assert decision[field] == value
    await link_to(service, approver)


text = st.text(st.characters(), max_size=20)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(sorted({field for field, _ in BAD})) | text


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(names, junk, max_size=4) | junk,
    base=st.booleans(),
    query=st.none() | st.text(max_size=5),
)
async def test_no_json_whatever_is_a_fault_of_ours(
    agent: Agent, body: Any, base: bool, query: str | None
) -> None:
    """Random JSON is taken or refused with a problem document: never a 5xx."""
    if base and isinstance(body, dict):
        body = question() | body
    answer = await agent.post(body, **({} if query is None else {"wait": query or "0"}))
    if answer.status_code != 201:
        assert refused_fields(answer)


@pytest.mark.parametrize(
    "path", ["dec_none", "a" * 1_500, "%00", "%ff", "%F0%9F%98%80", "dec%0d%0aX: y", "'or 1=1"]
)
@pytest.mark.parametrize("what", ["", "/audit", "/cancel"])
async def test_an_id_that_is_none_is_not_found(agent: Agent, path: str, what: str) -> None:
    """Whatever stands where an id should: 404, and a problem document."""
    method = "POST" if what == "/cancel" else "GET"
    answer = await agent.http.request(method, f"/decisions/{path}{what}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_without_a_key_nothing_is_told(agent: Agent) -> None:
    """401 on every path of the agents' API, with no key, a wrong one and another scheme."""
    decision = (await agent.ask())["id"]
    unknown = {"Authorization": f"Bearer {new_key()}"}
    wrong = ({}, unknown, {"Authorization": "Basic aG86aG8="})
    async with web.client(base_url=agent.service.base_url) as stranger:
        for headers in wrong:
            answers = [
                await stranger.post("/decisions", json=question(), headers=headers),
                await stranger.get(f"/decisions/{decision}", headers=headers),
                await stranger.get(f"/decisions/{decision}/audit", headers=headers),
                await stranger.post(f"/decisions/{decision}/cancel", headers=headers),
            ]
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
                assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (await agent.get(decision))["status"] == "pending"


async def test_a_decision_of_another_agent_is_not_there(agent: Agent, another_agent: Agent) -> None:
    """404 for get, audit and cancel, word for word as for an id that never was."""
    decision = (await agent.ask())["id"]
    for method, what in (("GET", ""), ("GET", "/audit"), ("POST", "/cancel")):
        theirs = await another_agent.http.request(method, f"/decisions/{decision}{what}")
        never = await another_agent.http.request(method, f"/decisions/dec_never{what}")
        assert theirs.status_code == 404
        assert theirs.json() | {"instance": ""} == never.json() | {"instance": ""}
    assert (await agent.get(decision))["status"] == "pending"
