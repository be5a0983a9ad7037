"""Every page with what an agent or an approver may write to deceive its reader, in every field, as
a real browser understands it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, Page

from tests import hostile
from tests.api.agent import Agent, someone
from tests.api.asked import BrowserForm
from tests.api.inboxes import Inbox, page_url
from tests.browser.support import PHONE, opened
from tests.hostile import hidden
from tests.volume import volume

SKELETON = Path(__file__).with_name("skeleton.js").read_text()
SKELETONS = f"pages => JSON.stringify(pages.map({SKELETON}))"

TYPES = (
    *("approve_deny", "confirm", "choose", "text_input", "number_input", "schedule"),
    "file_upload",
)
LINKS = re.compile(
    r"\.\./assets/\w+\.[0-9a-f]{16}\.(css|js|svg)"
    r"|\.\./d/[\w.-]+/(files/att_[0-9a-f]{32}|images/[1-5])"
    r"|#[a-z][a-z0-9_-]*"
    r"|(\.\./)+i/[\w.-]+(/settings)?(\?after=\S*)?"
    r"|\.\./d/[\w.-]+"
)
"""Where our pages lead, and what they load: to ourselves."""

LONG = "a long text of harmless words, " * 60
HARMLESS = (
    "harmless",
    "one line\n  and another\n\nand a last",
    LONG[:1_990],
    "many\n" * 390,
    "h\u0430rmless",
    "harm\x07less",  # which stands in a field that cannot be changed
)


@dataclass
class Form:
    """The parts of a decision's request that a text goes into, and how it may be answered."""

    request: dict[str, Any]
    wrong: dict[str, str]
    right: dict[str, str]


def forms(type: str, text: str, number: int) -> Form:
    """This text in every field that somebody else than us writes; every other time there is no
    payload, so that the action itself is modified."""
    line = hostile.visible_only(text)[:190] or "blank"
    asked: dict[str, Any] = {"type": type}
    right: dict[str, str] = {"choice": "approve"}
    wrong = {"choice": "approve", "digest": "0" * 64}
    match type:
        case "choose":
            asked |= {"label": text[:500], "choices": [f"{number} {line}", "another"]}
            right["chosen"], wrong["chosen"] = f"{number} {line}", text
        case "text_input":
            asked["fields"] = [
                {"name": "first", "label": text[:200], "placeholder": text[:200], "required": True},
                {"name": "second"},
            ]
            right["field.first"], wrong["field.second"] = text, text
        case "number_input":
            asked |= {"label": text[:500], "min": 1, "max": 9, "placeholder": text[:200]}
            right["value"], wrong["value"] = "7", text
        case "schedule":
            asked |= {"label": text[:500]}
            right["when"], wrong["execute_at"] = "now", text
        case "file_upload":
            asked |= {"label": text[:500], "accept": [".txt"]}
            right = {"choice": "deny"}
        case _:
            options = {"options": ["approve", "deny", "modify"]}
            return _modified(text, asked, options, has_payload=number % 2 == 0)
    payloads = (hostile.payload_of(text), {text[:300]: text}, hostile.deep(text[:200], 50))
    return Form(_request(text, asked, payload=payloads[number % 3]), wrong, right)


def _modified(
    text: str, asked: dict[str, Any], options: dict[str, Any], *, has_payload: bool
) -> Form:
    wrong = {"choice": "modify", "payload": text, "action": ""}
    if not has_payload:
        right = {"choice": "modify", "action": f"Instead: {text}"[:2_000]}
        return Form(_request(text, asked, **options), wrong, right)
    changed = json.dumps({text: text, "amount": text})
    right = {"choice": "modify", "payload": changed}
    return Form(_request(text, asked, payload=payload_of(text), **options), wrong, right)


def payload_of(text: str) -> dict[str, Any]:
    """With a value that no field changes: so has a text with what cannot be seen."""
    return hostile.payload_of(text) | {"nothing": None}


def _request(text: str, asked: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "action": text,
        "context": text,
        "response_type": asked,
        "metadata": {"note": text},
        "urgency": "high",
        **more,
    }


@dataclass
class Parts:
    elements: set[str] = field(default_factory=set[str])
    code: set[str] = field(default_factory=set[str])

    def add(self, parts: dict[str, Any]) -> None:
        self.elements |= set(parts["elements"])
        self.code |= set(parts["code"])


