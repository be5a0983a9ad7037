"""The Enter key decides nothing, wherever it is pressed but on a button."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.api.agent import Agent
from tests.api.asked import Asked
from tests.browser.support import opened

FIELDS = [
    ({"type": "choose", "choices": ["a", "b"]}, "input[name=chosen]"),
    ({"type": "schedule"}, "input[name=when]"),
    ({"type": "schedule"}, "input[name=time_zone]"),
    ({"type": "number_input"}, "input[name=value]"),
]


@pytest.mark.parametrize(("type", "field"), FIELDS)
async def test_with_scripts_it_does_nothing(
    browser: Browser, agent: Agent, type: dict[str, Any], field: str
) -> None:
    """In a radio button it would press the first button of the form that can be pressed."""
    asked = await Asked.by(agent, response_type=type)
    async with opened(browser, asked.link) as page:
        posts: list[str] = []
        page.on("request", lambda sent: posts.append(sent.method))
        await page.locator(field).first.focus()
        await page.keyboard.press("Enter")
        await page.locator("button[value=deny]").focus()
        await expect(page.locator("button[value=deny]")).to_be_focused()
        assert "POST" not in posts
    await asked.untouched()


@pytest.mark.parametrize(("type", "field"), FIELDS)
async def test_without_scripts_it_answers_nothing(
    browser: Browser, agent: Agent, type: dict[str, Any], field: str
) -> None:
    """The form goes off as browsers do it, without a choice; the page says which buttons there
    are."""
    asked = await Asked.by(agent, response_type=type)
    async with opened(browser, asked.link, scripts=False) as page:
        await page.locator(field).first.focus()
        async with page.expect_navigation() as sent:
            await page.keyboard.press("Enter")
        answer = await sent.value
        assert answer
        assert answer.status == 422
        await expect(page.locator("#notice")).to_contain_text("Press one of the buttons")
    await asked.untouched()
