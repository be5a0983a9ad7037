"""Scanners, played against the running service: they decide nothing, and cost people nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser
from itertools import chain
from typing import Any
from urllib.parse import urldefrag, urljoin

import pytest
from playwright.async_api import Browser, BrowserContext, Error, Page
from temporalio.client import Client

from tests import web
from tests.api.agent import Agent, in_store, someone
from tests.approver import answer_link, mails, newest_mail, press
from tests.browser.scanners import AGENTS, CHROME, OTHERS, PREFETCHING, PRESSING, READING
from tests.browser.support import DESKTOP, PHONE
from tests.dev_server import DevServer
from tests.receiver import Receiver, say
from tests.service import RunningService
from tests.support import eventually
from tests.volume import volume

HUNDRED = 100
LINK_RATE = 60
"""As the service is shipped."""

WAYS = (*((method, {}) for method in READING), *(("GET", mark) for mark in PREFETCHING))
"""A method and what marks a request, of whoever only reads."""

CACHES = ("images",)
"""Tables in which it is kept what was fetched for whoever looked first."""

NOTHING_SPENT = (429, *range(500, 600))

FIELDS = (
    "input:not([type=hidden]):not([type=radio]):not([type=checkbox]):not([type=file]), textarea"
)
ENDED = ("status", "resolved_by", "resolved_at", "response_data", "response_notes")

PIXEL = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


@pytest.fixture(scope="module")
async def shipped(
    dev_server: DevServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningService]:
    """A service with the limits that it is shipped with, which may fetch images from here."""
    running = RunningService(
        dev_server.address,
        tmp_path_factory.mktemp("shipped"),
        HANDOVER_LINK_RATE_LIMIT=str(LINK_RATE),
        HANDOVER_OUTGOING_EXCEPTIONS="127.0.0.0/8",
    )
    await running.start()
    yield running
    running.stop()


@pytest.fixture
async def asking(shipped: RunningService) -> AsyncIterator[Agent]:
    async with await Agent.with_new_key(shipped) as agent:
        yield agent


@pytest.fixture(scope="session")
async def temporal(dev_server: DevServer) -> Client:
    return await dev_server.client()


async def uploaded(agent: Agent) -> str:
    answer = await agent.http.post("/attachments", files={"file": ("note.txt", b"Hello")})
    return answer.json()["id"]


class Links(HTMLParser):
    """The addresses that a page or a mail names: where it leads, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    @classmethod
    def of(cls, html: str) -> list[str]:
        links = cls()
        links.feed(html)
        return links.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def links_in(mail: EmailMessage) -> list[str]:
    """Those of both parts."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain
    assert html
    texts = re.findall(r"https?://[^\s<>\"]+", plain.get_content())
    assert texts
    return list(dict.fromkeys([*texts, *Links.of(html.get_content())]))


def ours(service: RunningService, links: Iterable[str]) -> list[str]:
    """What of it leads to us, each address once, without the place on a page that is no part of it
    for a server."""
    addresses = dict.fromkeys(urldefrag(link).url for link in links)
    return [link for link in addresses if link.startswith(service.base_url)]


@dataclass
class Watched:
    """A decision, and what there was of it before the scanners came."""

    agent: Agent
    decision: str
    temporal: Client
    before: Any = None

    async def state(self) -> Any:
        """All that a scanner could have left behind: signals and timers, and rows of any table."""
        handle = self.temporal.get_workflow_handle(self.decision)
        events = len((await handle.fetch_history()).events)
        service = self.agent.service
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        kept = {
            name: in_store(service, f"SELECT count(*) FROM {name}")  # noqa: S608 - its own names
            for (name,) in in_store(service, tables)
            if name not in CACHES
        }
        return events, kept

    async def begin(self) -> None:
        """Remember how it is, as soon as nothing goes on any more."""

        async def is_quiet() -> bool:
            earlier, self.before = self.before, await self.state()
            return earlier == self.before and not await self._is_busy()

        await eventually(is_quiet)

    async def _is_busy(self) -> bool:
        """Whether a worker still has something to report to Temporal."""
        told = (await self.temporal.get_workflow_handle(self.decision).describe()).raw_description
        return bool(told.pending_activities) or told.HasField("pending_workflow_task")

    async def untouched(self) -> None:
        assert await self.state() == self.before


async def fetch_all(links: list[str]) -> set[int]:
    """By every known scanner, and in every way of reading; the statuses. In a soak by every scanner
    in every way."""
    assert len(WAYS) <= len(AGENTS)
    statuses = set[int]()
    for number, agent in enumerate(AGENTS.values()):
        async with web.client(headers={"User-Agent": agent}, timeout=30) as scanner:
            for place, link in enumerate(links):
                first = (number + place) % len(WAYS)
                ways = [*WAYS[first:], *WAYS[:first]][: volume(len(WAYS), 1)]
                answers = await asyncio.gather(
                    *(scanner.request(method, link, headers=mark) for method, mark in ways)
                )
                statuses |= {answer.status_code for answer in answers}
    return statuses


async def press_all(links: list[str]) -> set[int]:
    """Without a button: by other methods, and by forms that nobody filled in."""
    statuses = set[int]()
    async with web.client(headers={"User-Agent": CHROME}, timeout=30) as scanner:
        for link in links:
            calls = [scanner.request(method, link) for method in OTHERS]
            calls += [scanner.post(link, **sent) for sent in PRESSING]
            statuses |= {answer.status_code for answer in await asyncio.gather(*calls)}
    return statuses


async def scanned_through(watched: Watched, links: list[str]) -> None:
    """Everything that needs no browser; nothing may come of it."""
    assert links
    await watched.begin()
    read = await fetch_all(links)
    pressed = await press_all(links)
    assert not (read | pressed) & set(NOTHING_SPENT), (read, pressed)
    await watched.untouched()


# Scanners that fetch.


async def test_scanners_that_fetch_decide_nothing(asking: Agent, temporal: Client) -> None:
    """Every link in every mail of a decision's life, by every scanner; between them a person
    answers, once, with the same link."""
    service = asking.service
    first, second = someone("first"), someone("second")
    asked = await asking.ask(
        approver=first,
        escalation=[{"after_minutes": 0.05, "approvers": [second]}],
        payload={"order": "1142"},
    )
    watched = Watched(asking, asked["id"], temporal)
    asked_first = await newest_mail(service, first)
    asked_second = await newest_mail(service, second)
    for mail in (asked_first, asked_second):
        await scanned_through(watched, ours(service, links_in(mail)))
    assert (await asking.get(asked["id"]))["status"] == "pending"

    answered = await press(answer_link(asked_second), "approve")
    assert answered.status_code == 200
    decision = await asking.get(asked["id"])
    assert (decision["status"], decision["resolved_by"]) == ("approved", second)

    _, settled = await eventually(lambda: two_mails(service, first))
    _, receipt = await eventually(lambda: two_mails(service, second))
    every = [links_in(mail) for mail in (settled, receipt, asked_first, asked_second)]
    await scanned_through(watched, ours(service, chain.from_iterable(every)))
    after = await asking.get(asked["id"])
    assert [after[key] for key in ENDED] == [decision[key] for key in ENDED]


def two_mails(service: RunningService, to: str) -> list[EmailMessage]:
    found = mails(service, to)
    return found if len(found) == 2 else []


async def test_a_scanned_link_still_answers(asking: Agent, temporal: Client) -> None:
    """Opened a hundred times and sent a hundred times without a button, within the minute in which
    its reader opens it, fetches a file, presses a button, and is heard."""
    file = await uploaded(asking)
    approver = someone()
    asked = await asking.ask(approver=approver, attachment_ids=[file])
    watched = Watched(asking, asked["id"], temporal)
    link = answer_link(await newest_mail(asking.service, approver))
    download = f"{link}/files/{file}"
    await watched.begin()
    async with web.client(timeout=60) as scanner:
        opened = await asyncio.gather(
            *(scanner.get(url) for url in (link, f"{link}?choose=deny", download) * HUNDRED)
        )
        sent = await asyncio.gather(
            *(scanner.post(link, data={"choose": "deny"}) for _ in range(HUNDRED))
        )
    assert {answer.status_code for answer in opened} == {200}
    assert {answer.status_code for answer in sent} == {422}
    await watched.untouched()

    assert (await asking.http.get(download)).content == b"Hello"
    assert (await press(link, "approve")).status_code == 200
    assert (await asking.get(asked["id"]))["status"] == "approved"


# Scanners that are browsers.


@pytest.fixture(params=["headless", "disguised"])
async def window(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[BrowserContext]:
    """A scanner's browser, which says so, and one that looks like anybody's."""
    looks = {
        "headless": {"viewport": DESKTOP},
        "disguised": {"viewport": PHONE, "user_agent": CHROME},
    }
    window = await browser.new_context(**looks[request.param])
    yield window
    await window.close()


async def look_around(page: Page, url: str) -> list[str]:
    """As a sandbox does that waits for what a page will do; where its links lead."""
    await leave_for(page, url)
    await page.wait_for_load_state("networkidle")
    for place in ((5, 5), (200, 300), (300, 700)):
        await page.mouse.move(*place)
    await page.mouse.wheel(0, 3000)
    for summary in await page.locator("summary").all():
        if await summary.is_visible():
            await summary.click()
    for field in await page.locator(FIELDS).all():
        if await field.is_visible():
            await field.press("Enter")
    await page.wait_for_load_state("networkidle")
    assert page.url.split("?")[0] == url.split("?")[0]
    return [urljoin(url, link) for link in Links.of(await page.content())]


SENT = {
    "submit()": "form => HTMLFormElement.prototype.submit.call(form)",
    "requestSubmit()": "form => { form.noValidate = true; form.requestSubmit() }",
    "filled in": """form => {
        for (const field of form.elements)
            if (['radio', 'checkbox'].includes(field.type)) field.checked = true
            else if (field.matches('textarea, input:not([type=hidden], [type=file])'))
                field.value = field.type === 'datetime-local' ? '2030-01-01T00:00' : '1'
        HTMLFormElement.prototype.submit.call(form)
    }""",
    "an event": """form => {
        form.dispatchEvent(new Event('submit', {bubbles: true, cancelable: true}))
    }""",
    "Enter": """form => {
        const press = {key: 'Enter', code: 'Enter', bubbles: true}
        for (const field of form.elements)
            for (const type of ['keydown', 'keypress', 'keyup'])
                field.dispatchEvent(new KeyboardEvent(type, press))
    }""",
}
"""What a script can do with a form without pressing one of its buttons."""


async def leave_for(page: Page, url: str) -> None:
    """Go there, also from a page whose form is just being sent: that may come in between."""

    async def there() -> bool:
        with suppress(Error):
            await page.goto(url)
            return True
        return False

    await eventually(there)


async def send_forms(page: Page, url: str) -> int:
    """Each form of a page in each of these ways; how many there were."""
    await leave_for(page, url)
    count = await page.locator("form").count()
    for index in range(count):
        for how in SENT.values():
            await leave_for(page, url)
            with suppress(Error):  # the page may be gone before the script has ended
                await page.locator("form").nth(index).evaluate(how)
            await page.wait_for_load_state("networkidle")
    return count


async def open_everything(page: Page, links: Iterable[str]) -> set[int]:
    """What a page leads to and what it loads; downloads are taken as well."""
    statuses = set[int]()
    for link in links:
        answer = await page.request.get(link)
        statuses.add(answer.status)
        with suppress(Error):  # a download is no page
            await page.goto(link)
            await page.wait_for_load_state("networkidle")
    return statuses


async def test_scanners_that_are_browsers_decide_nothing(
    asking: Agent, temporal: Client, window: BrowserContext
) -> None:
    """They run every script, wait, move the mouse, press Enter, follow each link of each page, and
    send each form by script; then the reader presses a button behind the same link, and it counts.
    """
    service, approver = asking.service, someone()
    file = await uploaded(asking)
    async with Receiver() as server:
        server.behaviours += [say(200, PIXEL)] * 3
        asked = await asking.ask(
            approver=approver,
            payload={"order": "1142", "lines": [1, 2]},
            response_type={"type": "number_input", "label": "How many?"},
            attachment_ids=[file],
            context_images=[server.url],
        )
        watched = Watched(asking, asked["id"], temporal)
        mail = await newest_mail(service, approver)
        await watched.begin()
        page = await window.new_page()
        forms, led_to = 0, list[str]()
        linked = ours(service, links_in(mail))
        for link in linked:
            led_to += await look_around(page, link)
            forms += await send_forms(page, link)
        assert forms >= 2
        inside = ours(service, led_to)
        assert any("/files/" in link for link in inside)
        statuses = await open_everything(page, inside)
        for link in [link for link in inside if "/i/" in link or "/d/" in link]:
            if link not in linked and "/files/" not in link and "/images/" not in link:
                await send_forms(page, link)
        assert not statuses & set(NOTHING_SPENT)
        assert len(server.requests) <= 1
        await watched.untouched()
        assert (await asking.get(asked["id"]))["status"] == "pending"

        await leave_for(page, answer_link(mail))
        await page.locator("input[name=value]").fill("3")
        await page.locator("button[name=choice][value=approve]").click()
        await page.wait_for_load_state()
    decision = await asking.get(asked["id"])
    assert (decision["status"], decision["response_data"]) == ("approved", {"value": 3})


async def test_a_scanner_saves_no_settings(asking: Agent, window: BrowserContext) -> None:
    """What its browser speaks is not what the reader does."""
    service, approver = asking.service, someone()
    await asking.ask(approver=approver)
    mail = await newest_mail(service, approver)
    [inbox] = {link for link in ours(service, links_in(mail)) if "/i/" in link}
    page = await window.new_page()
    assert await send_forms(page, f"{inbox}/settings") == 1
    chosen = "SELECT language, time_zone FROM approvers WHERE address = ?"
    assert in_store(service, chosen, approver) == []


# Scanners that press buttons.


async def test_a_scanner_that_presses_buttons_decides_nothing_critical(
    asking: Agent, window: BrowserContext
) -> None:
    """It cannot be told from a person, but it has not the code that is mailed; the person has, and
    neither tries nor codes were spent."""
    service, approver = asking.service, someone()
    asked = await asking.ask(approver=approver, urgency="critical", payload={"order": "1142"})
    link = answer_link(await newest_mail(service, approver))
    page = await window.new_page()
    for choice in ("approve", "deny", "modify", "not_me") * 3:
        await leave_for(page, f"{link}?choose={choice}")
        button = page.locator(f"button[name=choice][value={choice}]").first
        await button.evaluate("button => button.click()")
        await page.wait_for_load_state("networkidle")
    assert (await asking.get(asked["id"]))["status"] == "pending"
    [mail] = await eventually(lambda: codes_mailed(service, approver))
    code = code_in(mail)

    await leave_for(page, link)
    await page.locator("button[name=choice][value=approve]").first.click()
    await page.locator("input[name=code]").fill(code)
    await page.locator("button[name=choice][value=approve]").first.click()
    await page.wait_for_load_state("networkidle")
    decision = await asking.get(asked["id"])
    assert (decision["status"], decision["resolved_by"]) == ("approved", approver)


def codes_mailed(service: RunningService, approver: str) -> list[EmailMessage]:
    return [mail for mail in mails(service, approver) if re.search(r"\b\d{6}\b", mail["Subject"])]


def code_in(mail: EmailMessage) -> str:
    found = re.search(r"\b\d{6}\b", mail["Subject"])
    assert found
    return found[0]
