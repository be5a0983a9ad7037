"""What the tests with a browser share: pages of it, and what axe says about them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page, ViewportSize

PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=900)

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""What axe looks for, by its own names."""

VIOLATIONS = """async tags => {
    const options = {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']}
    return (await axe.run(options)).violations.map(({id, help, nodes}) =>
        `${id}: ${help} (${nodes.map(node => node.target.join(' ')).join(', ')})`)
}"""


@asynccontextmanager
async def opened(
    browser: Browser,
    url: str,
    *,
    viewport: ViewportSize = PHONE,
    scheme: Literal["light", "dark"] = "light",
    scripts: bool = True,
    **context: Any,
) -> AsyncIterator[Page]:
    """This address in a window of its own, without anybody's cookies.

    `context` takes more of what `Browser.new_context` does, such as `locale` and `timezone_id`. A
    script that fails, and what the page's policy forbids it, fail the test.
    """
    window = await browser.new_context(
        viewport=viewport, color_scheme=scheme, java_script_enabled=scripts, **context
    )
    page = await window.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda told: faults.append(told.text) if "Content Security" in told.text else None,
    )
    try:
        await page.goto(url)
        yield page
    finally:
        await window.close()
    assert faults == []


async def violations(page: Page) -> list[str]:
    """What keeps people from using this page, as axe finds it; empty where nothing does.

    axe is a script itself: a page that was opened without scripts cannot be asked.
    """
    async with asyncio.timeout(60):
        if not await page.evaluate("'axe' in window"):
            await page.evaluate(AXE_SCRIPT)
        return await page.evaluate(VIOLATIONS, [*WCAG])
