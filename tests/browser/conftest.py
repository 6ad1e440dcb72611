"""The dashboard under a real daphne, and a real Chromium that looks at it.

Playwright's async side: its other one leaves a running loop in the main thread, where Django then refuses every query.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import pytest_asyncio
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connection
from playwright.async_api import Browser, Page, Request, ViewportSize, async_playwright

from tests.browser.serving import ARGUMENTS, CHROMIUM, dashboard

Opened = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
def address(django_db_setup: None) -> Iterator[str]:
    """A daphne of its own on the test's database."""
    database = str(connection.settings_dict["NAME"])
    with dashboard(settings.DATABASE_URL.rpartition("/")[0] + f"/{database}") as base:
        yield base


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("The browser tests need Chromium: apt install chromium.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(address: str, chromium: Browser) -> AsyncIterator[Opened]:
    """Open a path signed in; at the end, whatever the console or the network complained of fails the test."""
    complaints: list[str] = []
    contexts = []

    async def opened(path: str, *, width: int = 1280, theme: str = "light", signed_in: bool = True) -> Page:
        context = await chromium.new_context(
            base_url=address,
            viewport=ViewportSize(width=width, height=900),
            color_scheme="dark" if theme == "dark" else "light",
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda found: _note(complaints, found.type, found.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: _note_failure(complaints, request))
        if signed_in:
            await page.goto("/dashboard/login?next=/dashboard/usage")
            await page.fill("#key", settings.DASHBOARD_API_KEY)
            await page.click("button.primary")
            await page.wait_for_url("**/dashboard/usage")
        await page.goto(path)
        return page

    yield opened
    for context in contexts:
        await context.close()
    async with asyncio.timeout(20):
        while await database_sync_to_async(_is_asked)():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)
    assert complaints == []


def _is_asked() -> bool:
    """Whether daphne still works for a page that was left: the tables are emptied next, and both would wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_locks WHERE locktype = 'relation' AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return cursor.fetchone() is not None


def _note_failure(complaints: list[str], request: Request) -> None:
    # What a page still wanted when it was left is no failure.
    if request.failure != "net::ERR_ABORTED":
        complaints.append(f"{request.url} {request.failure}")


def _note(complaints: list[str], kind: str, text: str) -> None:
    if kind in {"error", "warning"}:
        complaints.append(text)
