"""`/outbox/{token}/previews`: every mail there is, in development, for whoever has the token."""

from __future__ import annotations

import json
import re

import pytest

from api.operators.samples import READERS, SAMPLES, preview
from tests.api.agent import Agent
from tests.service import RunningService


@pytest.fixture(scope="module")
def previews(service: RunningService) -> str:
    token = json.loads((service.data_dir / "secrets.json").read_text())["outbox_token"]
    return f"/outbox/{token}/previews"


async def test_every_mail_in_every_language_is_listed(agent: Agent, previews: str) -> None:
    """From the outbox on, one can walk to each, and each is shown as HTML and as text."""
    outbox = await agent.http.get(previews.removesuffix("/previews"))
    assert f'href="{previews}"' in outbox.text
    listed = await agent.http.get(previews)
    links = set(re.findall(rf'href="({previews}/[^"]+)"', listed.text))
    assert links == {f"{previews}/{message}/{reader}" for message in SAMPLES for reader in READERS}
    for link in links:
        shown = await agent.http.get(link)
        assert shown.status_code == 200, link
        assert f'src="{link}/html"' in shown.text
        message, language = link.split("/")[-2:]
        assert (await agent.http.get(f"{link}/html")).text == preview(message, language).html


async def test_a_preview_is_framed_by_us_alone_and_can_do_nothing(
    agent: Agent, previews: str
) -> None:
    """Sandboxed twice: by its own policy, and by the frame."""
    shown = await agent.http.get(f"{previews}/receipt/en")
    assert 'sandbox=""' in shown.text
    assert "frame-src 'self'" in shown.headers["Content-Security-Policy"]
    html = await agent.http.get(f"{previews}/receipt/en/html")
    policy = html.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert html.headers["X-Frame-Options"] == "SAMEORIGIN"


async def test_previews_need_the_token_and_a_name(
    agent: Agent, service: RunningService, previews: str
) -> None:
    """404 otherwise, as for the outbox."""
    wrong = previews.replace("/outbox/", "/outbox/x")
    for place in (wrong, f"/outbox/{service.api_key}/previews"):
        for path in ("", "/receipt/en", "/receipt/en/html"):
            assert (await agent.http.get(place + path)).status_code == 404
    for name in ("nothing/en", "receipt/nl", "nothing/en/html", "receipt/%00/html"):
        assert (await agent.http.get(f"{previews}/{name}")).status_code == 404
