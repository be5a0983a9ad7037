"""Every page in every language, with nothing English left, as the service sends it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from templates.extraction import TRANSLATIONS
from templates.reader import time_zones
from tests import web
from tests.api.agent import Agent, someone
from tests.api.asked import Asked
from tests.api.inboxes import PRESSED, inbox_url
from tests.approver import newest_mail
from tests.languages import Page, english_left

OURS = {
    "approve_deny": {},
    "confirm": {},
    "choose": {"choices": ["1", "2"]},
    "text_input": {"fields": [{"name": "x", "label": "1", "required": True}, {"name": "y"}]},
    "number_input": {"min": 1, "max": 2000},
    "schedule": {"allow_immediate": False},
    "file_upload": {"max_files": 2, "accept": [".1"]},
}
"""By type: what an agent may ask without a word of its own."""

FAULTS: dict[str, list[dict[str, str]]] = {
    "approve_deny": [
        {"choice": "modify", "action": ""},
        {"choice": "approve", "digest": "0"},
        {"choice": "perhaps"},
        {},
    ],
    "choose": [{"choice": "approve"}],
    "text_input": [{"choice": "approve"}, {"choice": "approve", "field.x": "1" * 10_001}],
    "number_input": [
        {"choice": "approve", "value": text}
        for text in ("", "3000", "9" * 40, "1.500", "1,2", "1", "x")
    ],
    "schedule": [
        {"choice": "approve", "execute_at": text}
        for text in (
            *("", "1", "2001-01-01T00:00", "2999-01-01T00:00", "3/4/2030 10:00"),
            *("3/14/2030 14:00", f"{datetime.now(UTC):%Y}-12-31 23:59"),
        )
    ],
    "file_upload": [{"choice": "approve"}],
}
"""By type: answers that are refused."""


async def in_every_language(
    url: str, theirs: str, *, post: dict[str, str] | None = None
) -> dict[str, str]:
    """The texts of this page by language. Fails where one of another language is still English."""
    pages: dict[str, Page] = {}
    async with web.client(timeout=60) as browser:
        for language in ("en", *TRANSLATIONS):
            browser.headers["Accept-Language"] = f"{language}-CH, ja;q=0.5"
            answer = await (browser.get(url) if post is None else browser.post(url, data=post))
            pages[language] = Page(answer.text)
            assert pages[language].language == language
    for language in TRANSLATIONS:
        left = english_left(pages["en"].texts, pages[language].texts, language, theirs)
        assert left == set(), language
    texts = {language: " ".join(page.texts) for language, page in pages.items()}
    assert len(set(texts.values())) == len(texts)
    return texts


async def ask(agent: Agent, **fields: Any) -> tuple[Asked, str]:
    """A decision with hardly a word, and the words that it has."""
    asked = await Asked.by(agent, **{"action": "1 → 2", "context": "3", **fields})
    return asked, f"{agent.name} {asked.approver} {asked.form.get('digest', '')} {asked.decision}"


@pytest.mark.parametrize("type", OURS)
async def test_a_question_is_in_the_readers_language(agent: Agent, type: str) -> None:
    """With what to answer, with why an answer was refused, and with what became of it."""
    asked, theirs = await ask(agent, response_type={"type": type, **OURS[type]})
    await in_every_language(asked.link, theirs)
    for fault in FAULTS.get(type, []):
        await in_every_language(asked.link, theirs, post={**asked.form, **fault})
    await asked.send(choice="deny", notes="4")
    await in_every_language(asked.link, theirs)


async def test_a_payload_is_in_the_readers_language(agent: Agent) -> None:
    """Around the payload itself; and why a changed one is refused."""
    asked, theirs = await ask(agent, payload={"1": [2, {"3": "4"}]}, urgency="high")
    await in_every_language(asked.link, theirs)
    for payload in ("{", "[1]", "[" * 70 + "]" * 70, '{"1": NaN}', "1" * 5000, '{"1":2,"1":3}'):
        refused = {**asked.form, "choice": "modify", "payload": payload}
        await in_every_language(asked.link, f"{theirs} nan", post=refused)
    changed = {**asked.form, "choice": "modify", "payload": '{"1": 2.5}'}
    await in_every_language(asked.link, theirs, post=changed)
    await asked.answer(choice="modify", payload='{"1": 2}')
    await in_every_language(asked.link, theirs)


@pytest.mark.parametrize("urgency", ["low", "critical"])
async def test_an_urgency_is_in_the_readers_language(agent: Agent, urgency: str) -> None:
    """And the wish for a code, and what is said of a wrong one."""
    asked, theirs = await ask(agent, urgency=urgency)
    await in_every_language(asked.link, theirs)
    if urgency == "critical":
        wrong = {**asked.form, "choice": "approve", "code": "000000"}
        await in_every_language(asked.link, theirs, post=wrong)


async def test_whom_it_does_not_concern_reads_so_in_their_language(agent: Agent) -> None:
    """Not me, and a link that has been nobody's."""
    asked, theirs = await ask(agent)
    await asked.send(choice="not_me")
    await in_every_language(asked.link, theirs)
    await in_every_language(f"{agent.service.base_url}/d/nobody", "")
    await in_every_language(f"{agent.service.base_url}/i/nobody", "")


async def test_the_inbox_is_in_the_readers_language(agent: Agent) -> None:
    """Empty or not, and the settings, also where they are refused."""
    asked, theirs = await ask(agent)
    for approver in (asked.approver, someone()):
        url = inbox_url(agent.service, approver)
        await in_every_language(url, f"{theirs} {approver}")
        await in_every_language(url, f"{theirs} {approver}", post=PRESSED)
    stale = {f"answer.{asked.decision}": "approve 0"} | PRESSED
    await in_every_language(inbox_url(agent.service, asked.approver), theirs, post=stale)
    theirs += " English Deutsch Français tlh Moon " + " ".join(time_zones())
    settings = f"{inbox_url(agent.service, asked.approver)}/settings"
    await in_every_language(settings, theirs)
    await in_every_language(settings, theirs, post={"language": "tlh", "time_zone": "Moon"})


async def test_what_an_approver_has_set_counts_more_than_their_browser(agent: Agent) -> None:
    """For pages at once, and for the next mail, which says so too."""
    asked, _ = await ask(agent)
    settings = f"{inbox_url(agent.service, asked.approver)}/settings"
    german = {"Accept-Language": "de"}
    async with web.client(timeout=60, headers=german) as browser:
        assert Page((await browser.get(asked.link)).text).language == "de"
        chosen = {"language": "fr", "time_zone": "Europe/Paris"} | PRESSED
        saved = await browser.post(settings, data=chosen)
        assert Page(saved.text).language == "fr"
        assert Page((await browser.get(asked.link)).text).language == "fr"
    await asked.send(choice="approve")
    receipt = await newest_mail(agent.service, asked.approver, "Reçu")
    html = receipt.get_body(("html",))
    assert html
    assert Page(html.get_content()).language == "fr"
