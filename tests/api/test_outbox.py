"""`/outbox/{token}`: the mails of a service without a provider, for whoever has its token."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from tests.api.agent import Agent, link_to, someone
from tests.approver import answer_link, newest_mail
from tests.service import RunningService


@pytest.fixture(scope="module")
def token(service: RunningService) -> str:
    return json.loads((service.data_dir / "secrets.json").read_text())["outbox_token"]


async def test_mails_are_listed_newest_first(
    agent: Agent, service: RunningService, token: str
) -> None:
    """The order is that of sending, and each line leads to its mail."""
    approvers = [someone(name) for name in ("first", "second", "third")]
    for approver in approvers:
        await agent.ask(approver=approver)
        await link_to(service, approver)
    page = await agent.http.get(f"/outbox/{token}")
    assert page.status_code == 200
    listed = re.findall(rf'href="(/outbox/{token}/[^"]+)".*?>to ([^ ]+) ', page.text, re.DOTALL)
    ours = [(url, to) for url, to in listed if to in approvers]
    assert [to for _, to in ours] == approvers[::-1]
    for url, to in ours:
        assert to in (await agent.http.get(url)).text


async def test_a_mail_is_shown_with_its_link_as_a_link(
    agent: Agent, service: RunningService, token: str
) -> None:
    """The plain text, from which one can go on to answer, and the same as HTML."""
    approver = someone()
    await agent.ask(approver=approver, action="Refund <b>bold</b>")
    link = answer_link(await newest_mail(service, approver))
    url = mail_url(service, approver, token)
    page = (await agent.http.get(url)).text
    assert f'href="{link}"' in page
    assert "Refund &lt;b&gt;bold&lt;/b&gt;" in page
    assert f'href="{url}/html"' in page
    assert link in (await agent.http.get(f"{url}/html")).text


async def test_the_html_of_a_mail_can_do_nothing_here(
    agent: Agent, service: RunningService, token: str
) -> None:
    """Sandboxed: no scripts, no forms, nothing loaded, no frame around it."""
    approver = someone()
    await agent.ask(approver=approver)
    await newest_mail(service, approver)
    page = await agent.http.get(mail_url(service, approver, token) + "/html")
    policy = page.headers["Content-Security-Policy"]
    [sandbox] = re.findall(r"sandbox([^;]*)", policy)
    assert "allow-scripts" not in sandbox
    assert "allow-same-origin" not in sandbox
    assert "allow-forms" not in sandbox
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


def mail_url(service: RunningService, approver: str, token: str) -> str:
    [name] = [p.name for p in service.outbox.glob("*.eml") if approver in p.read_text()]
    return f"/outbox/{token}/{name}"


async def test_it_needs_its_own_token(agent: Agent, service: RunningService, token: str) -> None:
    """An agent's key opens nothing: it could approve its own requests. 404, also for a mail."""
    approver = someone()
    await agent.ask(approver=approver)
    await newest_mail(service, approver)
    name = mail_url(service, approver, token).rpartition("/")[2]
    for wrong in (token[:-1], token + "x", token.swapcase(), service.api_key, "%00", "ü", " "):
        for path in (f"/outbox/{wrong}", f"/outbox/{wrong}/{name}", f"/outbox/{wrong}/{name}/html"):
            answer = await agent.http.get(path)
            assert answer.status_code == 404, path
            assert approver not in answer.text
    assert (await agent.http.get("/outbox")).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        *(
            "..%2fapi-key",
            "..%2f..%2fetc%2fpasswd",
            "../api-key",
            "..%5capi-key",
            "%2fetc%2fpasswd",
        ),
        *("..", ".", "..eml", ".eml", "x.eml%00", "x.eml%0a", "none.eml", "store.db", "*.eml"),
        *("..%2foutbox%2fx.eml", "x" * 300 + ".eml", "%F0%9F%98%80.eml"),
    ],
)
async def test_no_name_leads_out_of_the_folder(
    agent: Agent, service: RunningService, token: str, name: str
) -> None:
    """Only a mail of the outbox is shown; every other name is 404."""
    for path in (f"/outbox/{token}/{name}", f"/outbox/{token}/{name}/html"):
        answer = await agent.http.get(path)
        if name in (".", ".."):  # the client resolves these itself
            assert service.api_key not in answer.text
        else:
            assert answer.status_code == 404, (path, answer.text)


async def test_a_mail_that_was_not_ours_breaks_nothing(
    agent: Agent, service: RunningService, token: str
) -> None:
    """A file that is no mail, in the future, with a hostile name in its headers, is only text."""
    name = f"{datetime.now(UTC):%Y}9999-probe.eml"
    (service.outbox / name).write_bytes(b"Subject: <script>x</script>\r\nTo: \xff\xfe\r\n\r\n\xff")
    try:
        for path in (f"/outbox/{token}", f"/outbox/{token}/{name}", f"/outbox/{token}/{name}/html"):
            answer = await agent.http.get(path)
            assert answer.status_code == 200, path
            assert "<script>" not in answer.text
    finally:
        (service.outbox / name).unlink()
