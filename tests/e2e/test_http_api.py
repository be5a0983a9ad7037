"""docs/http-api.md, done word for word: its requests against the service, its tables against it."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from api.decisions.listing import Paging
from api.decisions.response_types import MODELS, SPELLINGS
from api.decisions.schemas import (
    MAX_DATA,
    MAX_METADATA,
    MAX_NOTES,
    MAX_PAYLOAD,
    NewDecision,
    Resolution,
)
from api.http.json_checks import MAX_DEPTH
from api.http.multipart import AROUND, MAX_BODY, MAX_FILE
from api.operators.approvers import NewReading
from api.people.preferences import LONGEST_DIGEST, SHORTEST_DIGEST
from api.problems.table import PROBLEMS
from api.protocol import MAX_HEAD
from handover.models import Decision, Origin, Status
from tests import web
from tests.conftest import lacks
from tests.contracts.headings import anchors
from tests.dev_server import DevServer
from tests.e2e.documented import differences, examples, names, tables
from tests.e2e.reader import Reader
from tests.forked import ROOT
from tests.receiver import Receiver
from tests.service import RunningService

DOCUMENT = (ROOT / "docs" / "http-api.md").read_text()
TABLES = tables(DOCUMENT)


@pytest.fixture(scope="module")
async def documented(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service that may call this machine, where the approver's own system is."""
    running = RunningService(
        dev_server.address,
        tmp_path_factory.mktemp("documented"),
        HANDOVER_OUTGOING_EXCEPTIONS="127.0.0.0/8",
    )
    await running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
async def system() -> AsyncIterator[Receiver]:
    async with Receiver() as system:
        yield system


