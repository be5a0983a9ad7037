"""Who may import whom: the house's walls, checked on every import that the source has.

Also on those inside functions and inside `imports_passed_through()`, where the workflow sandbox no
longer looks.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest
from temporalio.worker.workflow_sandbox import SandboxRestrictions
from temporalio.worker.workflow_sandbox._importer import Importer
from temporalio.worker.workflow_sandbox._restrictions import RestrictionContext

from activities.task_queues import RUNNER

ROOT = Path(__file__).parent.parent.parent
OURS = {
    "handover": ROOT / "sdk/python/handover",
    **{
        name: ROOT / name
        for name in (
            *("links", "outgoing", "workflows", "templates", "store"),
            *("activities", "api", "embedded", "histories", "settings", "slack_app"),
        )
    },
    "worker": ROOT / "worker.py",
}
MAY_IMPORT = {
    "handover": set[str](),
    "links": set[str](),
    "outgoing": set[str](),
    "settings": {"handover", "workflows", "histories", "links", "outgoing"},
    "histories": {"handover", "workflows"},
    "slack_app": {"templates"},
    "workflows": {"handover"},
    "templates": {"handover"},
    "store": {"handover"},
    "activities": {
        *("handover", "workflows", "links", "outgoing", "templates", "store", "histories"),
        "slack_app",
    },
    "api": {
        *("handover", "workflows", "links", "outgoing", "templates", "store"),
        *("settings", "histories", "slack_app"),
    },
    "worker": {
        "templates",
        *("handover", "workflows", "activities", "links", "outgoing", "store"),
        *("settings", "histories", "slack_app"),
    },
    "embedded": {"settings"},
}
BELOW = ("problems", "http", "access", "decisions", "files", "answers", "people", "doors")
"""Rooms of the API, each of which may import those before it."""
WAYS_IN = ("agents", "pages", "systems", "slack", "providers", "operators")
"""Rooms of the API that may import all of those, and none of each other."""
WITHOUT_HTTP = ("decisions", "files", "answers")
"""Rooms of the API that know no web framework."""

LIBRARIES = {
    "handover": {"pydantic", "pydantic_core", "httpx2", "idna"},
    "links": {"itsdangerous"},
    "outgoing": {"httpcore2", "httpx2"},
    "workflows": {"temporalio", "pydantic"},
    "histories": {"temporalio", "google", "pydantic", "cryptography"},
    "templates": {"babel", "jinja2", "css_inline"},
    "slack_app": {"slack_sdk"},
    "store": {"sqlalchemy", "alembic", "obstore", "cryptography"},
}
"""What some rooms are held to. The others may use what the service depends on."""

EXTRAS = {
    "proof.py": {"cryptography", "rfc8785"},
    "cli.py": {"typer"},
    "_commands.py": {"typer"},
    "_console.py": {"rich"},
    "pytest_plugin.py": {"pytest"},
    "integrations": {"langchain", "langchain_core", "langgraph"},
}
"""What a module or a folder of the SDK may use besides, because who uses it has asked for that
extra."""

STANDARD = {
    "__future__",
    "collections",
    "dataclasses",
    "datetime",
    "functools",
    "operator",
    "typing",
}
PURE = {*STANDARD, "handover", "workflows"}


def modules(name: str) -> Iterator[Path]:
    place = OURS[name]
    yield from [place] if place.is_file() else place.rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    """The names of all modules that this one imports; relative ones are inside the room."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@pytest.mark.parametrize("room", OURS)
def test_imports_go_one_way(room: str) -> None:
    """No room imports what the design does not let it."""
    for path in modules(room):
        for imported in imports(path):
            top = imported.partition(".")[0]
            if top in OURS and top != room:
                assert top in MAY_IMPORT[room], f"{path.name} imports {imported}"


@pytest.mark.parametrize("room", LIBRARIES)
def test_rooms_keep_to_their_libraries(room: str) -> None:
    """The SDK stays small, links stay pure, and a workflow does no I/O."""
    for path in modules(room):
        allowed = LIBRARIES[room]
        if room == "handover":
            allowed = allowed | EXTRAS.get(path.name, set()) | EXTRAS.get(path.parent.name, set())
        for imported in imports(path):
            top = imported.partition(".")[0]
            if top not in OURS and top not in sys.stdlib_module_names:
                assert top in allowed, f"{path.name} imports {imported}"


@pytest.mark.parametrize("part", ["lifecycle", "state", "events", "objections", "routes"])
def test_the_lifecycle_is_pure(part: str) -> None:
    """It knows nothing of Temporal, clocks or I/O."""
    path = OURS["workflows"] / f"{part}.py"
    assert {imported.partition(".")[0] for imported in imports(path)} <= PURE
    assert "now(" not in path.read_text()


def test_the_api_calls_no_activity() -> None:
    """Only the roots and their types know the settings, and only the worker the activities."""
    for path in modules("api"):
        found = set(imports(path))
        assert not any(name.startswith("activities") for name in found), path.name
        if path.name not in ("main.py", "deps.py", "make_key.py"):
            assert not any(name.startswith("settings") for name in found), path.name


