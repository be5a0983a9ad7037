"""The approver, played over HTTP: the e-mail, its link, the form."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Protocol, cast

import httpx2

from tests import web
from tests.support import eventually


class HasOutbox(Protocol):
    @property
    def outbox(self) -> Path: ...


def mails(service: HasOutbox, to: str, subject: str = "") -> list[EmailMessage]:
    """All mails to this address, oldest first."""
    found = [_read(path) for path in sorted(service.outbox.glob("*.eml")) if to in _recipient(path)]
    return [mail for mail in found if subject in mail["Subject"]]


@cache
def _recipient(path: Path) -> str:
    """Kept, because tests look again and again through all the mails of those before them."""
    return str(_read(path)["To"])


def _read(path: Path) -> EmailMessage:
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return cast(EmailMessage, mail)


async def newest_mail(service: HasOutbox, to: str, subject: str = "") -> EmailMessage:
    """The newest mail to this address, as soon as there is one."""
    return (await eventually(lambda: mails(service, to, subject)))[-1]


def answer_link(mail: EmailMessage) -> str:
    """The link to the page, as it stands in the plain text."""
    part = mail.get_body(("plain",))
    assert part
    found = re.findall(r"https?://\S+/d/[A-Za-z0-9_.-]+", part.get_content())
    assert found, part.get_content()
    return found[0]


async def press(link: str, choice: str, **typed: str) -> httpx2.Response:
    """Open the page, fill in the form, press a button; the page that comes back."""
    async with web.client(timeout=30) as browser:
        opened = await browser.get(link)
        form = Form.of(opened.text)
        assert choice in form.choices, (opened.status_code, form.choices)
        answer = await browser.post(link, data={**form.fields, **typed, "choice": choice})
        return await confirmed(browser, link, choice, answer)


async def confirmed(
    browser: httpx2.AsyncClient, link: str, choice: str, answer: httpx2.Response
) -> httpx2.Response:
    """The page after it; where that shows how it reads what was typed, after one more press."""
    fields = Form.of(answer.text).fields
    shown = [value for name, value in fields.items() if name.startswith("understood.")]
    if answer.status_code != 200 or not any(shown) or fields.get("code") is not None:
        return answer
    return await browser.post(link, data={**fields, "choice": choice})


class Form(HTMLParser):
    """The fields of a page's form, as a browser would send them, and its buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.choices: list[str] = []
        self._textarea: str | None = None
        self._select: str | None = None
        self._option = False

    @classmethod
    def of(cls, page: str) -> Form:
        form = cls()
        form.feed(page)
        return form

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input" and "name" in given:
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._textarea = given["name"]
            self.fields[self._textarea] = ""
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select:
            self._option = "selected" in given or self._select not in self.fields
        elif tag == "button" and given.get("name") == "choice":
            self.choices.append(given["value"])

    def handle_data(self, data: str) -> None:
        if self._textarea:
            # The first line break in it belongs to the tag.
            is_first = not self.fields[self._textarea]
            self.fields[self._textarea] += data.removeprefix("\n") if is_first else data
        elif self._select and self._option:
            self.fields[self._select] = data
            self._option = False

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = None
        elif tag == "select":
            self._select = None
