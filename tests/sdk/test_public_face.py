"""What users can rely on: names, signatures, types, dependencies, the wheel."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from types import FunctionType
from typing import get_type_hints

import httpx2
import pytest

import handover
from api.decisions.listing import Paging
from handover import (
    AsyncHandoverClient,
    Channel,
    Choice,
    DecisionFields,
    ExecutionStatus,
    HandoverClient,
    Origin,
    Status,
    Urgency,
)
from handover.models import DecisionRequest
from handover.pages import AsyncDecisionPage, DecisionPage
from handover.resources import (
    AsyncAttachments,
    AsyncDecisions,
    Attachments,
    DecisionFilters,
    Decisions,
    FurtherFields,
)

PACKAGE = Path(handover.__file__).parent
PROJECT = PACKAGE.parent
PUBLIC = """
APIConnectionError APIError ActionDenied AlreadyClaimed ApprovalPolicy ArgumentsRefused
AsyncDecisionPage AsyncHandoverClient Attachment AuditEntry AuthenticationError BadRequestError
Channel ChannelStep Choice ConfigurationError ConflictError ContentTooLargeError Decision
DecisionCancelled DecisionExpired DecisionFields DecisionFilters DecisionPage DecisionSummary
DevModeWarning EscalationStep Execution ExecutionStatus FieldError GoneError HandoverClient
HandoverError Hidden InvalidRequestError NotAskedError NotFoundError Notification Origin
PermissionDeniedError Proof ProofError PublicKey PublicKeys RateLimitError ResponseType ServiceError
Signature Status TextField UnreadableAnswerError Urgency WaitTimeoutError WebhookVerificationError
WrongAnswerError __version__ permitted_payload require_approval
"""


def test_public_names() -> None:
    """The public names are these, all of them are there, and no other name is listed."""
    assert handover.__all__ == sorted(PUBLIC.split())
    assert all(getattr(handover, name) is not None for name in handover.__all__)
    assert dir(handover) == handover.__all__
    with pytest.raises(AttributeError, match="Clyent"):
        _ = handover.Clyent


def public_methods(of: type) -> dict[str, Callable[..., object]]:
    return {
        name: getattr(of, name)
        for name, found in vars(of).items()
        if isinstance(found, FunctionType | classmethod)
        and (not name.startswith("_") or name == "__init__")
    }


@pytest.mark.parametrize(
    ("blocking", "asynchronous"),
    [
        (HandoverClient, AsyncHandoverClient),
        (Decisions, AsyncDecisions),
        (Attachments, AsyncAttachments),
        (DecisionPage, AsyncDecisionPage),
    ],
    ids=lambda each: each.__name__,
)
def test_both_clients_are_alike(blocking: type, asynchronous: type) -> None:
    """Both clients have the same methods with the same parameters and the same words for them;
    one's are awaited."""
    methods, twins = public_methods(blocking), public_methods(asynchronous)
    assert methods.keys() == twins.keys()
    for name, method in methods.items():
        twin = twins[name]
        assert inspect.iscoroutinefunction(twin) is (name not in ("__init__", "with_options"))
        assert signature(method) == signature(twin)
        assert inspect.getdoc(method) == inspect.getdoc(twin)


def signature(method: Callable[..., object]) -> str:
    return re.sub(r"\bAsync(?=HTTP|Exchange|DecisionPage)", "", str(inspect.signature(method)))


def test_create_takes_the_fields_of_the_contract() -> None:
    """The keywords of create are the fields of a decision request, and its own two."""
    assert DecisionFields.__annotations__.keys() == DecisionRequest.model_fields.keys()
    parameters = inspect.signature(Decisions.create).parameters
    assert list(parameters) == ["self", "wait", "idempotency_key", "fields"]
    assert DecisionFields.__required_keys__ == {"action", "approver"}
    further = DecisionFields.__annotations__.keys() - {"action", "approver", "enforce"}
    assert FurtherFields.__annotations__.keys() == further
    assert get_type_hints(DecisionFields)["enforce"] == bool | None


