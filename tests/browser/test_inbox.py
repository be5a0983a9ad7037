"""The inbox in a real browser: with the keyboard alone, without scripts, and as axe sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.agent import Agent, someone
from tests.api.inboxes import Inbox, inbox_url
from tests.browser.support import DESKTOP, opened, violations

ACTIONS = ("Refund order 1142", "Send the newsletter", "Drop the table `events_2019`")


@asynccontextmanager
async def inbox_of_three(
    agent: Agent, browser: Browser, **window: Any
) -> AsyncIterator[tuple[Page, list[str]]]:
    """An approver's inbox with three rows, and their decisions in its order."""
    ann = someone("ann")
    waiting = [
        (await agent.ask(approver=ann, action=action, timeout_minutes=60 + number))["id"]
        for number, action in enumerate(ACTIONS)
    ]
    inbox = await Inbox.with_all(agent.service, ann, *waiting)
    assert inbox.waiting == waiting
    async with opened(browser, inbox.url, **window) as page:
        yield page, waiting


async def statuses(agent: Agent, decisions: list[str]) -> list[str]:
    return [(await agent.get(decision))["status"] for decision in decisions]


async def test_with_the_keyboard_alone(agent: Agent, browser: Browser) -> None:
    """Rows are gone through and answered with single keys, and one press of the button sends."""
    async with inbox_of_three(agent, browser, viewport=DESKTOP) as (page, waiting):
        rows, keys = page.locator(".row"), page.keyboard
        await keys.press("j")
        await expect(rows.nth(0)).to_be_focused()
        await keys.press("a")
        await keys.press("j")
        await expect(rows.nth(1)).to_be_focused()
        await keys.press("d")
        await keys.press("ArrowDown")
        await expect(rows.nth(2)).to_be_focused()
        await keys.press("a")
        await expect(page.locator("#send")).to_have_text("Send 3 answers")
        await keys.press("x")
        await expect(page.locator("#send")).to_have_text("Send 2 answers")
        await keys.press("j")
        await expect(rows.nth(2)).to_be_focused()
        await keys.press("k")
        await keys.press("ArrowUp")
        await expect(rows.nth(0)).to_be_focused()
        await keys.press("Control+Enter")
        await expect(page.locator("#send")).to_be_focused()
        assert await statuses(agent, waiting) == ["pending"] * 3
        await keys.press("Enter")
        await expect(page.locator("h1")).to_have_text("Your answers")
        assert await statuses(agent, waiting) == ["approved", "denied", "pending"]


async def test_a_row_opens_in_a_tab_of_its_own(agent: Agent, browser: Browser) -> None:
    """What was chosen in the others stays."""
    async with inbox_of_three(agent, browser) as (page, _):
        await page.keyboard.press("j")
        await page.keyboard.press("a")
        async with page.expect_popup() as popup:
            await page.keyboard.press("o")
        tab = await popup.value
        await expect(tab.get_by_text(ACTIONS[0]).first).to_be_visible()
        await expect(page.locator("#send")).to_have_text("Send 1 answer")


async def test_letters_in_a_note_are_letters(agent: Agent, browser: Browser) -> None:
    """Typing chooses nothing; from there, too, the button is one step away."""
    async with inbox_of_three(agent, browser) as (page, waiting):
        row = page.locator(".row").nth(0)
        await row.locator("summary").click()
        note = row.get_by_role("textbox")
        await note.focus()
        await page.keyboard.type("jada ok?")
        await expect(note).to_be_focused()
        await expect(note).to_have_value("jada ok?")
        assert await page.locator("input[type=radio]:checked").count() == 0
        await row.get_by_role("radio", name="Approve").check()
        await note.focus()
        await page.keyboard.press("Control+Enter")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("Your answers")
        assert (await agent.get(waiting[0]))["response_notes"] == "jada ok?"


async def test_help_and_no_single_letters(agent: Agent, browser: Browser) -> None:
    """`?` shows the keys; who does not want them switches them off, and that is remembered."""
    async with inbox_of_three(agent, browser) as (page, _):
        keys_on = page.get_by_label("Use keys that are single letters")
        await expect(keys_on).to_be_hidden()
        await page.keyboard.press("?")
        await expect(keys_on).to_be_visible()
        await keys_on.uncheck()
        await page.keyboard.press("j")
        await expect(page.locator(".row:focus")).to_have_count(0)
        await page.reload()
        await page.keyboard.press("j")
        await expect(page.locator(".row:focus")).to_have_count(0)
        await page.keyboard.press("ArrowDown")
        await expect(page.locator(".row").nth(0)).to_be_focused()


async def test_enter_sends_nothing_by_itself(agent: Agent, browser: Browser) -> None:
    """In a radio button that key presses the form's first button that can be pressed."""
    async with inbox_of_three(agent, browser) as (page, waiting):
        await page.get_by_role("radio", name="Approve").nth(0).check()
        await page.keyboard.press("Enter")
        await expect(page.locator("#send")).to_have_text("Send 1 answer")
        assert await statuses(agent, waiting) == ["pending"] * 3


