"""The OpenAPI document: valid, complete, and true of the running service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import schemathesis
from jsonschema_rs import Draft202012Validator
from schemathesis.core.result import Ok

from api.http.openapi import operations
from api.main import app
from api.problems.table import MEDIA_TYPE, PROBLEMS
from store.keys import SCOPES
from tests import web
from tests.api.agent import Agent, question, someone
from tests.api.systems import System
from tests.service import RunningService

DOCUMENT = app.openapi()


def by_name() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def bodies() -> list[Any]:
    """Every example of a request body: method, path, media type, the body."""
    return [
        pytest.param(method, path, media, example["value"], id=f"{method} {path} {name}")
        for method, path, operation in by_name()
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
        for name, example in content["examples"].items()
    ]


def problem_responses() -> Iterator[tuple[str, dict[str, Any]]]:
    for operation in operations(DOCUMENT):
        for status, response in operation["responses"].items():
            if MEDIA_TYPE in response.get("content", {}):
                yield status, response


def fits(schema: dict[str, Any], value: object) -> bool:
    whole = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole).is_valid(value)


@pytest.fixture
async def resolver(service: RunningService) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(service, scopes=SCOPES) as resolver:
        yield resolver


async def test_the_running_service_answers_with_this_document(agent: Agent) -> None:
    """What the tests read here is what clients read there."""
    assert (await agent.http.get("/openapi.json")).json() == DOCUMENT


def test_the_document_is_valid() -> None:
    """It is what OpenAPI 3.1 calls one, and every reference in it leads somewhere."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.validate()
    found = list(schema.get_all_operations())
    assert all(isinstance(result, Ok) for result in found)
    assert len(found) == len(list(operations(DOCUMENT)))


def test_every_code_of_the_table_is_an_answer_of_some_operation() -> None:
    """And no operation knows a code that the table does not. What providers are answered is in no
    document of ours: they have their own."""
    told = {code for _, response in problem_responses() for code in examples_of(response)}
    assert told == set(PROBLEMS) - {"not_signed"}


def test_every_problem_has_our_schema_and_an_example_that_fits_it() -> None:
    """The schema of an operation's problem names the codes that it may be."""
    for status, response in problem_responses():
        schema = response["content"][MEDIA_TYPE]["schema"]
        for code, document in examples_of(response).items():
            assert document["code"] == code
            assert str(document["status"]) == status
            assert fits(schema, document)
            assert not fits(schema, document | {"code": "another"})
            assert not fits(schema, document | {"more": 1})


def examples_of(response: dict[str, Any]) -> dict[str, Any]:
    examples = response["content"][MEDIA_TYPE]["examples"]
    return {code: example["value"] for code, example in examples.items()}


def test_nothing_but_problems_is_answered_to_a_mistake() -> None:
    """No operation is left with the framework's own schema of errors."""
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]
    for method, path, operation in by_name():
        for status, response in operation["responses"].items():
            if status >= "400" and (path, status) != ("/readyz", "503"):
                assert list(response["content"]) == [MEDIA_TYPE], (method, path, status)


def test_every_operation_says_what_it_is() -> None:
    """A summary and words for each, a description for each parameter, examples for each body."""
    for method, path, operation in by_name():
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        for parameter in operation.get("parameters", []):
            told = str(parameter)  # an enumeration, a format and the id in a path tell enough
            speaks = any(part in told for part in ("'description'", "'$ref'", "'format'"))
            assert speaks or parameter["in"] == "path", (method, path, parameter["name"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["examples"], (method, path)


def test_keys_and_headers_are_described() -> None:
    """The bearer key of all but the public paths; headers on the way in and out."""
    assert [each["scheme"] for each in DOCUMENT["components"]["securitySchemes"].values()] == [
        "bearer"
    ]
    public = {path for _, path, operation in by_name() if "security" not in operation}
    assert public == {
        *("/healthz", "/readyz", "/metrics", "/problems", "/problems/{code}"),
        "/.well-known/handover-keys",
        *("/responses/{token}", "/responses/{token}/files"),
    }
    create = DOCUMENT["paths"]["/decisions"]["post"]
    assert "Idempotency-Key" in [p["name"].title() for p in create["parameters"]]
    assert "Location" in create["responses"]["201"]["headers"]
    for operation in operations(DOCUMENT):
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"]
            assert ("Retry-After" in response["headers"]) is (status in ("429", "503"))


@pytest.mark.parametrize(("method", "path", "media", "body"), bodies())
async def test_every_example_of_a_request_is_accepted(
    agent: Agent, resolver: Agent, method: str, path: str, media: str, body: Any
) -> None:
    """Whoever copies one from the document gets an answer, and it fits the document too."""
    type = "file_upload" if path.endswith("/files") else "approve_deny"
    system = await System.asked_by(agent, timeout_minutes=60, response_type={"type": type})
    if "digest" in body:
        body = body | {"digest": (await system.read())["digest"]}
    if path.endswith(("/claim", "/done")):
        await resolver.resolve(system.decision, "approve")
    if path.endswith("/done"):
        await agent.claim(system.decision, claim_id=body["claim_id"])
    by_an_agent = path.startswith(("/decisions", "/attachments")) and "/resolve" not in path
    sender = agent if by_an_agent else resolver
    answer = await sender.http.request(
        method,
        path.format(decision_id=system.decision, address=someone(), token=system.token),
        **as_sent(media, body),
    )
    assert answer.is_success, answer.text
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    told = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    assert fits(told, answer.json())


def as_sent(media: str, body: dict[str, Any]) -> dict[str, Any]:
    if media == "application/json":
        return {"json": body}
    return {"files": {name: ("note.txt", text.encode()) for name, text in body.items()}}


async def test_the_table_is_answered_by_the_service_itself(agent: Agent) -> None:
    """The `type` of a problem document is a reference that can be followed, without a key."""
    refused = await agent.post(question(action=""))
    async with web.client(base_url=agent.service.base_url) as stranger:
        entry = await stranger.get(refused.json()["type"])
        table = (await stranger.get("/problems")).json()
    assert entry.status_code == 200
    assert entry.json() == PROBLEMS["invalid_request"].model_dump()
    assert entry.json()["title"] == refused.json()["title"]
    assert {each["code"] for each in table} == set(PROBLEMS)
    assert [each["status"] for each in table] == sorted(each["status"] for each in table)
