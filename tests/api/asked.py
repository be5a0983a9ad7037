"""A pending decision and its approver's page, as a browser has it open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import httpx2

from tests.api.agent import Agent, in_store, link_to, someone
from tests.approver import Form

Files = Sequence[tuple[str, bytes, str]]
"""Name, content and media type of each."""


class BrowserForm(Form):
    """Sends a radio button only where it is checked, and no files of its own."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        is_off = given.get("type") == "radio" and "checked" not in given
        if not is_off and given.get("type") != "file":
            super().handle_starttag(tag, attrs)


class Asked:
    """A pending decision with the page of its approver, opened."""

    def __init__(self, agent: Agent, decision: str, approver: str, link: str, page: str) -> None:
        self.agent = agent
        self.decision = decision
        self.approver = approver
        self.link = link
        self.page = page
        self.form = BrowserForm.of(page).fields

    @classmethod
    async def by(cls, agent: Agent, **fields: object) -> Asked:
        """A new decision, and the page of the first that it asks."""
        asked = fields.setdefault("approver", someone())
        approver = str(asked[0] if isinstance(asked, list) else asked)
        decision = (await agent.ask(**fields))["id"]
        link = await link_to(agent.service, approver)
        return cls(agent, decision, approver, link, (await agent.http.get(link)).text)

    async def opened_again(self) -> Asked:
        """The same page in another window, or somebody else's."""
        page = (await self.agent.http.get(self.link)).text
        return Asked(self.agent, self.decision, self.approver, self.link, page)

    async def send(self, files: Files | None = None, /, **typed: str) -> httpx2.Response:
        """What a button sends, `typed` filled in. With `files`, if only none, it is multipart."""
        fields = {**self.form, **typed}
        if files is None:
            return await self.agent.http.post(self.link, data=fields)
        parts = [("uploaded_files", file) for file in files or [("", b"", "application/x-empty")]]
        return await self.agent.http.post(self.link, data=fields, files=parts)

    async def answer(self, **typed: str) -> httpx2.Response:
        """What comes of pressing a button, and once more where the page first shows how it reads
        what was typed."""
        answer = await self.send(**typed)
        fields = BrowserForm.of(answer.text).fields
        shown = [name for name, value in fields.items() if name.startswith("understood.") and value]
        if answer.status_code != 200 or not shown or "code" in fields:
            return answer
        return await self.agent.http.post(self.link, data=fields | {"choice": typed["choice"]})

    async def read(self) -> dict[str, Any]:
        return await self.agent.get(self.decision)

    async def untouched(self) -> None:
        """Nothing that was sent has reached the decision or the store."""
        assert (await self.read())["status"] == "pending"
        types = {entry["type"] for entry in await self.agent.audit(self.decision)}
        assert types <= {"decision.created", "approver.asked", "notification.sent"}

    async def untouched_but_for_codes(self) -> None:
        """Nothing but the wish for a code has reached the decision."""
        assert (await self.read())["status"] == "pending"
        types = {entry["type"] for entry in await self.agent.audit(self.decision)}
        asked = {"decision.created", "approver.asked", "notification.sent"}
        assert types <= asked | {"code.requested", "signal.received"}

    async def refused(self, reason: str) -> dict[str, Any]:
        """What the record has of the only attempt, which left the decision pending."""
        assert (await self.read())["status"] == "pending"
        entries = await self.agent.audit(self.decision)
        [entry] = [entry for entry in entries if entry["type"] == "response.refused"]
        assert (entry["details"]["approver"], entry["details"]["reason"]) == (self.approver, reason)
        assert entry["details"]["message"]
        return entry["details"]

    def late(self) -> list[tuple[Any, ...]]:
        return in_store(
            self.agent.service,
            "SELECT approver, choice, reason FROM refused_responses WHERE decision_id = ?",
            self.decision,
        )


def check_guards(page: httpx2.Response) -> None:
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    parts = page.headers["Content-Security-Policy"].split(";")
    policy = {name: rest for name, _, rest in (part.strip().partition(" ") for part in parts)}
    assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'none'")
    assert (policy["base-uri"], policy["form-action"]) == ("'none'", "'self'")
    assert policy["script-src"] == policy["style-src"]
    assert re.fullmatch(r"'nonce-[\w-]{22,}'", policy["script-src"])
    assert not re.search(r"<script(?![^>]* nonce=)|<style| style=| on\w+=", page.text)
