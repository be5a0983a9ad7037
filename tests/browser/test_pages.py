"""The pages of one decision in a browser: what its scripts add, and that nothing needs them."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, CDPSession, Page, Request, Route, expect

from tests.api.agent import Agent
from tests.api.asked import Asked
from tests.api.codes import CRITICAL, mailed_code
from tests.browser.support import DESKTOP, PHONE, opened

PAYLOAD = {
    "order": 1142,
    "amount": 129.9,
    "customer": {"name": "Zoë", "vip": False, "__proto__": "x"},
    "to": "0049301234",
    "note": None,
}
NUMBER = {"type": "number_input", "label": "How many?", "min": 1}
UPLOAD = {"type": "file_upload", "max_files": 2, "accept": [".txt"]}
MAX_BYTES = 30_000

PICK = "(it, value) => { it.value = value; it.dispatchEvent(new Event('input')); }"
"""As the browser's calendar does."""

NOTE = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"The parcel arrived broken."}
PICTURE = {
    "name": "picture.png",
    "mimeType": "image/png",
    "buffer": b"\x89PNG\r\n\x1a\n" + b"x" * 50,
}


async def press(page: Page, choice: str) -> None:
    await page.locator(f"button[name=choice][value={choice}]").click()


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("choice", ["approve", "deny", "modify", "not_me"])
async def test_each_button_says_what_it_says(
    browser: Browser, agent: Agent, choice: str, scripts: bool
) -> None:
    """With scripts and without: one press, and the decision is what the button says."""
    asked = await Asked.by(agent)
    async with opened(browser, asked.link, scripts=scripts) as page:
        if choice == "modify":
            await page.locator("details.modify > summary").click()
            await page.locator("#action").fill("Refund half of it")
        await press(page, choice)
        await expect(page.locator("main h1")).not_to_contain_text("asks")
    status = {"approve": "approved", "deny": "denied", "modify": "modified", "not_me": "pending"}
    assert (await asked.read())["status"] == status[choice]


async def test_the_enter_key_presses_nothing(browser: Browser, agent: Agent) -> None:
    """In a field, and on the page itself; without scripts the page says that nothing is decided."""
    asked = await Asked.by(agent, response_type=NUMBER)
    async with opened(browser, asked.link) as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        await page.keyboard.press("Enter")
        await page.locator("#value").fill("3")
        await page.locator("#value").press("Enter")
        await page.locator("details.notes > summary").press("Enter")
        await expect(page.locator("#notes")).to_be_visible()
        assert "POST" not in sent
    async with opened(browser, asked.link, scripts=False) as page:
        await page.locator("#value").fill("3")
        await page.locator("#value").press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("Nothing is decided yet")
        await expect(page.locator("#value")).to_have_value("3")
    await asked.untouched()


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_refusal_is_read_first_and_leads_to_its_field(
    browser: Browser, agent: Agent, scripts: bool
) -> None:
    """The summary has the focus, its link leads to the field, and what was typed is still there."""
    asked = await Asked.by(agent, response_type=NUMBER)
    async with opened(browser, asked.link, scripts=scripts) as page:
        await page.locator("details.notes > summary").click()
        await page.locator("#notes").fill("As discussed")
        await press(page, "approve")
        summary = page.get_by_role("alert")
        await expect(summary).to_be_focused()
        await expect(summary).to_contain_text("Nothing is decided yet")
        await expect(page.locator("#value")).to_have_attribute("aria-invalid", "true")
        await expect(page.locator("#value")).to_have_accessible_description(
            re.compile("Give a number of at least 1")
        )
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#value")).to_be_focused()
        await expect(page.locator("#notes")).to_have_value("As discussed")
        await page.locator("#value").fill("3")
        for _ in range(1 if scripts else 2):  # without scripts, the page has to say how it is read
            await press(page, "approve")
        await expect(page.locator("main h1")).to_contain_text("Approved by")


async def test_the_keyboard_does_everything(browser: Browser, agent: Agent) -> None:
    """From the top of the page by Tab to each button, in an order that makes sense, and pressed."""
    asked = await Asked.by(agent, payload={"a": 1}, context="Because.")
    async with opened(browser, asked.link) as page:
        passed: list[str] = []
        while "not_me" not in passed:
            await page.keyboard.press("Tab")
            focused = "document.activeElement.value || document.activeElement.textContent.trim()"
            passed.append(await page.evaluate(focused))
            assert len(passed) < 30, passed
            ring = "getComputedStyle(document.activeElement).outlineStyle"
            assert await page.evaluate(ring) != "none", passed[-1]
        order = [passed.index(each) for each in ("Add a note for the agent", "deny", "approve")]
        assert order == sorted(order)
        await page.keyboard.press("Enter")
        await expect(page.locator("main h1")).to_contain_text("not the one to ask")


