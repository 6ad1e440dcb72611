"""What an analyst asks each week: every question from the overview, in three clicks, ending at an address to send."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.async_api import Locator, expect
from playwright.async_api import Page as Tab

from proxy.live_events import Event
from proxy.store.models import Conversation, Exchange
from tests import page_addresses
from tests.browser import seeds
from tests.browser.conftest import Opened
from tests.browser.test_stillness import WATCH, moved
from tests.browser.traffic import publish

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
MOST_CLICKS = 3
MOST_BYTES = 150_000
WIDTHS = [(1440, "light"), (768, "dark"), (390, "light"), (390, "dark")]


@dataclass
class Reader:
    """Somebody at a page; what is clicked or chosen counts, what is typed does not."""

    page: Tab
    clicks: int = field(default=0)

    async def click(self, what: Locator) -> None:
        self.clicks += 1
        await what.first.click()

    async def goes_to(self, title: str) -> None:
        await self.click(self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=title))
        await self.page.wait_for_load_state()

    async def chooses(self, label: str, value: str) -> None:
        self.clicks += 1
        async with self.page.expect_navigation():
            await self.field(label).select_option(value)

    def field(self, label: str) -> Locator:
        return self.page.get_by_role("search").get_by_label(label, exact=True)

    def leading(self, name: str) -> Locator:
        return self.page.locator("main").get_by_role("link", name=name)


async def spending(reader: Reader) -> Locator:
    await reader.goes_to("Usage")
    await reader.chooses("Period", "yesterday")
    for dimension in ("model", "person", "client key", "account"):
        await expect(reader.leading(f"By {dimension}")).to_be_visible()
    await reader.click(reader.leading("By domain"))
    return reader.leading("team-1.example")


async def dearest_session(reader: Reader) -> Locator:
    await reader.goes_to("Sessions")
    await reader.click(reader.page.locator("th").get_by_role("link", name="Cost"))
    await reader.click(reader.page.locator(".sessions a.row"))
    return reader.page.locator("#tree-drawing a")


async def word(reader: Reader) -> Locator:
    await reader.goes_to("Search")
    await reader.page.keyboard.type(seeds.WORD)
    await reader.page.keyboard.press("Enter")
    return reader.page.locator("mark", has_text=seeds.WORD)


async def jump(reader: Reader) -> Locator:
    await reader.goes_to("Usage")
    await reader.click(reader.leading("Explain"))
    return reader.page.locator("table.parts tbody tr")


async def conversation(reader: Reader) -> Locator:
    await reader.goes_to("Sessions")
    await reader.click(reader.page.locator(".sessions a.row"))
    return reader.page.locator("#turns details.agent")


async def what_is_new(reader: Reader) -> Locator:
    await reader.goes_to("Cache breaks")
    await reader.click(reader.page.locator("table.rows a.row"))
    return reader.page.get_by_role("heading", name="What changed")


async def cache(reader: Reader) -> Locator:
    await reader.goes_to("Cache breaks")
    return reader.page.locator("table.causes tbody tr")


async def last_month(reader: Reader) -> Locator:
    await reader.goes_to("Usage")
    await reader.chooses("Period", "last-month")
    async with reader.page.expect_download() as download:
        await reader.click(reader.leading("CSV"))
    assert (await (await download.value).path()).read_text().startswith("by,value,")
    return reader.leading("CSV")


async def percentiles(reader: Reader) -> Locator:
    await reader.goes_to("Performance")
    return reader.page.locator("table.percentiles tbody tr", has_text=seeds.SLOW_MODEL)


async def windows(reader: Reader) -> Locator:
    await reader.goes_to("Accounts")
    return reader.page.locator("section.account h2")


async def tools(reader: Reader) -> Locator:
    await reader.goes_to("Tools")
    return reader.page.locator("table.usage tbody tr", has_text="Read")


async def failures(reader: Reader) -> Locator:
    await reader.goes_to("Requests")
    await reader.chooses("Model", seeds.SLOW_MODEL)
    await reader.click(reader.page.get_by_role("search").get_by_text("More", exact=True))
    await reader.field("Status").fill("5xx")
    await reader.page.keyboard.press("Enter")
    await reader.page.wait_for_url("**status=5xx**")
    return reader.page.locator("table .tag.bad")


async def slowest(reader: Reader) -> Locator:
    await reader.goes_to("Performance")
    await reader.click(reader.page.locator("#exchanges a.row"))
    await reader.click(reader.leading("Headers"))
    return reader.page.locator("figure.timeline")


@dataclass(frozen=True)
class Question:
    number: int
    ask: Callable[[Reader], Awaitable[Locator]]


QUESTIONS = [
    Question(1, spending),
    Question(2, dearest_session),
    Question(3, word),
    Question(4, jump),
    Question(5, conversation),
    Question(6, what_is_new),
    Question(8, cache),
    Question(9, last_month),
    Question(10, percentiles),
    Question(11, windows),
    Question(12, tools),
    Question(13, failures),
    Question(15, slowest),
]


async def test_each_question_takes_three_clicks_and_ends_at_an_address_to_send(open_page: Opened) -> None:
    await database_sync_to_async(seeds.small)()
    page = await open_page("/dashboard", width=1440)
    for question in QUESTIONS:
        await page.goto("/dashboard")
        reader = Reader(page)
        proof = await question.ask(reader)
        await expect(proof.first, f"question {question.number}").to_be_visible()
        said = await proof.all_inner_texts()
        assert reader.clicks <= MOST_CLICKS, question

        # The same view by its address alone, for whoever gets it (question 14).
        address = page.url
        await page.goto("/dashboard/limits")
        await page.goto(address)
        await expect(proof.first).to_be_visible()
        assert await proof.all_inner_texts() == said, question


async def test_what_runs_is_found_and_stopped_in_three_clicks(open_page: Opened, streamed: Event) -> None:
    await database_sync_to_async(User.objects.create_superuser)("olga", password="a-password")
    page = await open_page("/admin/login/?next=/dashboard", signed_in=False)
    await page.get_by_label("Username").fill("olga")
    await page.get_by_label("Password").fill("a-password")
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url("**/dashboard")
    reader = Reader(page)

    await reader.goes_to("Live")
    await expect(page.locator("#socket")).to_have_text("Live")
    await publish(streamed)
    row = page.locator("#rows tr", has_text=streamed["domain"])
    await expect(row.locator('[data-field="elapsed"]')).to_contain_text("s")
    await reader.click(row.get_by_role("button", name="Stop"))

    await expect(page.get_by_role("dialog").get_by_text("This stream alone")).to_be_visible()
    await expect(page.get_by_role("dialog").get_by_role("button", name="Stop")).to_be_enabled()
    assert reader.clicks < MOST_CLICKS  # the third one is that button
    assert page.url.endswith("/dashboard/live")


@pytest.fixture
def streamed() -> Event:
    return {
        "kind": "running",
        "id": "0193a000-0000-7000-8000-0000000000aa",
        "domain": "a.example",
        "model": "claude-live",
        "started_at": timezone.now().timestamp(),
        "elapsed_ms": 1200,
        "input_tokens": 30,
        "output_tokens": 5,
        "tools": 0,
        "bytes": 900,
    }


@pytest.mark.parametrize("seed", ["empty", "small", "large"])
async def test_every_page_keeps_its_bounds_at_every_width(open_page: Opened, seed: str) -> None:
    row = await _seeded(seed)
    exchange = await Exchange.objects.values_list("id", flat=True).order_by("-started_at").afirst()
    paths = [path for path in page_addresses.pages().values() if row or "{" not in path]
    for width, theme in WIDTHS:
        page = await open_page("/dashboard/limits", width=width, theme=theme)
        await page.add_init_script(WATCH)
        for path in paths:
            response = await page.goto(path.format(session=row and row.id, exchange=exchange))
            assert response is not None
            await expect(page.locator("h1")).to_be_visible()
            over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, (path, width)
            assert (await moved(page))[0] < 0.05, (path, width)
            policy = response.headers["content-security-policy"]
            assert "unsafe" not in policy, path
            assert (await response.request.sizes())["responseBodySize"] <= MOST_BYTES, (path, width)
        await page.context.close()


async def _seeded(seed: str) -> Conversation | None:
    if seed == "empty":
        return None
    row: Conversation = await database_sync_to_async(seeds.small if seed == "small" else seeds.large)()
    return row
