"""What users can rely on: names, signatures, types, dependencies, the wheel."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import httpx2
import pytest

import handover
from handover import AsyncHandoverClient, DecisionFields, HandoverClient
from handover.models import DecisionRequest
from handover.resources import AsyncDecisions, Decisions

PACKAGE = Path(handover.__file__).parent
PROJECT = PACKAGE.parent
PUBLIC = """
APIConnectionError APIError ActionDenied AsyncHandoverClient Attachment AuditEntry
AuthenticationError BadRequestError Channel Choice ConfigurationError ConflictError Decision
DecisionCancelled DecisionExpired DecisionFields DevModeWarning EscalationStep FieldError
HandoverClient HandoverError InvalidRequestError NotFoundError Notification Origin
PermissionDeniedError Proof ProofError PublicKey PublicKeys RateLimitError ResponseType ServiceError
Signature Status TextField UnreadableAnswerError Urgency WaitTimeoutError __version__
"""


def test_public_names() -> None:
    """The public names are these, all of them are there, and no other name is listed."""
    assert handover.__all__ == sorted(PUBLIC.split())
    assert all(getattr(handover, name) is not None for name in handover.__all__)
    assert dir(handover) == handover.__all__
    with pytest.raises(AttributeError, match="Clyent"):
        _ = handover.Clyent  # pyright: ignore[reportAttributeAccessIssue]


def public_methods(of: type) -> dict[str, object]:
    return {
        name: found
        for name, found in vars(of).items()
        if not name.startswith("_") or name == "__init__"
    }


@pytest.mark.parametrize(
    ("blocking", "asynchronous"),
    [(HandoverClient, AsyncHandoverClient), (Decisions, AsyncDecisions)],
    ids=["client", "decisions"],
)
def test_both_clients_are_alike(blocking: type, asynchronous: type) -> None:
    """Both clients have the same methods with the same parameters; one's are awaited."""
    methods, twins = public_methods(blocking), public_methods(asynchronous)
    assert methods.keys() == twins.keys()
    for name, method in methods.items():
        assert callable(method)
        twin = twins[name]
        assert callable(twin)
        assert inspect.iscoroutinefunction(twin) is (name != "__init__")
        assert signature(method) == signature(twin)


def signature(method: object) -> str:
    assert callable(method)
    text = str(inspect.signature(method))
    return text.replace("AsyncHTTP", "HTTP").replace("AsyncExchange", "Exchange")


def test_create_takes_the_fields_of_the_contract() -> None:
    """The keywords of create are the fields of a decision request, and its own two."""
    assert DecisionFields.__annotations__.keys() == DecisionRequest.model_fields.keys()
    parameters = inspect.signature(Decisions.create).parameters
    assert list(parameters) == ["self", "wait", "idempotency_key", "fields"]
    assert DecisionFields.__required_keys__ == {"action", "approver"}
    assert get_type_hints(DecisionFields)["enforce"] == bool | None


def test_types_load_no_http_library() -> None:
    """`handover.models` loads nothing that does I/O, so that a workflow may import it."""
    code = "import sys, handover.models; sys.exit('httpx2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def imports() -> Iterator[tuple[str, str]]:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from ((file.name, alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield file.name, (node.module or "").split(".")[0]


def test_dependencies() -> None:
    """The package imports pydantic, one HTTP library in one module, and in another what verifying
    takes."""
    foreign = {(file, name) for file, name in imports() if name not in sys.stdlib_module_names}
    verifying = {(file, name) for file, name in foreign if file == "proof.py"}
    assert {name for _, name in verifying} == {"pydantic_core", "cryptography", "rfc8785"}
    assert {name for _, name in foreign - verifying} == {"pydantic", "pydantic_core", "httpx2"}
    assert {file for file, name in foreign if name == "httpx2"} == {"_http.py"}


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
    """The wheel contains `handover` with its types marker, and needs two libraries; two more for
    who asks for `verify`."""
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
    assert [name_in(line) for line in required if line not in extras] == ["httpx2", "pydantic"]
    assert [name_in(line) for line in extras] == ["cryptography", "rfc8785"]
    assert all("extra == 'verify'" in line for line in extras)


def name_in(requirement: str) -> str:
    return requirement.split()[1].split(">")[0]


def test_version_is_one() -> None:
    """The package says the version that its project file has."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["version"] == handover.__version__