async def test_the_time_that_is_left_runs_without_a_word_to_screen_readers(
    browser: Browser, agent: Agent
) -> None:
    """It is told by the service's clock, also where the device's is wrong, until it is over."""
    asked = await Asked.by(agent, timeout_minutes=1)
    async with opened(browser, asked.link) as page:
        left = page.locator(".countdown")
        await expect(left).to_have_text(re.compile(r"^in \d+ seconds$"))
        first = await left.text_content()
        await expect(left).not_to_have_text(first or "")
        assert not await left.evaluate(
            "it => !!it.closest('[aria-live], [role=timer], [role=status]')"
        )
    window = await browser.new_context()
    page = await window.new_page()
    await page.clock.install(time=datetime(2020, 1, 1, tzinfo=UTC))
    await page.goto(asked.link)
    await expect(page.locator(".countdown")).to_have_text(re.compile(r"^in \d+ seconds$"))
    await page.clock.run_for(61_000)
    await expect(page.locator(".countdown")).to_have_text("the time is over")
    await window.close()


async def test_times_are_also_told_by_this_devices_clock(browser: Browser, agent: Agent) -> None:
    """Beside the reader's own zone, and only where it is another time there."""
    asked = await Asked.by(agent)
    async with opened(browser, asked.link, timezone_id="Asia/Kolkata") as page:
        await expect(page.locator("time").first).to_contain_text(re.compile(r"UTC \(.* here\)"))
    async with opened(browser, asked.link, timezone_id="Africa/Abidjan") as page:
        await expect(page.locator("time").first).not_to_contain_text("here")


async def test_a_second_press_sends_nothing_and_the_first_can_be_tried_again(
    browser: Browser, agent: Agent
) -> None:
    """Buttons are disabled while the answer is under way, and come back when it got nowhere."""
    asked = await Asked.by(agent)
    async with opened(browser, asked.link) as page:
        sent: list[str] = []

        async def lose(route: Route) -> None:
            sent.append(route.request.post_data or "")
            await route.fulfill(status=204)  # the browser stays where it is

        await page.clock.install()
        await page.route("**/d/*", lose)
        approve = page.locator("button[value=approve]")
        await approve.dblclick()
        await expect(approve).to_be_disabled()
        await expect(page.locator("button[value=deny]")).to_be_disabled()
        assert len(sent) == 1
        await page.clock.run_for(8_000)
        await expect(approve).to_be_enabled()
        await page.unroute("**/d/*")
        await approve.click()
        await expect(page.locator("main h1")).to_contain_text("Approved by")
    assert "choice=approve" in sent[0]


async def test_a_payload_is_edited_by_field(browser: Browser, agent: Agent) -> None:
    """What is edited is marked, with what was asked, and the JSON that is sent has it."""
    asked = await Asked.by(agent, payload=PAYLOAD)
    async with opened(browser, asked.link) as page:
        await page.locator("details.modify > summary").click()
        await expect(page.locator("#payload")).to_be_hidden()
        await expect(page.locator(".field.edited")).to_have_count(0)
        for typed, why in (("lots", "This has to be a number."), ("1,500", "1500 or 1.5")):
            await page.get_by_label("amount", exact=True).fill(typed)
            await expect(page.locator(".field .wrong:visible")).to_contain_text(why)
            await press(page, "modify")
            await expect(page.get_by_label("amount", exact=True)).to_be_focused()
        await page.get_by_label("amount", exact=True).fill("64.95")
        await page.get_by_label("customer → vip").select_option("true")
        await page.get_by_label("to", exact=True).fill("12")
        await expect(page.locator(".field.edited")).to_have_count(3)
        await expect(page.get_by_text("Read as: 64.95 · Asked: 129.9")).to_be_visible()
        await page.get_by_label("to", exact=True).fill("0049301234")
        await expect(page.locator(".field.edited")).to_have_count(2)
        await page.get_by_role("button", name="Show what changes").click()
        await expect(page.get_by_role("heading", name="This is what changes")).to_be_focused()
        await expect(page.locator("table.changes tbody tr")).to_have_count(2)
        await expect(page.locator(".field.edited")).to_have_count(2)
        assert (await asked.read())["status"] == "pending"
        await page.get_by_label("order", exact=True).fill("1143")
        await expect(page.locator("table.changes")).to_have_count(0)  # it was of something else
        await page.get_by_label("order", exact=True).fill("1142")
        await press(page, "modify")
        await expect(page.locator("main h1")).to_contain_text("Approved with changes by")
        await expect(page.locator("table.changes tbody tr")).to_have_count(2)
    customer = {"name": "Zoë", "vip": True, "__proto__": "x"}
    given = {"payload": PAYLOAD | {"amount": 64.95, "customer": customer}}
    assert (await asked.read())["response_data"] == given


