"""The pictures of docs/approvers.md. `HANDOVER_PICTURES=write` puts them there anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from api.operators.samples import preview
from tests.api.agent import Agent, someone
from tests.api.asked import Asked
from tests.api.inboxes import inbox_url
from tests.browser.support import opened

DOCS = Path(__file__).resolve().parents[2] / "docs"
WRITES = os.environ.get("HANDOVER_PICTURES") == "write"
REFUND = {
    "action": "Refund order 1142 to the card that paid",
    "context": "The parcel arrived broken. The customer sent photographs; the warehouse agrees.",
    "payload": {"order": "1142", "amount": 86.4, "currency": "EUR", "reason": "damaged"},
    "timeout_minutes": 45,
}


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return DOCS / "pictures" if WRITES else tmp_path


async def take(page: Page, album: Path, name: str) -> None:
    """A picture of the page, from its top."""
    await page.screenshot(path=album / f"{name}.png", animations="disabled", caret="hide")
    assert (album / f"{name}.png").stat().st_size > 10_000, "an empty page"


def approver() -> str:
    return f"ada.{someone()}"


async def test_the_mail(browser: Browser, album: Path) -> None:
    """As a phone shows it."""
    async with opened(browser, "about:blank", device_scale_factor=2) as page:
        await page.set_content(preview("decision-request", "en").html)
        await take(page, album, "mail")


async def test_the_page_and_its_outcome(browser: Browser, agent: Agent, album: Path) -> None:
    """The question, what was changed, and what came of it."""
    asked = await Asked.by(agent, **REFUND, approver=approver())
    async with opened(browser, asked.link, device_scale_factor=2) as page:
        await take(page, album, "page")
        await page.get_by_text("Approve something else…").click()
        await page.get_by_label("amount", exact=True).fill("40")
        await page.get_by_text("Approve something else…").evaluate("e => e.scrollIntoView()")
        await take(page, album, "changes")
        await page.locator("button[value=modify]").click()
        await page.get_by_text("recorded", exact=False).first.wait_for()
        await page.evaluate("scrollTo(0, 0)")
        await take(page, album, "outcome")


async def test_the_page_in_the_dark_and_in_german(
    browser: Browser, agent: Agent, album: Path
) -> None:
    """The browser's language, and the system's colours."""
    asked = await Asked.by(agent, **REFUND, approver=approver())
    async with opened(
        browser, asked.link, scheme="dark", locale="de-DE", device_scale_factor=2
    ) as page:
        await take(page, album, "dark")


async def test_the_code(browser: Browser, agent: Agent, album: Path) -> None:
    """After the first press."""
    asked = await Asked.by(agent, **REFUND, urgency="critical", approver=approver())
    async with opened(browser, asked.link, device_scale_factor=2) as page:
        await page.locator("button[value=approve]").click()
        code = page.locator("input[name=code]")
        await code.wait_for()
        await code.scroll_into_view_if_needed()
        await take(page, album, "code")


async def test_the_inbox(browser: Browser, agent: Agent, album: Path) -> None:
    """Three questions, the most pressing first."""
    who = approver()
    await agent.ask(**REFUND | {"approver": who, "urgency": "high"})
    await agent.ask(approver=who, action="Publish the release notes of 4.2", timeout_minutes=600)
    await Asked.by(agent, approver=who, action="Delete the staging database", urgency="critical")
    async with opened(browser, inbox_url(agent.service, who), device_scale_factor=2) as page:
        await take(page, album, "inbox")


def test_every_picture_is_on_the_page_and_there() -> None:
    """docs/approvers.md shows those that are made here, and no others."""
    shown = set(re.findall(r"pictures/([\w-]+)\.png", (DOCS / "approvers.md").read_text()))
    made = set(re.findall(r'take\(page, album, "([\w-]+)"\)', Path(__file__).read_text()))
    assert shown == made == {path.stem for path in (DOCS / "pictures").iterdir()}