class Pages:
    """What becomes of texts on the pages of one response type."""

    def __init__(self, agent: Agent, blank: Page, type: str) -> None:
        self.agent = agent
        self.type = type
        self.approver = someone("reader")
        self.file = ""
        self._blank = blank

    async def seen(self, text: str, number: int) -> Mapping[str, dict[str, Any]]:
        """The pages of one decision's life, each under a name, with what it is made of."""
        seen = [page async for page in self._life(text, number)]
        return dict(zip(dict(seen), await self.parts([page for _, page in seen]), strict=True))

    async def _life(self, text: str, number: int) -> AsyncIterator[tuple[str, httpx2.Response]]:
        form = forms(self.type, text, number)
        request = form.request | {"approver": self.approver, "context_images": await self._images()}
        answer = await self.agent.post(request | {"attachment_ids": [await self._attached(text)]})
        assert answer.status_code == 201, (answer.text, text)
        decision = answer.json()["id"]
        url = page_url(self.agent.service, self.approver, decision)
        http = self.agent.http
        asked = await http.get(f"{url}?choose=modify")
        yield "asked", checked(asked, 200)
        notes = {"notes": text}
        fields = BrowserForm.of(asked.text).fields
        yield "refused", checked(await http.post(url, data=notes | form.wrong), 422, 409)
        preview = fields | notes | form.right | {"choice": "", "preview": "yes"}
        yield "preview", checked(await http.post(url, data=preview), 200, 422)
        answered = await http.post(url, data=fields | notes | form.right)
        again = BrowserForm.of(answered.text).fields
        if any(value for name, value in again.items() if name.startswith("understood.")):
            yield "how it is read", checked(answered, 200)
            answered = await http.post(url, data=again | {"choice": form.right["choice"]})
        yield "answered", checked(answered, 200)
        yield "outcome", checked(await http.get(url), 200)
        yield "too late", checked(await http.post(url, data=fields | {"choice": "deny"}), 409)

    async def _attached(self, text: str) -> str:
        name = hostile.visible_only(text)[:200] or "file"
        files = {"file": (f"{name}.txt", b"harmless")}
        answer = await self.agent.http.post("/attachments", files=files)
        assert answer.status_code == 201, (answer.text, name)
        return answer.json()["id"]

    async def _images(self) -> list[str]:
        return [url for url in hostile.URLS if url.startswith("https://") and url.isprintable()][:5]

    async def parts(self, pages: Sequence[httpx2.Response]) -> list[dict[str, Any]]:
        """What each is made of, as the browser parses it; all in one call."""
        told = [re.sub(r'nonce="[\w-]+"', 'nonce=""', page.text) for page in pages]
        return json.loads(await self._blank.evaluate(SKELETONS, told))


def checked(page: httpx2.Response, *statuses: int) -> httpx2.Response:
    assert page.status_code in statuses, (page.status_code, page.text)
    return page


@pytest.fixture
async def blank(browser: Browser) -> AsyncIterator[Page]:
    """A page of nothing, whose browser reads others."""
    window = await browser.new_context()
    page = await window.new_page()
    yield page
    await window.close()


@pytest.mark.parametrize("type", TYPES)
async def test_a_page_stays_itself_whatever_is_written_into_it(
    agent: Agent, blank: Page, type: str
) -> None:
    """No element, attribute, style, script or link but ours, and no hidden character that is shown:
    on the question, on its refusal with all that was typed, and on the outcome."""
    pages = Pages(agent, blank, type)
    usual: dict[str, Parts] = {}
    for number, text in harmless(type):
        for name, parts in (await pages.seen(text, number)).items():
            usual.setdefault(name, Parts()).add(parts)
    faults: list[object] = []
    for number, (what, text) in enumerate(mine(type)):
        for name, parts in (await pages.seen(text, number)).items():
            faults += [(what, name, *fault) for fault in _faults(parts, usual[name])]
    assert faults == []


def harmless(type: str) -> Iterator[tuple[int, str]]:
    """Each text with and without a payload where one can be without, else each kind of payload."""
    yield from enumerate(HARMLESS)
    if type in ("approve_deny", "confirm"):
        yield from enumerate(HARMLESS, start=1)
    else:
        yield from [(1, HARMLESS[0]), (2, HARMLESS[0])]


def mine(type: str) -> Iterator[tuple[str, str]]:
    """The texts that this type is tried with: each comes to one of the types, in a soak to two."""
    place = TYPES.index(type)
    for number, each in enumerate(hostile.TEXTS.items()):
        if place in [(number + 3 * turn) % len(TYPES) for turn in range(volume(2, 1))]:
            yield each


def _faults(parts: dict[str, Any], usual: Parts) -> Iterator[tuple[object, ...]]:
    if strange := set(parts["elements"]) - usual.elements:
        yield "elements", strange
    if strange := set(parts["code"]) - usual.code:
        yield "code", strange
    if leading := [link for link in parts["links"] if not LINKS.fullmatch(link)]:
        yield "links", leading
    if found := hidden("\n".join(parts["shown"])):
        yield "hidden", found