async def test_an_untouched_payload_is_sent_as_it_was_asked(browser: Browser, agent: Agent) -> None:
    """The fields change nothing by being there."""
    asked = await Asked.by(agent, payload={"b": 1.0, "a": "\u202ex", "10": [], "9": {}})
    async with opened(browser, asked.link) as page:
        await page.locator("details.modify > summary").click()
        assert await page.locator("#payload").input_value() == asked.form["payload"]


@pytest.mark.parametrize(
    ("zone", "moment"), [("America/New_York", "13:15"), ("Asia/Tokyo", "00:15")]
)
async def test_a_time_is_by_the_clock_of_whoever_writes_it(
    browser: Browser, agent: Agent, zone: str, moment: str
) -> None:
    """The browser's zone stands beside it where they have chosen none; a date is a choice."""
    asked = await Asked.by(agent, response_type={"type": "schedule"})
    async with opened(browser, asked.link, timezone_id=zone) as page:
        await expect(page.locator("#time_zone")).to_have_value(zone)
        await page.locator("#execute_at").fill("2030-06-01 09:15")
        await expect(page.get_by_label("At this time:")).to_be_checked()
        await page.get_by_label("As soon as it is approved").check()
        await expect(page.locator("#execute_at")).to_have_value("")
        await page.locator(".picker").evaluate(PICK, "2030-06-01T09:15")
        await expect(page.get_by_label("At this time:")).to_be_checked()
        await expect(page.locator("#execute_at")).to_have_value("2030-06-01 09:15")
        shown = f"Read as: Sat, June 1, 2030 at 9:15 AM ({zone})"
        await expect(page.locator("#execute_at-read")).to_have_text(shown)
        await press(page, "approve")
        await expect(page.locator("main h1")).to_contain_text("Approved by")
    assert (await asked.read())["response_data"] == {"execute_at": f"2030-06-01T{moment}:00Z"}


async def test_files_are_dropped_listed_and_stay_when_the_answer_is_refused(
    browser: Browser, agent: Agent
) -> None:
    """One is taken out, one is refused for its type; the other need not be chosen again."""
    asked = await Asked.by(agent, response_type=UPLOAD)
    async with opened(browser, asked.link) as page:
        await drop(page, NOTE, PICTURE)
        chosen = page.locator(".chosen-files li")
        await expect(chosen).to_have_count(2)
        await press(page, "approve")
        await expect(page.get_by_role("alert")).to_be_focused()
        await expect(page.get_by_role("alert")).to_contain_text("This file is of another type")
        await expect(chosen).to_have_count(2)
        await page.get_by_role("button", name="Take picture.png out").click()
        await expect(chosen).to_have_count(1)
        await press(page, "approve")
        await expect(page.locator("main h1")).to_contain_text("Approved by")
        await expect(page.locator("main h1")).to_be_focused()
    files = (await asked.read())["response_data"]["uploaded_files"]
    assert [file["name"] for file in files] == ["note.txt"]


async def drop(page: Page, *files: dict[str, object]) -> None:
    """As from the desktop."""
    script = """files => {
      const data = new DataTransfer();
      for (const [name, type, text] of files) data.items.add(new File([text], name, { type }));
      return data;
    }"""
    told = [[f["name"], f["mimeType"], str(f["buffer"])] for f in files]
    data = await page.evaluate_handle(script, told)
    await page.dispatch_event(".drop", "dragover", {"dataTransfer": data})
    await page.dispatch_event(".drop", "drop", {"dataTransfer": data})


async def test_a_code_is_pasted(browser: Browser, agent: Agent) -> None:
    """The field takes what counts, as the mail has it and as keyboards write it, and keeps a person
    from sending what cannot be one."""
    asked = await Asked.by(agent, **CRITICAL)
    async with opened(browser, asked.link) as page:
        await press(page, "approve")
        code = await mailed_code(agent.service, asked.approver)
        arabic = "".join(chr(0x660 + int(digit)) for digit in code)
        field = page.locator("#code")
        for pasted, is_one in (
            (f"    {code}\n", True),
            (f"{code[:3]}-{code[3:]}", True),
            (f"\ufeff{code[:3]}\u2009\u2013\u2009{code[3:]}\u200b", True),
            ("".join(chr(0xFF10 + int(digit)) for digit in code), True),
            (code[:5], False),
            (f"{code}7", False),
            (f"code {code}", False),
            (f"\u00a0\u202a{arabic[:3]}\u00a0{arabic[3:]}\u202c", True),
        ):
            await field.fill("")
            await page.keyboard.insert_text(pasted)
            assert await field.evaluate("it => it.checkValidity()") is is_one, pasted
        await press(page, "approve")
        await expect(page.locator("main h1")).to_contain_text("Approved by")


