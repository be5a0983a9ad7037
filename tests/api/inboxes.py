"""An approver's inbox, as a browser has it open."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx2

from links import Link, LinkKeys, PersonalLink
from tests import web
from tests.service import RunningService
from tests.support import eventually

OPENS = re.compile(r'href="(?:\.\./d/)([^"]+)"')
RADIO = re.compile(r'type="radio" name="answer\.(dec_\w+)" value="((\w+) [^"]+)"')


def link_keys(service: RunningService) -> LinkKeys:
    """Those that the service made at its first start."""
    secrets = json.loads((service.data_dir / "secrets.json").read_text())
    return LinkKeys([secrets["link_keys"]])


def inbox_url(service: RunningService, approver: str, age: timedelta = timedelta()) -> str:
    """A link as a mail of this age has it."""
    link = PersonalLink(approver, datetime.now(UTC) - age)
    return f"{service.base_url}/i/{link_keys(service).mint_personal(link)}"


def page_url(service: RunningService, approver: str, decision: str) -> str:
    return f"{service.base_url}/d/{link_keys(service).mint(Link(decision, approver))}"


PRESSED = {"send": "1"}
"""What the button adds."""

AFTER = re.compile(r'type="hidden" name="(after)" value="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Inbox:
    """One page of it. `values` is what a row's radio buttons send, by decision and choice."""

    url: str
    answer: httpx2.Response
    waiting: list[str]
    values: dict[str, dict[str, str]]

    @classmethod
    async def open(cls, service: RunningService, approver: str, url: str | None = None) -> Inbox:
        url = url or inbox_url(service, approver)
        async with web.client(timeout=60) as browser:
            return cls.of(service, url, await browser.get(url))

    @classmethod
    def of(cls, service: RunningService, url: str, answer: httpx2.Response) -> Inbox:
        keys = link_keys(service)
        waiting = [keys.read(token).decision_id for token in OPENS.findall(answer.text)]
        values: dict[str, dict[str, str]] = {}
        for decision, value, choice in RADIO.findall(answer.text):
            values.setdefault(decision, {})[choice] = value
        return cls(url, answer, waiting, values)

    @classmethod
    async def with_all(cls, service: RunningService, approver: str, *decisions: str) -> Inbox:
        """As soon as the index has them all."""

        async def complete() -> Inbox | None:
            inbox = await cls.open(service, approver)
            assert inbox.answer.status_code in (200, 503), inbox.answer.text
            return inbox if set(decisions) <= set(inbox.waiting) else None

        inbox = await eventually(complete, timeout=60)
        assert inbox is not None
        return inbox

    async def send(self, choices: dict[str, str], **notes: str) -> httpx2.Response:
        """What the button sends, with these choices by decision, and these notes."""
        fields = dict(AFTER.findall(self.answer.text)) | PRESSED
        fields |= {
            f"answer.{decision}": self.values[decision][choice]
            for decision, choice in choices.items()
        }
        fields |= {f"notes.{decision}": text for decision, text in notes.items()}
        async with web.client(timeout=60) as browser:
            return await browser.post(self.url, data=fields)


def results(page: httpx2.Response) -> list[tuple[bool, str]]:
    """Of each answer whether it counts, and what is said of it."""
    found = re.findall(r'<li class="row (taken|refused)">(.*?)</li>', page.text, re.DOTALL)
    told = [(how == "taken", re.sub(r"<[^>]+>", " ", text)) for how, text in found]
    return [(counts, " ".join(text.split())) for counts, text in told]