@pytest.fixture(scope="module")
async def waiting(agent: Agent) -> dict[str, Waiting]:
    """All texts of the corpus, each in a decision that waits for its answer."""
    readers = someone("reader"), someone("reader")  # of whom each has an inbox of one page
    waiting: dict[str, Waiting] = {}
    for number, (what, text) in enumerate(hostile.TEXTS.items()):
        reader = readers[number % 2]
        waiting[what] = Waiting(reader, await asked(agent, reader, text, number))
    return waiting


@dataclass
class Waiting:
    approver: str
    decision: str


async def asked(agent: Agent, approver: str, text: str, number: int) -> str:
    request = forms("approve_deny", text, number).request
    return (await agent.ask(**request, approver=approver))["id"]


async def test_a_page_shows_no_hidden_character_even_where_it_can_be_edited(
    agent: Agent, blank: Page, waiting: dict[str, Waiting]
) -> None:
    """What stands in a field at first is the agent's: visible there too, and means the same."""
    links = [
        page_url(agent.service, each.approver, each.decision) + "?choose=modify"
        for each in waiting.values()
    ]
    pages = [checked(await agent.http.get(link), 200) for link in links]
    seen = await Pages(agent, blank, "approve_deny").parts(pages)
    for number, (text, parts) in enumerate(zip(hostile.TEXTS.values(), seen, strict=True)):
        assert not hidden("\n".join(parts["typed"])), text
        payloads = [typed for typed in parts["typed"] if typed.startswith("{")]
        if number % 2 == 0:
            assert json.loads(payloads[0]) == payload_of(text)


async def test_the_inbox_stays_itself_whatever_is_asked(
    agent: Agent, blank: Page, waiting: dict[str, Waiting]
) -> None:
    """All texts of the corpus, beside each other."""
    pages = Pages(agent, blank, "approve_deny")
    harmless_ones = [
        await asked(agent, pages.approver, text, number)
        for number, text in harmless("approve_deny")
    ]
    inboxes = [await Inbox.with_all(agent.service, pages.approver, *harmless_ones)]
    for reader in {each.approver for each in waiting.values()}:
        theirs = [each.decision for each in waiting.values() if each.approver == reader]
        inboxes.append(await Inbox.with_all(agent.service, reader, *theirs))
    usual, *found = await pages.parts([checked(each.answer, 200) for each in inboxes])
    known = Parts()
    known.add(usual)
    assert [list(_faults(parts, known)) for parts in found] == [[], []]


WORST = (
    *("combining floods", "embeddings that do not end", "blank lines", "right to left", "emoji"),
    *("a giant word", "a giant word of wide letters", "a giant picture of letters", "many lines"),
    *("an open tag", "an end of a field", "a message of the system", "buttons", "a style"),
)

COVERED = """button => {
    button.scrollIntoView({block: 'center', behavior: 'instant'})
    const {left, top, right, bottom} = button.getBoundingClientRect()
    const middle = [(left + right) / 2, (top + bottom) / 2]
    const places = [[left + 4, top + 4], middle, [right - 4, bottom - 4]]
    const found = places.map(([x, y]) => document.elementFromPoint(x, y))
    return found.some(element => element !== button && !button.contains(element))
}"""
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
SHOWN = """[...document.querySelectorAll('body *')]
    .filter(element => element.checkVisibility())
    .flatMap(element => element.matches('input[type=text], textarea') ? [element.value]
        : [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data))
    .join('\\n')"""


@pytest.mark.parametrize("what", WORST)
async def test_nothing_covers_the_answer(agent: Agent, browser: Browser, what: str) -> None:
    """On a phone: no sideways scrolling, nothing over or on a button, no dialog, no error, nothing
    that the page's policy had to forbid; and what scripts show has no hidden character either."""
    text, approver, told = hostile.TEXTS[what], someone("reader"), list[str]()
    async with opened(browser, "about:blank", viewport=PHONE) as page:
        page.on("dialog", lambda dialog: told.append(dialog.message))
        page.on("console", lambda each: told.append(each.text))
        for type in ("approve_deny", TYPES[2 + WORST.index(what) % 4]):
            form = forms(type, text, 0)
            decision = (await agent.ask(**form.request, approver=approver))["id"]
            await page.goto(page_url(agent.service, approver, decision) + "?choose=modify")
            for summary in await page.locator("summary").all():
                if await summary.is_visible() and not await _is_open(summary):
                    await summary.click()
            assert not await page.evaluate(TOO_WIDE)
            buttons = await page.locator("button[name=choice]").all()
            assert len(buttons) >= 3
            for button in buttons:
                assert not await button.evaluate(COVERED)
            assert not hidden(await page.evaluate(SHOWN))
    assert told == []


async def _is_open(summary: Any) -> bool:
    return await summary.evaluate("summary => summary.parentElement.open")