@pytest.fixture(scope="module")
async def reader(
    documented: RunningService, system: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Reader:
    """Has followed the document to its end."""
    for program in ("bash", "curl", "make"):
        if not shutil.which(program):
            lacks(f"{program} is not installed")
    reader = Reader(documented, tmp_path_factory.mktemp("http-api"), system)
    for example in examples(DOCUMENT):
        try:
            await reader.follow(example)
        except (AssertionError, TimeoutError, KeyError, ValueError) as error:
            error.add_note(f"docs/http-api.md:{example.line}\n{example.command}")
            raise
    return reader


def test_every_request_is_answered_as_written(reader: Reader) -> None:
    """From the first line to the last, each with its status and body."""
    assert len(reader.decisions) > 10


async def test_records_say_what_the_table_says(reader: Reader) -> None:
    """No entry of all these decisions, and no detail of one, is without a word in the table."""
    async with web.client(base_url=reader.service.base_url) as client:
        told = [
            entry
            for decision in reader.decisions
            for entry in (
                await client.get(f"/decisions/{decision}/audit", headers=reader.service.headers)
            ).json()["entries"]
        ]
    documented = {
        type: set(names(details))
        for types, _, details in TABLES["entry / what happened"]
        for type in names(types)
    }
    assert len({entry["type"] for entry in told}) > 6
    for entry in told:
        assert entry["details"].keys() <= documented[entry["type"]], entry


def test_the_errors_are_those_of_the_service() -> None:
    """Every code of the table with its status, and no other, in its order."""
    rows = [(names(code), int(status)) for code, status, _ in TABLES["code / status"]]
    problems = sorted(PROBLEMS.values(), key=lambda problem: problem.status)
    assert rows == [([problem.code], problem.status) for problem in problems]


def test_every_error_is_explained() -> None:
    """A meaning in words."""
    assert all(len(meaning.split()) > 2 for _, _, meaning in TABLES["code / status"])


def test_the_fields_are_those_of_the_service() -> None:
    """What create, resolve and lists take, and what a decision has beyond what was asked."""
    sent = [name for field, *_ in TABLES["field / type"] for name in names(field)]
    assert sent == list(NewDecision.model_fields)
    told = {name for field, *_ in TABLES["field / meaning"] for name in names(field)}
    assert told == Decision.model_fields.keys() - NewDecision.model_fields.keys()
    assert [names(row[0])[0] for row in TABLES["parameter / values"]] == list(Paging.model_fields)
    of_resolve = DOCUMENT.partition("`POST /decisions/{id}/resolve` takes")[2].splitlines()[0]
    assert set(names(of_resolve)) >= Resolution.model_fields.keys()


def test_the_settings_of_approvers_are_those_of_the_service() -> None:
    """When and by what they are asked, with the bounds of a digest."""
    rows = {name: row[1] for row in TABLES["setting / value"] for name in names(row[0])}
    assert list(rows) == [*NewReading.model_fields][2:-1]
    for limit in (SHORTEST_DIGEST, LONGEST_DIGEST):
        assert re.search(rf"(?<![\d,]){limit:,}(?![\d,])", rows["digest_minutes"])


def test_the_limits_of_fields_are_those_of_the_service() -> None:
    """Each figure that the OpenAPI document has stands beside its field."""
    rows = {name: row[1] for row in TABLES["field / type"] for name in names(row[0])}
    schemas = NewDecision.model_json_schema()["properties"]
    limits = [(name, limit) for name, schema in schemas.items() for limit in _limits(schema)]
    assert len(limits) > 6
    for name, limit in limits:
        assert re.search(rf"(?<![\d,]){limit:,.0f}(?![\d,])", rows[name]), (name, limit)


def _limits(schema: object) -> Iterator[float]:
    """The upper ones, at any depth."""
    match schema:
        case dict():
            for name, value in cast(dict[str, Any], schema).items():
                if name in ("maxLength", "maxItems", "maximum"):
                    yield value
                else:
                    yield from _limits(value)
        case list():
            for each in cast(list[Any], schema):
                yield from _limits(each)
        case _:
            pass


def test_the_words_are_those_of_the_service() -> None:
    """Every status, and every origin that this service gives."""
    assert {names(row[0])[0] for row in TABLES["status / final"]} == set(Status)
    others = {Origin.POLICY, Origin.DEV}
    assert {names(row[0])[0] for row in TABLES["origin / who decided"]} == set(Origin) - others


def test_the_response_types_are_those_of_the_service() -> None:
    """Every type with both spellings, and each with all of its configuration."""
    rows = {tuple(names(row[0])): set(names(row[1])) for row in TABLES["type / configuration"]}
    listed = [name for types in rows for name in types]
    assert sorted(listed) == sorted([*MODELS, *SPELLINGS])
    for types, configuration in rows.items():
        for spelling in types[1:]:
            assert SPELLINGS[spelling] == types[0]
        fields = MODELS[types[0]].model_fields.keys() - {"type"}
        assert {name for name in configuration if name.isidentifier()} >= fields


BOUNDS = {
    "the body of a request": [f"{MAX_BODY // 1024**2} MB"],
    "a body with a file": [f"{MAX_FILE // 1024**2} MB", f"{AROUND // 1024} KB"],
    "request line and headers": [f"{MAX_HEAD // 1024} KB"],
    "nesting of JSON": [f"{MAX_DEPTH} levels"],
    "`payload`": [f"{MAX_PAYLOAD // 1024} KB"],
    "`metadata`": [f"{MAX_METADATA // 1024} KB"],
    "`response_data`": [f"{MAX_DATA // 1024} KB"],
    "`notes`": [f"{MAX_NOTES:,} characters"],
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_bounds_are_those_of_the_service(bound: str) -> None:
    """The figures that the code has."""
    most = {row[0]: row[1] for row in TABLES["what / at most"]}[bound]
    assert re.findall(r"\d[\d,]* \w+", most) == BOUNDS[bound]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", DOCUMENT))))
def test_what_it_links_to_exists(link: str) -> None:
    """A file, and in it the heading, where one is named."""
    path, _, anchor = link.partition("#")
    linked = ROOT / "docs" / (path or "http-api.md")
    assert linked.exists()
    assert not anchor or anchor in anchors(linked.read_text())


@pytest.mark.parametrize(
    ("written", "answered", "fits"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "…": "…"}, {"a": 1, "b": 2}, True),
        ({"a": 1, "…": "…"}, {"b": 2}, False),
        ({"a": "…"}, {"a": None}, False),
        ({"a": "x…z"}, {"a": "xyz"}, True),
        ({"a": "x…z"}, {"a": "xyzzy"}, False),
        ([1, 2], [1], False),
        ([1, 3, "…"], [1, 2, 3, 4], True),
        ([3, 1, "…"], [1, 2, 3, 4], False),
        ({"a": True}, {"a": 1}, False),
        ({"a": []}, {"a": {}}, False),
        ({"a": 60}, {"a": 60.0}, True),
    ],
)
def test_answers_are_compared(written: object, answered: object, fits: bool) -> None:
    """What the comparison of this test takes for equal, and what it does not."""
    assert (not list(differences(written, answered))) is fits
