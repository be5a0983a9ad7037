"""What axe finds on the pages of a decision: nothing, of any type, light and dark."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.async_api import Browser, expect

from tests.api.agent import Agent
from tests.api.asked import Asked
from tests.browser.support import DESKTOP, PHONE, opened, violations

LONG = "The parcel arrived broken.\n" * 200
TYPES: dict[str, dict[str, Any]] = {
    "approve_deny": {},
    "confirm": {},
    "choose": {"label": "Which carrier?", "choices": ["DHL", "UPS"]},
    "text_input": {"fields": [{"name": "why", "required": True, "placeholder": "A word"}]},
    "number_input": {"min": 1, "max": 10, "placeholder": "3"},
    "schedule": {"label": "When?"},
    "file_upload": {"accept": [".pdf"]},
}
Scheme = Literal["light", "dark"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("type", TYPES)
async def test_nothing_keeps_anybody_from_the_question(
    browser: Browser, agent: Agent, type: str, scheme: Scheme
) -> None:
    """As it is asked, with everything unfolded, and as it is shown again."""
    asked = await Asked.by(
        agent,
        action="Pay p\u0430ypal",
        context=LONG,
        payload={"amount": 1, "to": {"name": "Zoë"}},
        context_images=["https://images.invalid/1.png"],
        urgency="high",
        response_type={"type": type, **TYPES[type]},
    )
    async with opened(browser, f"{asked.link}?choose=approve", scheme=scheme) as page:
        assert await violations(page) == []
        await page.evaluate("document.querySelectorAll('details').forEach(it => it.open = true)")
        assert await violations(page) == []
        if type not in ("approve_deny", "confirm"):
            await page.locator("button[value=approve]").click()
            await expect(page.get_by_role("alert")).to_be_focused()
            assert await violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_keeps_anybody_from_a_change(
    browser: Browser, agent: Agent, scheme: Scheme
) -> None:
    """The preview of a changed payload, a refusal of it, and the outcome."""
    asked = await Asked.by(agent, payload={"amount": 1, "gone": True})
    async with opened(browser, asked.link, scheme=scheme) as page:
        await page.locator("details.modify > summary").click()
        await page.locator(".by-field + details > summary").click()
        await page.locator("#payload").fill("{")
        await page.locator("button[name=preview]").click()
        await expect(page.get_by_role("alert")).to_be_focused()
        assert await violations(page) == []
        await page.locator("#payload").fill('{"amount": 2, "more": []}')
        await page.locator("button[name=preview]").click()
        await expect(page.locator("table.changes")).to_be_visible()
        assert await violations(page) == []
        await page.locator("button[value=modify]").click()
        await expect(page.locator("main h1")).to_contain_text("Approved with changes")
        assert await violations(page) == []


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_keeps_anybody_from_the_end(
    browser: Browser, agent: Agent, scheme: Scheme, viewport: Any
) -> None:
    """The outcome, the message to who is not asked any more, and that of a link that is none."""
    asked = await Asked.by(agent, payload={"amount": 1})
    await asked.send(choice="deny", notes="Not before Monday")
    other = await Asked.by(agent)
    await other.send(choice="not_me")
    for link in (asked.link, other.link, asked.link[:-9]):
        async with opened(browser, link, scheme=scheme, viewport=viewport) as page:
            assert await violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_keeps_anybody_from_the_code(
    browser: Browser, agent: Agent, scheme: Scheme
) -> None:
    """The page that says a code is needed, the one that asks for it, and a wrong one."""
    asked = await Asked.by(agent, urgency="critical")
    async with opened(browser, asked.link, scheme=scheme) as page:
        await expect(page.get_by_text("This one needs a code")).to_be_visible()
        assert await violations(page) == []
        await page.locator("button[name=choice][value=deny]").click()
        await expect(page.locator("#code")).to_be_focused()
        assert await violations(page) == []
        await page.locator("#code").fill("000 000")
        await page.locator("button[name=choice][value=deny]").click()
        await expect(page.get_by_role("alert")).to_contain_text("This is not the code")
        await expect(page.locator("#code")).to_be_focused()
        assert await violations(page) == []
    assert (await asked.read())["status"] == "pending"