@pytest.mark.parametrize("room", [*BELOW, *WAYS_IN])
def test_rooms_of_the_api_build_on_each_other(room: str) -> None:
    """What the ways in share stands below them, and none of them reaches into another."""
    allowed = {room, *(BELOW[: BELOW.index(room)] if room in BELOW else BELOW)}
    for path in (OURS["api"] / room).rglob("*.py"):
        for imported in imports(path):
            if imported.startswith("api."):
                assert imported.split(".")[1] in allowed, f"{path.name} imports {imported}"


def test_the_api_has_no_other_rooms() -> None:
    """Each is held to its place; beside them stand the roots alone."""
    rooms = {path.parent.name for path in OURS["api"].glob("*/*.py")}
    assert rooms == {*BELOW, *WAYS_IN}
    roots = {path.name for path in OURS["api"].glob("*.py")}
    assert roots == {"__init__.py", "main.py", "make_key.py", "protocol.py"}


def test_the_api_knows_no_database() -> None:
    """What a database does is the store's to say, in errors of its own."""
    for path in modules("api"):
        assert "sqlalchemy" not in {name.partition(".")[0] for name in imports(path)}, path.name


@pytest.mark.parametrize("room", WITHOUT_HTTP)
def test_no_web_framework_in_these_rooms(room: str) -> None:
    """A decision, a file and an answer are the same, whichever way they come in."""
    for path in (OURS["api"] / room).rglob("*.py"):
        found = {imported.partition(".")[0] for imported in imports(path)}
        assert not found & {"fastapi", "starlette", "uvicorn"}, path.name


@pytest.mark.parametrize("folder", ["tests", "benchmarks", "examples", "deploy"])
def test_no_module_imports_a_test(folder: str) -> None:
    """What tests share stands in a module that says what it has: whoever changes a test changes no
    other, and no fixture or case comes along by an import."""
    for path in (ROOT / folder).rglob("*.py"):
        found = [name for name in imported_names(path) if re.search(r"(^|\.)test_", name)]
        assert found == [], path.relative_to(ROOT)


def imported_names(path: Path) -> Iterator[str]:
    """All that this module imports, each with the module that it is imported from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


class AtRunTime(ast.NodeTransformer):
    """Takes out what only a type checker reads."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return node.orelse
        return self.generic_visit(node)


def import_graph(room: str) -> dict[str, set[str]]:
    """The modules of a room, and which others of it each imports when it runs, in functions too."""
    base = OURS[room].parent
    paths = {module_name(path.relative_to(base)): path for path in modules(room)}
    graph = dict[str, set[str]]()
    for name, path in paths.items():
        found = imported_at_run_time(path, base)
        homes = {each if each in paths else each.rpartition(".")[0] for each in found}
        graph[name] = homes & paths.keys() - {name}
    return graph


def module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported_at_run_time(path: Path, base: Path) -> Iterator[str]:
    """All that this module imports when it runs, modules and names in them, by their full names."""
    package = ".".join(path.relative_to(base).parent.parts)
    for node in ast.walk(AtRunTime().visit(ast.parse(path.read_text()))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", OURS)
def test_no_modules_import_each_other_in_a_circle(room: str) -> None:
    """Each module can be read, and loaded, after those that it imports."""
    try:
        TopologicalSorter(import_graph(room)).prepare()
    except CycleError as error:
        _, circle = error.args
        pytest.fail(" <- ".join(circle))


def test_the_graph_has_the_imports_that_run() -> None:
    """The test above would notice: one inside a function counts, and one for types alone does
    not."""
    graph = import_graph("handover")
    assert "handover.proof" in graph["handover.models"]
    assert "handover.models" in graph["handover.integrations._claims"]
    assert "handover.models" not in graph["handover.proof"]


def test_the_walk_sees_imports_wherever_they_stand() -> None:
    """The test above would notice: the workflow's imports are inside a `with`."""
    found = set(imports(OURS["workflows"] / "decision.py"))
    assert {"workflows.lifecycle", "workflows.messages", "handover.models"} <= found


@pytest.mark.parametrize(
    ("restrictions", "expected"),
    [
        (RUNNER.restrictions, set[str]()),
        (SandboxRestrictions.default, {"workflows", "workflows.decision"}),
    ],
    ids=["the worker's", "the tests'"],
)
def test_what_is_loaded_anew_for_every_decision(
    restrictions: SandboxRestrictions, expected: set[str]
) -> None:
    """Temporal's sandbox imports for each run what isn't passed through, which costs milliseconds:
    nothing in the worker, and the workflow itself where it is replayed to see what it does."""
    importlib.import_module("workflows.decision")
    importer = Importer(restrictions, RestrictionContext())
    with importer.applied():
        importlib.import_module("workflows.decision")
    ours = {n: m for n, m in importer.new_modules.items() if n.partition(".")[0] in OURS}
    assert {
        name for name, module in ours.items() if module is not sys.modules.get(name)
    } == expected
