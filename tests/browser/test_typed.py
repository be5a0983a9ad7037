"""What is typed is read alike by the scripts and by the service, and shown before it counts."""

from __future__ import annotations

from typing import Any, cast

import pytest
from playwright.async_api import Browser, expect

from api.http.static import FOLDER
from tests.api.agent import Agent
from tests.api.asked import Asked
from tests.browser.support import opened
from tests.typed import NUMBERS, TIMES, notation

READ = """([name, cases]) => cases.map(([text, notation]) => {
  const found = typed[name](text, notation);
  return found && (found.meanings ?? found.value);
})"""


async def test_the_scripts_read_as_the_service_does(browser: Browser) -> None:
    """Every number and time of the service's own tests."""
    async with opened(browser, "about:blank") as page:
        await page.evaluate((FOLDER / "typed.js").read_text())
        for name, known in (("readNumber", NUMBERS), ("readTime", TIMES)):
            cases = [[text, notation(locale).for_scripts()] for locale, text, _ in known]
            found: list[Any] = await page.evaluate(READ, [name, cases])
            told = zip(known, map(as_double, found), strict=True)
            right = [(locale, text, as_double(value)) for locale, text, value in known]
            assert [(locale, text, value) for (locale, text, _), value in told] == right


def as_double(value: Any) -> Any:
    """JavaScript knows no other numbers."""
    if isinstance(value, list):
        return [as_double(each) for each in cast(list[Any], value)]
    return float(value) if isinstance(value, int) else value


NUMBER = {"type": "number_input", "min": 1}
WAYS = [
    ("de-DE", True, "1.500", "1500 oder 1,5", "1500", "Gelesen als: 1500", 1500),
    ("de-CH", True, "40,5", "40.5 oder 405", "1'500.5", "Gelesen als: 1500.5", 1500.5),
    ("fr-FR", True, "1.500", "1,5 ou 1500", "1 500,5", "Lu comme : 1500,5", 1500.5),
    ("en-US", True, "40,5", "40.5 or 405", "40.5", "Read as: 40.5", 40.5),
    ("de-DE", False, "1.500", "1500 oder 1,5", "1.500,5", "Gelesen als: 1500,5", 1500.5),
    ("fr-FR", False, "1,500", "1,5 ou 1500", "40,5", "Lu comme : 40,5", 40.5),
    ("en-GB", False, "1.500", "1.5 or 1500", "1,500.25", "Read as: 1500.25", 1500.25),
]
"""By browser, with scripts and without: what is asked back and how, and what is taken."""


