"""A real browser, and the agents whose decisions it opens."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.api.conftest import agent, operator
from tests.conftest import lacks

__all__ = ["agent", "operator"]

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first draws the same pages for half of the processor time: it has no windows to draw around
them."""

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The Chromium of this machine; see `tests.browser.support.opened` for pages of it."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        lacks("Chromium is not installed (Debian: chromium-headless-shell)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS])
        yield browser
        await browser.close()
