"""Completes the OpenAPI document beyond what FastAPI reads from signatures.

Routes name their own problems with `answers`, and the shared ones are added to all of them when the
document is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

from fastapi import FastAPI

from api.http.examples import Examples
from api.problems.table import MEDIA_TYPE, PROBLEMS, Problem, ProblemDocument
from handover.models import Decision

REF = "#/components/schemas/{model}"

ALWAYS = ("method_not_allowed", "internal")
WITH_KEY = ("unauthorized", "malformed_key", "missing_scope", "rate_limited", "unavailable")
WITH_BODY = ("bad_request", "content_too_large")

HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW_Authenticate": "The scheme to use: `Bearer`."},
    405: {"Allow": "The methods that this path takes."},
    429: {
        "Retry_After": "Seconds after which to try again.",
        "RateLimit": "What is left of each limit (`r`), and for how many seconds (`t`).",
        "RateLimit_Policy": "The limits (`q`), each in how many seconds (`w`).",
    },
    503: {"Retry_After": "Seconds after which to try again."},
}


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the problems of an operation, for `responses=`. Raises `KeyError` for a code that is
    not in the table."""
    problems = sorted((PROBLEMS[code] for code in codes), key=lambda problem: problem.status)
    groups = groupby(problems, key=lambda problem: problem.status)
    return {status: _response(status, list(group)) for status, group in groups}


def headers(**described: str) -> dict[str, Any]:
    """Return the headers that a response always has; an underscore stands for a hyphen."""
    return {
        name.replace("_", "-"): {
            "description": description,
            "required": True,
            "schema": {"type": "string"},
        }
        for name, description in described.items()
    }


def body_examples(examples: Examples) -> dict[str, Any]:
    """Return examples of the JSON bodies of a route, for `openapi_extra=`."""
    return {"requestBody": {"content": {"application/json": {"examples": examples}}}}


REQUEST_ID = headers(X_Request_Id="The request's own, where it is harmless; else a new one.")
UNHEARD: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Decision,
        "description": "Taken and safe: it counts as soon as a worker hears of it. The body has the"
        " decision as it was last known.",
    }
}


def install(app: FastAPI) -> None:
    """Complete the document of this app when it is first asked for."""
    generate = app.openapi

    @cache
    def document() -> dict[str, Any]:
        return complete(generate())

    app.openapi = document


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Replace FastAPI's own problems with ours, and add what operations share."""
    for operation in operations(document):
        responses: dict[str, Any] = operation["responses"]
        if "application/json" in responses.get("422", {}).get("content", {}):
            del responses["422"]  # FastAPI's guess from a path parameter, which takes any text
        for status, problem in problems(*_shared(operation)).items():
            responses.setdefault(str(status), problem)
        for response in responses.values():
            response["headers"] = {**response.get("headers", {}), **REQUEST_ID}
    schema = ProblemDocument.model_json_schema(ref_template=REF)
    schemas = {**schema.pop("$defs"), "ProblemDocument": schema}
    schemas |= document["components"]["schemas"]
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    document["components"]["schemas"] = schemas
    return document


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _shared(operation: dict[str, Any]) -> tuple[str, ...]:
    with_key = WITH_KEY if "security" in operation else ()
    with_body = WITH_BODY if "requestBody" in operation else ()
    return (*ALWAYS, *with_key, *with_body)


def _response(status: int, problems: list[Problem]) -> dict[str, Any]:
    only_these = {"properties": {"code": {"enum": [problem.code for problem in problems]}}}
    content = {
        "schema": {"allOf": [{"$ref": REF.format(model="ProblemDocument")}, only_these]},
        "examples": {problem.code: _example(problem) for problem in problems},
    }
    return {
        "description": "\n\n".join(f"`{p.code}`: {p.meaning}" for p in problems),
        "headers": headers(**HEADERS.get(status, {})),
        "content": {MEDIA_TYPE: content},
    }


def _example(problem: Problem) -> dict[str, Any]:
    document = ProblemDocument(
        **problem.model_dump(exclude={"meaning"}),
        type=problem.type,
        detail=problem.meaning,
        error=problem.meaning,
        instance="urn:request:req_1f3a9c0b7d5e2468",
    )
    return {"summary": problem.title, "value": document.model_dump(exclude_unset=True)}
