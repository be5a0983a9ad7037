"""The error tree."""

from __future__ import annotations

import json
import pickle
import re
import traceback
from typing import Any

import pytest

import handover
from api.problems.table import PROBLEMS
from handover import (
    ActionDenied,
    APIConnectionError,
    APIError,
    ConflictError,
    Decision,
    DecisionExpired,
    HandoverError,
    WaitTimeoutError,
    exceptions,
)
from handover._base import Answer, read
from tests.sdk.service import decision

DENIED = Decision.model_validate(decision("denied", resolved_by="approver@example.com"))


def refused(status: int, content: bytes = b"{}", **headers: str) -> APIError:
    with pytest.raises(APIError) as caught:
        read(Decision, Answer(status, headers, content, 0.1))
    return caught.value


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (409, "ConflictError"),
        (410, "GoneError"),
        (413, "ContentTooLargeError"),
        (422, "InvalidRequestError"),
        (429, "RateLimitError"),
        (500, "ServiceError"),
        (503, "ServiceError"),
        (302, "APIError"),
        (418, "APIError"),
    ],
)
def test_class_for_each_status(status: int, name: str) -> None:
    """Each status has its class, and the error carries it."""
    error = refused(status)
    assert type(error).__name__ == name
    assert error.status == status


def test_problem_document() -> None:
    """The parts of a problem document are on the error, and its message says them."""
    error = refused(409, b'{"error": "It is settled.", "code": "decision_settled"}')
    assert (error.error, error.code) == ("It is settled.", "decision_settled")
    assert str(error) == "409 decision_settled: It is settled."


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[]", b"null", b'"text"', b"\xff", b'{"errors": 3}', b'{"errors": [3, {}]}'],
)
def test_whatever_a_proxy_answers(content: bytes) -> None:
    """A refusal with any body is an APIError, not a failure of ours."""
    assert str(refused(502, content)).startswith("502")


def test_every_problem_of_the_service_has_its_class() -> None:
    """Whatever the service refuses with is told apart by its class, and a class has one status."""
    for found in PROBLEMS.values():
        error = refused(found.status, found.model_dump_json().encode())
        assert error.code == found.code
        assert type(error) is not APIError or found.status == 405


def test_conflict_tells_the_decision() -> None:
    """What a settled decision ended with is on the error; another conflict has none."""
    document = {
        "code": "already_settled",
        "decision": decision("denied", resolved_by="a@b.example"),
    }
    error = refused(409, json.dumps(document).encode())
    assert isinstance(error, ConflictError)
    assert error.decision
    assert error.decision.status == "denied"
    other = refused(409, b'{"code": "changed", "decision": 3}')
    assert isinstance(other, ConflictError)
    assert other.decision is None


def test_tree_at_the_top_is_the_tree() -> None:
    """The tree drawn at the top of the file names each class under its parent."""
    kinds = "Error|Denied|Refused|Expired|Cancelled|Claimed"
    node = re.compile(rf"^([│├└─ ]*)([A-Z]\w+?(?:{kinds}))\b", re.MULTILINE)
    drawn = [(len(depth) // 4, name) for depth, name in node.findall(exceptions.__doc__ or "")]
    path: list[str] = []
    parents: dict[str, str | None] = {}
    for depth, name in drawn:
        path[depth:] = [name]
        parents[name] = path[depth - 1] if depth else None
    classes = {
        name: found
        for name, found in vars(exceptions).items()
        if isinstance(found, type) and issubclass(found, HandoverError)
    }
    assert parents.keys() == classes.keys()
    for name, parent in parents.items():
        assert classes[name].__bases__[0] is (classes[parent] if parent else Exception)


@pytest.mark.parametrize(
    "error",
    [
        refused(422, b'{"errors": [{"field": "a", "message": "b"}]}'),
        ActionDenied(DENIED),
        DecisionExpired(Decision.model_validate(decision("expired", from_the_future=1))),
        APIConnectionError("away", 2.0),
        WaitTimeoutError("dec_one", 5),
        WaitTimeoutError("dec_one", 5, "The file is not shown yet."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_between_processes(error: Any) -> None:
    """An error survives pickling, as a process pool or a task queue does it."""
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - of our own making
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_traceback_names_the_public_class() -> None:
    """A traceback ends with the class as users import it, and the reason."""
    last = traceback.format_exception_only(ActionDenied(DENIED))[-1]
    assert last == (
        'handover.ActionDenied: "Refund order 1142" must not run:'
        " denied by approver@example.com [dec_one]\n"
    )


def test_every_error_is_public() -> None:
    """Each class of the tree can be imported from `handover`."""
    for name, found in vars(exceptions).items():
        if isinstance(found, type) and issubclass(found, HandoverError):
            assert getattr(handover, name) is found
