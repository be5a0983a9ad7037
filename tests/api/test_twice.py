"""A name that stands twice in one object of a JSON document: readers take the first or the last, so
it is refused wherever JSON comes in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.json_checks import UnfitJsonError, read_json
from api.http.openapi import operations
from api.main import app
from tests.api.agent import Agent, refused_fields
from tests.api.asked import Asked
from tests.api.systems import System
from tests.approver import Form

TWICE = '{"response_data": {"payload": {"a": [1, {"amount": 1, "amount": 2}]}}}'
PATH = "response_data.payload.a.1.amount"


def doors() -> Iterator[tuple[str, str]]:
    """Every operation that takes JSON."""
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if "application/json" in operation.get("requestBody", {}).get("content", {}):
                yield method.upper(), path


async def test_every_door_of_the_api_names_the_way_to_it(agent: Agent) -> None:
    """422, before anything else is looked at, and nothing comes of it."""
    asked = await Asked.by(agent, payload={"a": []})
    token = System(agent, asked.decision, asked.approver).token
    names = {"decision_id": asked.decision, "token": token, "address": asked.approver}
    found = list(doors())
    assert len(found) >= 10
    for method, path in found:
        url = path.format_map(names | dict.fromkeys(("key_id", "id"), "x"))
        answer = await agent.http.request(
            method, url, content=TWICE, headers={"Content-Type": "application/json"}
        )
        assert (path, refused_fields(answer)) == (path, [PATH])
        assert "this name is there twice; write it once" in answer.json()["error"]
    await asked.untouched()
    assert len(found) == len([each for each in operations(app.openapi()) if _takes_json(each)])


def _takes_json(operation: dict[str, object]) -> bool:
    return "application/json" in str(operation.get("requestBody"))


async def test_a_payload_that_is_edited(agent: Agent) -> None:
    """422 with what was typed, and the way to it; in whatever language the page is."""
    asked = await Asked.by(agent, payload={"a": 1})
    for how in ({"preview": "yes"}, {"choice": "modify"}):
        page = await asked.send(payload='{"a": 1, "b": {"c": 1, "c": 1}}', **how)
        assert page.status_code == 422
        assert "At b.c: This name is there twice; write it once." in page.text
        assert Form.of(page.text).fields["payload"] == '{"a": 1, "b": {"c": 1, "c": 1}}'
    assert (await asked.refused("invalid_answer"))["message"].startswith("payload: at b.c: this")


async def test_a_field_of_a_form(agent: Agent) -> None:
    """A form that says two things with one name is no answer, whichever way it is sent."""
    asked = await Asked.by(agent)
    fields = [*asked.form.items(), ("choice", "deny"), ("choice", "approve")]
    body = "&".join(f"{name}={value}" for name, value in fields)
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    page = await agent.http.post(asked.link, content=body, headers=head)
    assert (page.status_code, "has a field twice" in page.text) == (422, True)
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    page = await agent.http.post(asked.link, content=f"{parts}--x--\r\n", headers=head)
    assert (page.status_code, "has a field twice" in page.text) == (422, True)
    await asked.untouched()


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ('{"a": 1, "a": 1}', ["a"]),
        ('{"a": {"b": 1}, "a": {"b": 2, "b": 3}}', ["a"]),
        ('[{"x": 1}, {"y": [{"": 1, "": 2}]}]', ["1", "y", "0", ""]),
        ('{"\\u0061": 1, "a": 2}', ["a"]),
        ('{"a": {"a": 1}}', None),
        ('[{"a": 1}, {"a": 1}]', None),
    ],
)
def test_the_way_to_it(document: str, path: list[str] | None) -> None:
    """The outermost; the same name in two objects is none."""
    if path is None:
        read_json(document)
        return
    with pytest.raises(UnfitJsonError) as refused:
        read_json(document)
    assert [*refused.value.path] == path


@given(st.text('[]{}",:1a ', max_size=40))
def test_whatever_is_sent_is_json_or_a_value_error(document: str) -> None:
    """Nothing else is raised."""
    try:
        read_json(document)
    except ValueError:
        return
