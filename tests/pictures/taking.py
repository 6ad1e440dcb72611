"""Open each page as its reader would, and take a picture of what the window shows."""

from pathlib import Path

from channels.db import database_sync_to_async
from django.conf import settings
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from tests.browser.serving import ARGUMENTS, CHROMIUM
from tests.browser.traffic import publish
from tests.pictures import filling
from tests.pictures.sheet import SHEETS, WIDTH, Sheet

_TOLD = 3  # times, so that pages know how fast a stream is
_PAUSE_MS = 1000  # in which charts and names of sessions follow


async def take(address: str, folder: Path) -> None:
    """Write all pictures."""
    session = str(await database_sync_to_async(filling.session)())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page = await _signed_in(browser, address)
            for sheet in SHEETS:
                await _open(page, sheet, session)
                await page.screenshot(path=folder / sheet.file, animations="disabled")
        finally:
            await browser.close()


async def _signed_in(browser: Browser, address: str) -> Page:
    context = await browser.new_context(
        base_url=address,
        color_scheme="light",
        device_scale_factor=1,
        locale="en",
        timezone_id="UTC",
    )
    page = await context.new_page()
    await page.goto("/dashboard/login?next=/dashboard/limits")
    await page.fill("#key", settings.DASHBOARD_API_KEY)
    await page.click("button.primary")
    await page.wait_for_url("**/dashboard/limits")
    return page


async def _open(page: Page, sheet: Sheet, session: str) -> None:
    await page.set_viewport_size(ViewportSize(width=WIDTH, height=sheet.height))
    await page.goto(sheet.path.format(session=session))
    await page.mouse.move(WIDTH - 1, sheet.height - 1)  # off whatever a pointer would light up, or hold
    if await page.locator("#socket").count():
        await expect(page.locator("#socket")).to_have_text("Live")
        await publish(*await database_sync_to_async(filling.ended)())
        for number in range(_TOLD):
            await publish(*await database_sync_to_async(filling.streams)(number * _PAUSE_MS / 1000))
            await page.wait_for_timeout(_PAUSE_MS)
    await expect(page.locator(sheet.shows).first).to_be_visible()
    await page.wait_for_load_state("load")