def test_types_load_no_http_library() -> None:
    """`handover.models` loads nothing that does I/O, so that a workflow may import it."""
    code = "import sys, handover.models; sys.exit('httpx2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_is_quick() -> None:
    """Importing the clients takes little processor time beyond that of the dependencies; the
    quickest of some tries counts, because other programs are at work."""
    code = (
        "import pydantic, httpx2, time; began = time.process_time(); import handover;"
        " handover.HandoverClient; print(time.process_time() - began)"
    )
    run = [sys.executable, "-c", code]
    taken = [float(subprocess.check_output(run)) for _ in range(5)]
    assert min(taken) < 0.3


@pytest.mark.parametrize(
    "word",
    [Status.PENDING, Origin.HUMAN, Choice.DENY, Urgency.LOW, Channel.EMAIL, ExecutionStatus.FAILED],
)
def test_words_are_kept_under_their_public_name(word: StrEnum) -> None:
    """A pickle or a checkpoint, and who lists the types that one may have, names no module that is
    not public."""
    kept = pickle.dumps(word)
    assert b"handover.models" in kept
    assert b"handover._" not in kept
    assert pickle.loads(kept) is word  # noqa: S301 - our own


def test_list_takes_the_filters_of_the_contract() -> None:
    """The keywords of list are the parameters of `GET /decisions`."""
    assert {*DecisionFilters.__annotations__, "cursor"} == Paging.model_fields.keys()


def imports() -> Iterator[tuple[str, str]]:
    """The module or folder of the package, and what it imports."""
    for file in PACKAGE.rglob("*.py"):
        place = file.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((place, alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield place, (node.module or "").split(".")[0]


LIBRARIES = {
    "_http.py": {"httpx2"},
    "addresses.py": {"idna"},
    "proof.py": {"cryptography", "rfc8785"},
    "_commands.py": {"typer"},
    "_console.py": {"rich"},
    "pytest_plugin.py": {"pytest"},
    "integrations": {"langgraph", "langchain", "langchain_core"},
}
"""Beside pydantic, and each in its own place: those of an extra are loaded with their module."""


def test_dependencies() -> None:
    """The package imports pydantic, one HTTP library and one for domains in a module each, and what
    extras take in modules of their own."""
    known = sys.stdlib_module_names | {"handover"}
    foreign = {(place, name) for place, name in imports() if name not in known}
    for place, name in foreign:
        assert name.startswith("pydantic") or name in LIBRARIES.get(place, ()), place


def test_own_http_client() -> None:
    """An HTTP client of the user's is used, and left open."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(404, json={"code": "not_found"})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http_client:
        client = HandoverClient("ho_key", http_client=http_client)
        with client, pytest.raises(handover.NotFoundError):
            client.decisions.get("dec_one")
        assert not http_client.is_closed
    assert str(seen[0].url) == "http://127.0.0.1:8000/decisions/dec_one"
    assert seen[0].headers["user-agent"].startswith(f"handover-sdk/{handover.__version__} ")


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and address come from the environment where they are not given."""
    monkeypatch.setenv("HANDOVER_API_KEY", "ho_environment\n")
    monkeypatch.setenv("HANDOVER_BASE_URL", "https://handover.example.com/approvals/")
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(404, json={})

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as http_client,
        pytest.raises(handover.NotFoundError),
    ):
        HandoverClient(http_client=http_client).decisions.get("dec_one")
    assert str(seen[0].url) == "https://handover.example.com/approvals/decisions/dec_one"
    assert seen[0].headers["authorization"] == "Bearer ho_environment"


def test_wheel_holds_the_package_alone(tmp_path: Path) -> None:
    """The wheel contains `handover` with its types marker, and needs three libraries, one of which
    another brings along anyway; others only for who asks for an extra."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        described = opened.read(metadata).decode()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"handover"}
    assert "handover/py.typed" in names
    required = [line for line in described.splitlines() if line.startswith("Requires-Dist: ")]
    extras = [line for line in required if "extra ==" in line]
    assert [name_in(line) for line in required if line not in extras] == [
        "httpx2",
        "idna",
        "pydantic",
    ]
    assert {(extra_in(line), name_in(line)) for line in extras} == EXTRAS


EXTRAS = {
    ("verify", "cryptography"),
    ("verify", "rfc8785"),
    ("cli", "typer"),
    ("langgraph", "langgraph"),
    ("langchain", "langchain"),
}


def name_in(requirement: str) -> str:
    return requirement.split()[1].split(">")[0]


def extra_in(requirement: str) -> str:
    return requirement.split("extra == ")[1].strip("'")