async def test_enter_sends_nothing_without_scripts_either(agent: Agent, browser: Browser) -> None:
    """The page asks for the button to be pressed, and what was chosen is still chosen."""
    async with inbox_of_three(agent, browser, scripts=False) as (page, waiting):
        approve = page.get_by_role("radio", name="Approve")
        await approve.nth(0).check()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("Nothing was sent")
        await expect(approve.nth(0)).to_be_checked()
        assert await statuses(agent, waiting) == ["pending"] * 3
        await page.get_by_role("button", name="Send the chosen answers").click()
        await expect(page.locator("h1")).to_have_text("Your answers")
        assert await statuses(agent, waiting) == ["approved", "pending", "pending"]


async def test_without_scripts(agent: Agent, browser: Browser) -> None:
    """Choosing, a note, sending: all of it is plain HTML; and the keys are not spoken of."""
    async with inbox_of_three(agent, browser, scripts=False) as (page, waiting):
        await expect(page.locator("#keys")).to_be_hidden()
        row = page.locator(".row").nth(1)
        await row.get_by_role("radio", name="Deny").check()
        await row.locator("summary").click()
        await row.get_by_role("textbox").fill("Not this week.")
        await page.get_by_role("button", name="Send the chosen answers").click()
        await expect(page.locator("h1")).to_have_text("Your answers")
        assert await statuses(agent, waiting) == ["pending", "denied", "pending"]
        assert (await agent.get(waiting[1]))["response_notes"] == "Not this week."


async def test_a_screen_reader_hears_which_row_it_is(agent: Agent, browser: Browser) -> None:
    """Each group of choices and each link names its action, and no choice is made for anybody."""
    async with inbox_of_three(agent, browser) as (page, _):
        for action in ACTIONS:
            group = page.get_by_role("group", name=f"Your answer to: {action}")
            await expect(group.get_by_role("radio")).to_have_count(2)
            await expect(page.get_by_role("link", name=f"Open {action}")).to_have_count(1)
        assert await page.locator("input[type=radio]:checked").count() == 0
        names = [await each.inner_text() for each in await page.locator("label.radio").all()]
        assert [name.strip() for name in names[:2]] == ["Deny", "Approve"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(
    agent: Agent, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    """In the inbox, with nothing chosen, in what became of the answers, and in the settings."""
    async with inbox_of_three(agent, browser, scheme=scheme) as (page, _):
        await page.keyboard.press("?")
        for details in await page.locator("details.note summary").all():
            await details.click()
        assert await violations(page) == []
        await page.locator("#send").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        assert await violations(page) == []
        await page.get_by_role("radio", name="Approve").nth(0).check()
        await page.locator("#send").click()
        await expect(page.locator("h1")).to_have_text("Your answers")
        assert await violations(page) == []
        await page.get_by_role("link", name="Back to the inbox").click()
        await page.get_by_role("link", name="Settings").click()
        assert await violations(page) == []


async def test_the_time_zone_of_the_device(agent: Agent, browser: Browser) -> None:
    """It is offered, and taken with one press; saved, it is not offered again."""
    url = inbox_url(agent.service, someone("ann")) + "/settings"
    async with opened(browser, url, timezone_id="Asia/Tokyo") as page:
        await page.get_by_role("button", name="Asia/Tokyo").click()
        await expect(page.locator("#zone")).to_be_focused()
        await page.get_by_label("Language").select_option("fr")
        await page.locator("button.send").click()
        await expect(page.locator("html")).to_have_attribute("lang", "fr")
        await expect(page.locator("#zone")).to_have_value("Asia/Tokyo")
        await expect(page.locator("#device")).to_be_hidden()


async def test_when_to_be_written_to(agent: Agent, browser: Browser) -> None:
    """By its labels, and as it was when the page is opened again; half of it is refused, and a
    screen reader is told where and why."""
    url = inbox_url(agent.service, someone("ann")) + "/settings"
    async with opened(browser, url, scripts=False) as page:
        await page.get_by_label("From", exact=True).fill("20:00")
        await page.locator("button.send").click()
        start = page.get_by_label("From", exact=True)
        await expect(start).to_have_attribute("aria-describedby", "quiet_hours-wrong")
        await expect(page.locator("#quiet_hours-wrong")).to_contain_text("Give both times")
        await page.get_by_label("To", exact=True).fill("07:00")
        await page.get_by_label("Requests by e-mail").select_option("60")
        await page.locator("button.send").click()
        await expect(page.get_by_role("status")).to_contain_text("Saved")
        await page.goto(url)
        await expect(page.get_by_label("From", exact=True)).to_have_value("20:00")
        await expect(page.get_by_label("Requests by e-mail")).to_have_value("60")
    async with opened(browser, url) as page:
        assert await violations(page) == []
