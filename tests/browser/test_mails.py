"""Every mail as a mail program with an engine of its own shows it: width, thumbs, colours, axe."""

from __future__ import annotations

import json
from itertools import product
from typing import Literal

import pytest
from playwright.async_api import Browser

from api.operators.samples import READERS, SAMPLES, preview
from tests.browser.support import DESKTOP, PHONE, opened, violations
from tests.service import RunningService

TOO_NARROW = "document.documentElement.scrollWidth > innerWidth"
HEIGHTS = "[...document.querySelectorAll('a')].map(a => a.getBoundingClientRect().height)"
LEVELS_OF_A_PAGE = ("region", "landmark-one-main", "page-has-heading-one")
"""What axe asks of a whole page, and a mail program sets around a mail."""


@pytest.mark.parametrize("message", SAMPLES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_mail_can_be_read_and_pressed(
    browser: Browser, message: str, scheme: Literal["light", "dark"]
) -> None:
    """On a phone and on a screen, in each language: it fits, links are 44 pixels high, and axe
    finds nothing, also no contrast that is too small."""
    async with opened(browser, "about:blank", scheme=scheme) as page:
        for language, viewport in product(READERS, (PHONE, DESKTOP)):
            await page.set_viewport_size(viewport)
            await page.set_content(preview(message, language).html)
            assert not await page.evaluate(TOO_NARROW), (language, viewport)
            assert all(height >= 44 for height in await page.evaluate(HEIGHTS)), language
            found = await violations(page)
            assert [each for each in found if not each.startswith(LEVELS_OF_A_PAGE)] == [], language


async def test_a_preview_shows_the_mail(browser: Browser, service: RunningService) -> None:
    """In its frame, with our policies in force, and nothing of it or of its text sticks out."""
    token = json.loads((service.data_dir / "secrets.json").read_text())["outbox_token"]
    url = f"{service.base_url}/outbox/{token}/previews/settled/en"
    async with opened(browser, url) as page:
        frame = page.frame_locator("iframe")
        assert await frame.locator("h1").inner_text() == (
            "Approved with changes by ben.okafor@example.com"
        )
        assert not await page.evaluate(TOO_NARROW)