@pytest.mark.parametrize(("browsers", "scripts", "unclear", "both", "clear", "read", "value"), WAYS)
async def test_a_number_counts_as_it_was_shown(
    browser: Browser,
    agent: Agent,
    browsers: str,
    scripts: bool,
    unclear: str,
    both: str,
    clear: str,
    read: str,
    value: float,
) -> None:
    """What could be two things is asked back, and nothing is recorded; what is taken was shown as
    it is read: at once by scripts, else by the page that the first press brings."""
    asked = await Asked.by(agent, response_type=NUMBER)
    async with opened(browser, asked.link, locale=browsers, scripts=scripts) as page:
        field, approve = page.locator("#value"), page.locator("button[value=approve]")
        await expect(field).to_have_attribute("inputmode", "decimal")
        await field.fill(unclear)
        await approve.click()
        await expect(page.get_by_text(both).first).to_be_visible()
        await expect(field).to_have_value(unclear)
        await asked.untouched()
        await field.fill(clear)
        if not scripts:
            await approve.click()
            await asked.untouched()
            await expect(field).to_have_value(clear)
        await expect(page.locator("#value-read")).to_have_text(read)
        await approve.click()
        await expect(page.locator("main h1")).to_contain_text(asked.approver)
    assert (await asked.read())["response_data"] == {"value": value}


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("browsers", ["de-DE", "fr-FR", "en-US"])
async def test_a_payloads_number_counts_as_it_was_shown(
    browser: Browser, agent: Agent, browsers: str, scripts: bool
) -> None:
    """By its field, with what was asked beside it; the other values stay as they were."""
    payload = {"amount": 1250.5, "rate": 1.234, "wei": 1.2345678901234567e20, "to": "1.500"}
    asked = await Asked.by(agent, payload=payload)
    comma = "." if browsers == "en-US" else ","
    async with opened(browser, asked.link, locale=browsers, scripts=scripts) as page:
        await page.locator("details.modify > summary").click()
        amount, modify = page.get_by_label("amount", exact=True), page.locator("[value=modify]")
        await expect(amount).to_have_value(f"1250{comma}5")
        await expect(page.get_by_label("rate", exact=True)).to_have_value(f"1{comma}2340")
        await amount.fill("1.500")
        await modify.click()
        for reading in ("1500", f"1{comma}5"):
            await expect(page.locator(".field .wrong:visible")).to_contain_text(reading)
        await expect(amount).to_have_value("1.500")
        await asked.untouched()
        await amount.fill(f"1499{comma}5")
        if scripts:
            told = page.locator(".field.edited .was")
        else:
            await modify.click()
            await asked.untouched()
            told = page.locator("table.changes tbody")
        for number in (f"1250{comma}5", f"1499{comma}5"):
            await expect(told).to_contain_text(number)
        await modify.click()
        await expect(page.locator("main h1")).to_contain_text(asked.approver)
    given = {"payload": payload | {"amount": 1499.5}}
    assert (await asked.read())["response_data"] == given


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(
    ("browsers", "unclear", "both", "clear", "read"),
    [
        ("en-US", "3/4/2031 2:30 PM", "2031-04-03 14:30 (Thu", "4/13/2031 2:30 PM", "Sun, Apr"),
        ("en-GB", "3/4/2031 14:30", "2031-03-04 14:30 (Tue", "13/4/2031 14:30", "Sun"),
        ("de-DE", "3/4/2031 14:30", "2031-03-04 14:30 (Di", "13.4.2031 14:30", "So"),
        ("fr-FR", "3/4/2031 14h30", "2031-03-04 14:30 (mar", "13/4/2031 14h30", "dim."),
    ],
)
async def test_a_time_counts_as_it_was_shown(
    browser: Browser,
    agent: Agent,
    browsers: str,
    scripts: bool,
    unclear: str,
    both: str,
    clear: str,
    read: str,
) -> None:
    """A date that two readers read differently is asked back; the day of the week is told too."""
    asked = await Asked.by(agent, response_type={"type": "schedule", "allow_immediate": False})
    async with opened(
        browser, asked.link, locale=browsers, scripts=scripts, timezone_id="Europe/Berlin"
    ) as page:
        field, approve = page.locator("#execute_at"), page.locator("button[value=approve]")
        if not scripts:
            await page.locator("#time_zone").fill("Europe/Berlin")
        await field.fill(unclear)
        await approve.click()
        await expect(page.get_by_text(both).first).to_be_visible()
        await asked.untouched()
        await field.fill(clear)
        if not scripts:
            await approve.click()
            await asked.untouched()
        await expect(page.locator("#execute_at-read")).to_contain_text(read)
        await approve.click()
        await expect(page.locator("main h1")).to_contain_text(asked.approver)
    assert (await asked.read())["response_data"] == {"execute_at": "2031-04-13T12:30:00Z"}


async def test_json_that_is_typed_is_shown_before_it_counts(browser: Browser, agent: Agent) -> None:
    """In a German browser too, where 1.500 would be read otherwise; a name that is there twice is
    refused, and what the fields can show is what they show."""
    asked = await Asked.by(agent, payload={"amount": 1000, "to": {"name": "Zoë"}})
    async with opened(browser, asked.link, locale="de-DE") as page:
        await page.locator("details.modify > summary").click()
        await page.locator("details.by-json > summary").click()
        json, modify = page.locator("#payload"), page.locator("[value=modify]")
        await json.fill('{"amount": 1.500, "amount": 2, "to": {"name": "Zoë"}}')
        await expect(page.locator(".by-field")).to_be_hidden()
        await modify.click()
        await expect(page.get_by_role("alert")).to_contain_text("amount")
        assert (await asked.read())["status"] == "pending"
        await page.locator("#payload").fill('{"amount": 1.500, "to": {"name": "Zoë"}}')
        await expect(page.get_by_label("amount", exact=True)).to_have_value("1,5")
        await expect(page.locator(".field.edited .was")).to_contain_text("Gelesen als: 1,5")
        await page.locator("#payload").fill('{"amount": 1.500, "to": "Zoë"}')
        await expect(page.locator(".by-field")).to_be_hidden()
        await modify.click()
        await expect(page.locator("table.changes")).to_contain_text("1,5")
        assert (await asked.read())["status"] == "pending"
        await modify.click()
        await expect(page.locator("main h1")).to_contain_text(asked.approver)
    given = {"payload": {"amount": 1.5, "to": "Zoë"}}
    assert (await asked.read())["response_data"] == given
