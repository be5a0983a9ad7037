"""`/approvers/{address}`: administrators say how an approver reads. (Where their system is asked:
`test_webhooks`.)"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from store.keys import ADMIN
from tests import web
from tests.api.agent import Agent, refused_fields, someone
from tests.api.inboxes import PRESSED, inbox_url
from tests.service import RunningService

NOTHING: dict[str, Any] = dict.fromkeys(
    ("language", "time_zone", "quiet_hours", "digest_minutes", "channels", "webhook_url")
)
NIGHT = {"from": "20:00", "to": "07:00"}
SYSTEM = {"webhook_url": "https://192.0.3.1:8443/"}


@pytest.fixture
async def admin(service: RunningService) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(service, scopes=frozenset({ADMIN})) as admin:
        yield admin


async def put(admin: Agent, address: str, **body: object) -> httpx2.Response:
    return await admin.http.put(f"/approvers/{address}", json=body)


async def got(admin: Agent, address: str) -> dict[str, Any]:
    answer = await admin.http.get(f"/approvers/{address}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_was_set_is_answered_and_holds(admin: Agent) -> None:
    """For the next page, whatever the browser says."""
    ann = someone("ann")
    answer = await put(admin, ann, language="fr", time_zone="Asia/Kolkata")
    assert answer.status_code == 200
    told = NOTHING | {"address": ann, "language": "fr", "time_zone": "Asia/Kolkata"}
    assert answer.json() == await got(admin, ann) == told
    async with web.client() as browser:
        url = inbox_url(admin.service, ann) + "/settings"
        page = await browser.get(url, headers={"Accept-Language": "de"})
    assert '<html lang="fr"' in page.text
    assert "UTC+5:30" in page.text


async def test_what_is_left_out_is_taken_back(admin: Agent) -> None:
    """What is set later stands in the place of all that was set before."""
    ann = someone("ann")
    await put(admin, ann, language="de", time_zone="Europe/Vienna")
    await put(admin, ann, time_zone="UTC")
    nothing = NOTHING | {"address": ann}
    assert await got(admin, ann) == nothing | {"time_zone": "UTC"}
    await put(admin, ann, language="de", time_zone=None)
    assert await got(admin, ann) == nothing | {"language": "de"}


async def test_when_and_by_what_they_are_asked(admin: Agent) -> None:
    """As it was set; channels with the minutes after which each is used."""
    ann = someone("ann")
    later = {"channel": "email", "after_minutes": 10}
    asked = {"critical": ["webhook", later], "low": "email"}
    told = {"quiet_hours": NIGHT, "digest_minutes": 60}
    answer = await put(admin, ann, **told, channels=asked, **SYSTEM)
    assert answer.status_code == 200, answer.text
    uses = {
        "critical": [{"channel": "webhook", "after_minutes": 0}, later],
        "low": [{"channel": "email", "after_minutes": 0}],
    }
    assert await got(admin, ann) == NOTHING | told | SYSTEM | {"address": ann, "channels": uses}
    assert answer.json()["quiet_hours"] == NIGHT
    await put(admin, ann, digest_minutes=15)
    assert await got(admin, ann) == NOTHING | {"address": ann, "digest_minutes": 15}


async def test_what_an_administrator_has_set_their_own_page_leaves(admin: Agent) -> None:
    """Where their system is and that it is asked; what is on the page, it changes."""
    ann = someone("ann")
    asked = {"critical": ["webhook"], "low": [{"channel": "email", "after_minutes": 0}]}
    await put(admin, ann, channels=asked, digest_minutes=60, **SYSTEM)
    before = await got(admin, ann)
    chosen = {"quiet_from": "22:00", "quiet_to": "06:30", "digest_minutes": "", "language": "fr"}
    more = {"channels.critical": "", "channels.low": "slack", "webhook_url": "https://192.0.3.2/"}
    async with web.client() as browser:
        url = inbox_url(admin.service, ann) + "/settings"
        assert (await browser.post(url, data=chosen | more | PRESSED)).status_code == 200
    hours = {"from": "22:00", "to": "06:30"}
    now = {"language": "fr", "quiet_hours": hours, "digest_minutes": None}
    assert await got(admin, ann) == before | now


async def test_one_person_however_they_are_spelled(admin: Agent) -> None:
    """The case of the letters makes no other approver."""
    ann = someone("Ann")
    await put(admin, ann, language="de")
    assert (await got(admin, ann.upper()))["language"] == "de"


async def test_what_nobody_set(admin: Agent) -> None:
    """404, before it was set and after it was taken back."""
    ann = someone("ann")
    assert (await admin.http.get(f"/approvers/{ann}")).status_code == 404
    assert (await admin.http.delete(f"/approvers/{ann}")).status_code == 404
    await put(admin, ann, language="de")
    assert (await admin.http.delete(f"/approvers/{ann}")).status_code == 204
    assert (await admin.http.get(f"/approvers/{ann}")).status_code == 404


async def test_what_the_approver_took_back(admin: Agent) -> None:
    """Their own settings page and this are one and the same."""
    ann = someone("ann")
    await put(admin, ann, language="de", time_zone="Europe/Vienna")
    url = inbox_url(admin.service, ann) + "/settings"
    async with web.client() as browser:
        await browser.post(url, data={"language": "fr", "time_zone": "Europe/Paris"} | PRESSED)
        told = {"address": ann, "language": "fr", "time_zone": "Europe/Paris"}
        assert await got(admin, ann) == NOTHING | told
        await browser.post(url, data={"language": "", "time_zone": ""} | PRESSED)
    assert (await admin.http.get(f"/approvers/{ann}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"language": "tlh"}, ["language"]),
        ({"language": "de-AT"}, ["language"]),
        ({"time_zone": "Vienna"}, ["time_zone"]),
        ({"time_zone": "../../etc/passwd"}, ["time_zone"]),
        ({"time_zone": "x" * 65}, ["time_zone"]),
        ({"time_zone": 1, "language": 2}, ["language", "time_zone"]),
        ({"language": "de", "timezone": "UTC"}, ["timezone"]),
        ({}, ["language"]),
        ({"language": None, "time_zone": None}, ["language"]),
        ({"quiet_hours": {"from": "20:00"}}, ["quiet_hours.to"]),
        ({"quiet_hours": {"from": "20:00", "to": "20:00"}}, ["quiet_hours"]),
        ({"quiet_hours": {"from": "24:00", "to": "7:00"}}, ["quiet_hours.from", "quiet_hours.to"]),
        ({"quiet_hours": NIGHT | {"until": "08:00"}}, ["quiet_hours.until"]),
        ({"quiet_hours": "20:00-07:00"}, ["quiet_hours"]),
        ({"digest_minutes": 14}, ["digest_minutes"]),
        ({"digest_minutes": 1441}, ["digest_minutes"]),
        ({"digest_minutes": 15.5}, ["digest_minutes"]),
        ({"digest_minutes": "60"}, ["digest_minutes"]),
        ({"channels": {}}, ["channels"]),
        ({"channels": {"urgent": "email"}}, ["channels.urgent"]),
        ({"channels": {"low": "fax"}}, ["channels.low"]),
        ({"channels": {"low": []}}, ["channels.low"]),
        ({"channels": {"low": ["email", "email"]}}, ["channels.low"]),
        ({"channels": {"low": [{"channel": "email", "after_minutes": 5}]}}, ["channels.low"]),
        ({"channels": {"high": "webhook"}}, ["channels.high"]),  # with no webhook_url
        ({"channels": {"high": ["email", "slack"]}}, ["channels.high"]),  # not set up here
    ],
)
async def test_what_cannot_be_set(admin: Agent, body: dict[str, object], fields: list[str]) -> None:
    """Each field at fault is named, and nothing is kept."""
    ann = someone("ann")
    assert sorted(refused_fields(await put(admin, ann, **body))) == fields
    assert (await admin.http.get(f"/approvers/{ann}")).status_code == 404


@pytest.mark.parametrize("address", ["ann", "ann@", "@example.com", "a b@example.com", "ann@x_y"])
async def test_what_is_no_address(admin: Agent, address: str) -> None:
    """For all three methods."""
    for method in ("GET", "PUT", "DELETE"):
        answer = await admin.http.request(
            method, f"/approvers/{address}", json={"language": "de"} if method == "PUT" else None
        )
        assert refused_fields(answer) == ["address"]