async def test_the_way_of_a_large_file_is_shown(browser: Browser, agent: Agent) -> None:
    """A bar that moves while it is sent; when the connection breaks, the page says what to do."""
    asked = await Asked.by(agent, response_type=UPLOAD)
    async with opened(browser, asked.link) as page:
        large = NOTE | {"buffer": b"broken\n" * 1_000_000}
        await page.locator("#uploaded_files").set_input_files(large)  # pyright: ignore[reportArgumentType] - playwright's own TypedDict
        await page.route("**/d/*", lambda route: route.abort())
        await press(page, "approve")
        await expect(page.get_by_text("It could not be sent")).to_be_visible()
        await expect(page.locator("button[value=approve]")).to_be_enabled()
        await page.unroute("**/d/*")
        session = await slow(page)
        await press(page, "approve")
        await expect(page.locator("progress")).to_have_js_property("max", 100)
        await expect(page.locator("progress")).not_to_have_js_property("value", 0)
        await expect(page.get_by_text(re.compile(r"Sending: \d+%"))).to_be_visible()
        await session.send("Network.disable")
        await expect(page.locator("main h1")).to_contain_text("Approved by", timeout=30_000)


async def slow(page: Page) -> CDPSession:
    """A phone in a train."""
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    conditions = {"offline": False, "latency": 20, "downloadThroughput": -1}
    await session.send(
        "Network.emulateNetworkConditions", {**conditions, "uploadThroughput": 3_000_000}
    )
    return session


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
async def test_a_page_is_small_and_asks_nobody_else(
    browser: Browser, agent: Agent, viewport: dict[str, int]
) -> None:
    """With its stylesheet, script and icon, over the wire and headers included."""
    asked = await Asked.by(agent, payload={"a": 1}, response_type=UPLOAD)
    hosts: set[str] = set()
    sizes: list[int] = []

    async def count(request: Request) -> None:
        hosts.add(urlsplit(request.url).netloc)
        told = await request.sizes()
        sizes.append(told["responseBodySize"] + told["responseHeadersSize"])

    window = await browser.new_context(viewport=viewport)  # pyright: ignore[reportArgumentType] - playwright's own TypedDict
    page = await window.new_page()
    counting: list[asyncio.Task[None]] = []
    page.on("requestfinished", lambda request: counting.append(asyncio.create_task(count(request))))
    await page.goto(asked.link, wait_until="networkidle")
    await asyncio.gather(*counting)
    assert hosts == {urlsplit(asked.link).netloc}
    assert len(sizes) >= 3
    assert sum(sizes) <= MAX_BYTES, sizes
    assert sum(sizes) > 5_000, sizes
    wide = "document.documentElement.scrollWidth"
    assert await page.evaluate(wide) <= viewport["width"]
    await window.close()


async def test_an_image_that_fails_is_named(browser: Browser, agent: Agent) -> None:
    """Its place says which it is, and where the agent has it from."""
    url = "https://images.invalid/parcel.png"
    asked = await Asked.by(agent, context_images=[url])
    async with opened(browser, asked.link) as page:
        await expect(page.get_by_alt_text("Image 1 from the agent")).to_be_attached()
        await expect(page.get_by_text(url)).to_be_visible()
        assert await page.locator(f'a[href="{url}"]').count() == 0


async def test_targets_are_large_enough_for_a_thumb(browser: Browser, agent: Agent) -> None:
    """Buttons, summaries and choices are 44 pixels high or more; links in the text 24."""
    asked = await Asked.by(agent, payload={"a": 1}, response_type={"type": "schedule"})
    async with opened(browser, asked.link) as page:
        for selector, least in (("button, summary, label.radio", 44), ("a", 24)):
            for target in await page.locator(selector).all():
                box = await target.bounding_box()
                assert box is None or box["height"] >= least, await target.inner_text()


async def test_a_page_in_a_frame_of_another_site_is_refused(browser: Browser, agent: Agent) -> None:
    """Nobody can put their own page over the buttons."""
    asked = await Asked.by(agent)
    window = await browser.new_context()
    page = await window.new_page()
    await page.set_content(f"<iframe src={json.dumps(asked.link)}></iframe>")
    frame = page.frames[-1]
    await page.wait_for_load_state("networkidle")
    assert await frame.locator("button").count() == 0
    await window.close()
