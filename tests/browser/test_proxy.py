"""Pages behind a proxy with TLS, by the configuration that docs/deploying.md has."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.async_api import Browser, FilePayload, expect

from tests import web
from tests.api.agent import Agent
from tests.api.asked import Asked
from tests.api.files import png
from tests.browser.support import opened
from tests.nginx import Behind

UPLOAD = {"type": "file_upload", "accept": ["image/*"]}
PHOTO = FilePayload(name="photo.png", mimeType="image/png", buffer=png() + b"\xff\0" * 1_500_000)
"""Three megabytes, as a phone makes them."""


async def test_a_photo_is_sent_through_the_proxy(
    browser: Browser, agent: Agent, behind: Behind
) -> None:
    """By the page's script; no log has the link, and what is for operators is not to be had."""
    proxy = await behind()
    asked = await Asked.by(agent, response_type=UPLOAD)
    path = urlsplit(asked.link).path
    async with opened(browser, f"{proxy.url}{path}/", ignore_https_errors=True) as page:
        await page.locator("#uploaded_files").set_input_files(PHOTO)
        await page.locator("button[value=approve]").click()
        await expect(page.locator("main h1")).to_contain_text("Approved by")
    [file] = (await asked.read())["response_data"]["uploaded_files"]
    assert file["size"] == len(PHOTO["buffer"])
    async with web.client(base_url=proxy.url, verify=False) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert [(await client.get(name)).status_code for name in ("/metrics", "/readyz")] == [
            404
        ] * 2
    logged = proxy.logs()
    assert "/healthz" in logged
    assert path.rpartition("/")[2] not in logged


async def test_a_proxy_that_takes_less_is_told_from_a_connection_that_broke(
    browser: Browser, agent: Agent, behind: Behind
) -> None:
    """With the size; what is larger than we take is not even sent, and a denial sends no file."""
    proxy = await behind(**{"client_max_body_size 110m": "client_max_body_size 1m"})
    asked = await Asked.by(agent, response_type=UPLOAD)
    url = proxy.url + urlsplit(asked.link).path
    async with opened(browser, url, ignore_https_errors=True) as page:
        approve = page.locator("button[value=approve]")
        await page.locator("#uploaded_files").set_input_files(PHOTO)
        await approve.click()
        told = page.locator(".sending .wrong")
        await expect(told).to_contain_text("Your files have 3 MB together. A server on the way")
        await expect(approve).to_be_enabled()
        large = FilePayload(name="b.png", mimeType="image/png", buffer=b"x" * (10 * 1024**2 + 1))
        await page.locator("#uploaded_files").set_input_files(large)
        await approve.click()
        await expect(told).to_have_text("b.png is larger than 10 MB.")
        await expect(approve).to_be_enabled()
        await page.route("**/d/*", lambda route: route.fulfill(status=502, body="<main>no</main>"))
        await page.locator("#uploaded_files").set_input_files(PHOTO)
        await approve.click()
        await expect(told).to_contain_text("a server on the way here answered 502")
        await page.unroute("**/d/*")
        await page.locator("button[value=deny]").click()
        await expect(page.locator("main h1")).to_contain_text("Denied by")
