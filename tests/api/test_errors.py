"""Errors of the API: each is a problem document, and nothing of ours looks out of it."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, HTTPException
from temporalio.service import RPCError, RPCStatusCode

from api.decisions.documents import refusal
from api.http.requests import Requests
from api.problems import errors, handlers
from api.problems.errors import ApiError, NotFound, Unavailable
from api.problems.table import PROBLEMS
from api.problems.temporal import asking_temporal
from store import StoreAway
from tests import web
from tests.api.agent import PROBLEM
from workflows.objections import Objection
from workflows.sentences import Sentence

SECRET = "the words of an exception"
ROOT = Path(__file__).parent.parent.parent


async def answer_to(error: Exception) -> httpx2.Response:
    """What an app of ours answers when this is raised."""
    app = FastAPI()
    app.add_middleware(Requests)
    handlers.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with web.client(transport=transport, base_url="http://test") as client:
        return await client.get("/")


def check_document(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    document = answer.json()
    assert answer.status_code == document["status"] == status
    assert answer.headers["Content-Type"] == PROBLEM
    assert document["code"] == code
    assert document["error"] == document["detail"]
    assert document["error"]
    assert document["title"] == PROBLEMS[code].title
    assert document["type"] == f"/problems/{code}"
    [request_id] = answer.headers.get_list("X-Request-Id")
    assert document["instance"] == f"urn:request:{request_id}"
    return document


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.Unauthorized("No key."), 401, "unauthorized"),
        (errors.Forbidden("Not you."), 403, "missing_scope"),
        (errors.Forbidden("Yours.", code="own_decision"), 403, "own_decision"),
        (errors.NotFound("Not there."), 404, "not_found"),
        (errors.Conflict("Over.", code="already_settled"), 409, "already_settled"),
        (errors.Gone("Gone."), 410, "gone"),
        (errors.TooLarge("Big."), 413, "content_too_large"),
        (errors.invalid("action", "too long"), 422, "invalid_request"),
        (errors.invalid("file", "too large", code="file_too_large"), 413, "file_too_large"),
        (errors.Unavailable("Away."), 503, "unavailable"),
        (HTTPException(400), 400, "bad_request"),
        (HTTPException(404), 404, "not_found"),
        (HTTPException(405, "No."), 405, "method_not_allowed"),
        (HTTPException(413, "Big."), 413, "content_too_large"),
        (HTTPException(418), 500, "internal"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_each_error_is_a_problem_document(error: Exception, status: int, code: str) -> None:
    """With a sentence and a word that stays, whatever Python calls the status."""
    document = check_document(await answer_to(error), status, code)
    if isinstance(error, ApiError):
        assert document["error"] == error.error


async def test_an_error_carries_what_goes_with_it() -> None:
    """The fields, the decision, and the headers that its status asks for."""
    invalid = await answer_to(errors.invalid("action", "too long"))
    assert invalid.json()["errors"] == [{"field": "action", "message": "too long"}]
    decision = {
        "id": "dec_1",
        "status": "approved",
        "created_at": "2026-03-12T14:00:00Z",
        "expires_at": "2026-03-12T15:00:00Z",
    }
    conflict = await answer_to(errors.Conflict("Over.", decision=decision))
    assert conflict.json()["decision"] == decision
    assert (await answer_to(errors.Unauthorized("x"))).headers["WWW-Authenticate"] == "Bearer"
    assert int((await answer_to(errors.Unavailable("x"))).headers["Retry-After"]) > 0


async def test_a_store_that_is_away_is_said_to_be_away() -> None:
    """503, and none of the database's words."""
    answer = await answer_to(StoreAway(SECRET))
    check_document(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert SECRET not in answer.text


async def test_a_bare_status_is_put_in_words() -> None:
    """The framework says "Not Found"; a client learns what that means here."""
    answer = await answer_to(HTTPException(404))
    assert answer.json()["error"] == PROBLEMS["not_found"].meaning


def test_an_error_has_a_code_of_the_table() -> None:
    """One that isn't there cannot be raised, and no class can be made with it."""
    with pytest.raises(KeyError, match="surprise"):
        errors.Conflict("Over.", code="surprise")
    with pytest.raises(KeyError, match="surprise"):
        type("Surprise", (ApiError,), {"code": "surprise"})


def test_every_code_in_the_sources_is_in_the_table_and_the_other_way_round() -> None:
    """What is raised is documented, and what is documented is raised somewhere."""
    constants = [
        c for tree in sources("api") for c in ast.walk(tree) if isinstance(c, ast.Constant)
    ]
    assert set(codes()) <= set(PROBLEMS)
    assert set(PROBLEMS) <= {constant.value for constant in constants}


def test_every_objection_of_the_rules_has_a_code() -> None:
    """Whatever the workflow may refuse an answer for, the API can say."""
    # What a provider told twice is refused to nobody: the API does not signal it again.
    found = {*reasons(), "too_many"} - {"known"}
    assert {"not_asked", "not_longer", "late"} <= found
    for reason in found:
        assert refusal(Objection(reason, Sentence("So it is.")), "field").status in (409, 422)


def sources(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            if path.name != "problems.py" or path.parent.name == "routes":
                yield ast.parse(path.read_text())


def codes() -> Iterator[str]:
    """The codes that calls and classes name."""
    for tree in sources("api"):
        for node in ast.walk(tree):
            match node:
                case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                    yield code
                case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                    yield code
                case _:
                    pass


def reasons() -> Iterator[str]:
    for tree in sources("workflows", "api"):
        for node in ast.walk(tree):
            match node:
                case ast.Call(ast.Name(id="Objection"), [ast.Constant(value=str(reason)), *_]):
                    yield reason
                case _:
                    pass


async def test_a_fault_of_ours_tells_nothing() -> None:
    """500 as a problem document too, without the exception's words."""
    answer = await answer_to(RuntimeError(SECRET))
    assert answer.status_code == 500
    assert SECRET not in answer.text
    check_document(answer, 500, "internal")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (RPCStatusCode.NOT_FOUND, NotFound),
        (RPCStatusCode.UNAVAILABLE, Unavailable),
        (RPCStatusCode.DEADLINE_EXCEEDED, Unavailable),
        (RPCStatusCode.RESOURCE_EXHAUSTED, Unavailable),
        (RPCStatusCode.CANCELLED, Unavailable),
        (RPCStatusCode.ABORTED, Unavailable),
        (RPCStatusCode.INVALID_ARGUMENT, RPCError),
        (RPCStatusCode.PERMISSION_DENIED, RPCError),
    ],
)
async def test_temporals_errors_become_ours(
    status: RPCStatusCode, expected: type[Exception]
) -> None:
    """What is away is away, what is not there is not there, and a mistake stays visible."""
    with pytest.raises(expected) as raised:
        async with asking_temporal():
            raise RPCError(SECRET, status, b"")
    assert expected is RPCError or SECRET not in str(raised.value)


async def test_a_temporal_that_hangs_is_away() -> None:
    """The limit ends the wait."""
    with pytest.raises(Unavailable):
        async with asking_temporal(limit=0.01):
            await asyncio.Event().wait()


async def test_a_client_that_cannot_connect_is_away_and_a_bug_is_a_bug() -> None:
    """The SDK says both with a RuntimeError."""
    with pytest.raises(Unavailable):
        async with asking_temporal():
            raise RuntimeError("Failed client connect: refused")
    with pytest.raises(RuntimeError, match="another"):
        async with asking_temporal():
            raise RuntimeError("another")
