"""What stands between a person and their page: a proxy, a host that a request names, a slash."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from api.http.requests import Proxies
from api.main import app
from tests.api.agent import Agent
from tests.api.asked import Asked, check_guards
from tests.api.inboxes import Inbox
from tests.approver import Form

MADE_UP = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "Forwarded": "host=evil.example;proto=http",
}


def paths(**known: str) -> Iterator[tuple[str, str]]:
    """A method and a path for all that the service answers, by these values and others."""
    for each in app.routes:
        inner = cast(Any, getattr(each, "original_router", None))
        for route, method in _answered(inner.routes if inner else [cast(Any, each)]):
            yield method, re.sub(r"{(\w+)[^}]*}", lambda m: known.get(m[1], "x"), route.path)


def _answered(routes: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    for route in routes:
        for method in getattr(route, "methods", None) or {"GET"}:
            yield route, method


async def test_no_answer_leads_to_what_a_request_made_up(agent: Agent) -> None:
    """Neither to a host, nor away from TLS; with a slash at the end, and without."""
    asked = await Asked.by(agent, payload={"a": 1}, response_type={"type": "file_upload"})
    token = asked.link.rpartition("/")[2]
    asking = {
        (method, path + end)
        for method, path in paths(decision_id=asked.decision, token=token)
        for end in ("", "/")
        if method != "POST" or "/d/" in path
    }
    assert len(asking) > 60

    async def ask(method: str, path: str) -> None:
        answer = await agent.http.request(method, path, headers=MADE_UP)
        told = answer.text + str(answer.headers)
        assert "evil.example" not in told, path
        assert not urlsplit(answer.headers.get("Location", "")).netloc, path

    await asyncio.gather(*(ask(method, path) for method, path in asking))
    made = await agent.http.post("/decisions", json={"action": "a", "approver": asked.approver})
    assert made.status_code == 201


async def test_a_slash_too_many_opens_the_page(agent: Agent) -> None:
    """All that the page loads and leads to is found, and its form is an answer."""
    asked = await Asked.by(agent, context_images=["https://images.invalid/a.png"])
    for end in ("/?choose=deny", "%2F", "//"):
        page = await agent.http.get(asked.link + end)
        assert page.status_code == 200
        found = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        assert any("images/1" in each for each in found)
        for each in found:
            loaded = await agent.http.get(urljoin(str(page.url), each))
            assert loaded.status_code == (502 if "images/1" in each else 200), each
    form = {**Form.of(page.text).fields, "choice": "deny"}
    assert (await agent.http.post(page.url, data=form)).status_code == 200
    assert (await asked.read())["status"] == "denied"


async def test_links_of_all_kinds_take_a_slash(agent: Agent) -> None:
    """An inbox and what it leads to; the address where a system answers; no other path."""
    asked = await Asked.by(agent)
    inbox = await Inbox.with_all(agent.service, asked.approver, asked.decision)
    for url in (f"{inbox.url}/", f"{inbox.url}/settings/"):
        page = await agent.http.get(url)
        assert page.status_code == 200
        links = re.findall(r'href="([^"#]+)"', page.text)
        assert len(links) >= 3
        for link in links:
            assert (await agent.http.get(urljoin(url, link))).status_code == 200, link
    system = asked.link.replace("/d/", "/responses/") + "/"
    assert (await agent.http.get(system)).json()["decision"]["id"] == asked.decision
    for path in ("/decisions/", "/metrics/", "/readyz/", "/d/"):
        assert (await agent.http.get(path)).status_code == 404, path


async def test_more_than_any_answer_brings_is_refused_with_a_page(agent: Agent) -> None:
    """Before any of it was read, in words that say how much may be sent."""
    asked = await Asked.by(agent, response_type={"type": "file_upload"})
    url = urlsplit(asked.link)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(
        f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: 200000000\r\n\r\n".encode()
    )
    head, _, body = (await reader.read(200_000)).decode().partition("\r\n\r\n")
    while more := await reader.read(200_000):
        body += more.decode()
    writer.close()
    status, *lines = head.split("\r\n")
    fields = (line.partition(": ") for line in lines)
    headers = httpx2.Headers([(name, value) for name, _, value in fields])
    page = httpx2.Response(int(status.split()[1]), headers=headers, text=body)
    assert page.status_code == 413
    check_guards(page)
    assert "at most 10 files of 10 MB each" in body
    await asked.untouched()


@pytest.mark.parametrize(
    ("client", "trusted", "scheme"),
    [
        ("127.0.0.1", ["127.0.0.1", "::1"], "https"),
        ("172.18.0.1", ["172.16.0.0/12"], "https"),
        ("172.18.0.1", ["127.0.0.1", "::1"], "http"),
        ("127.0.0.1", [], "http"),
    ],
)
async def test_whose_word_is_taken(client: str, trusted: list[str], scheme: str) -> None:
    """That of the proxies in the setting: for whom they speak, and that it was by TLS."""
    seen: list[Scope] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def nothing(*_: Message) -> Any:
        raise AssertionError

    told = [(b"x-forwarded-proto", b"https"), (b"x-forwarded-for", b"203.0.113.7, 172.18.0.9")]
    app = FastAPI()
    app.state.trusted_proxies = trusted
    scope = {
        "type": "http",
        "scheme": "http",
        "client": (client, 1234),
        "headers": told,
        "app": app,
    }
    await Proxies(inner)(scope, cast(Receive, nothing), nothing)
    assert seen[0]["scheme"] == scheme
    assert (seen[0]["client"][0] == client) is (scheme == "http")


async def test_a_page_that_was_opened_by_another_name_is_ours(agent: Agent) -> None:
    """Its scripts name their origin: that of the request, as a trusted proxy tells it."""
    asked = await Asked.by(agent)
    headers = {"Host": "other.example", "Origin": "https://other.example"}
    form = {**asked.form, "choice": "deny"}
    refused = await agent.http.post(asked.link, data=form, headers=headers)
    assert refused.status_code == 403
    headers |= {"X-Forwarded-Proto": "https", "Sec-Fetch-Site": "same-origin"}
    assert (await agent.http.post(asked.link, data=form, headers=headers)).status_code == 200
