"""Sessions in a real browser: the list, the page of one, its tree by keyboard, and a session that runs."""

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from playwright.async_api import Page, expect

from proxy.store.models import Conversation
from tests import people
from tests.browser.conftest import Opened
from tests.browser.test_live import event, publish
from tests.conversations.clients import Sent, Thread, World
from tests.conversations.clients import text as said
from tests.dashboard.talk import SAID, session, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
SIZES = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
LONG = "a-very-long-word-without-any-place-to-break-it-" * 8


@pytest.fixture
def row() -> Conversation:
    return stored(session())


def long(count: int) -> list[Sent]:
    """A session of so many turns; the first words have no place to break."""
    world = World(5, "long")
    thread = Thread(world)
    for number in range(count):
        thread.ask(f"question {number} {LONG * (number == 0)}", [said(f"reply {number}")])
    for exchange in world.sent:
        exchange.started_at += timedelta(hours=1)
    return world.sent


async def overflow(page: Page) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize(("width", "theme"), SIZES)
async def test_list_and_session_look_right(
    open_page: Opened, row: Conversation, width: int, theme: str
) -> None:
    other = await database_sync_to_async(stored)(long(3))
    for path in ("/dashboard/sessions", f"/dashboard/session/{row.id}", f"/dashboard/session/{other.id}"):
        page = await open_page(path, width=width, theme=theme)

        await expect(page.locator("h1")).to_be_visible()
        await expect(page.locator("#socket")).to_have_text("Live")
        assert await overflow(page) <= 0


async def test_an_agent_unfolds_with_the_one_that_it_called(open_page: Opened, row: Conversation) -> None:
    page = await open_page(f"/dashboard/session/{row.id}")
    turns = page.locator("article.step")
    before = await turns.count()

    await page.locator("details.agent > summary").first.click()
    await expect(turns).to_have_count(before + 2)
    await page.locator("details.agent details.agent > summary").click()
    await expect(turns).to_have_count(before + 3)

    await page.get_by_text("All of this turn").first.click()
    await expect(page.locator(".whole .turn.user").first).to_contain_text(SAID)


async def test_the_tree_is_walked_by_keyboard_and_leads_to_turns(
    open_page: Opened, row: Conversation
) -> None:
    page = await open_page(f"/dashboard/session/{row.id}")
    nodes = page.locator("#tree-drawing a")

    await page.keyboard.press("j")
    await expect(nodes.nth(0)).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("k")
    await expect(nodes.nth(1)).to_be_focused()
    assert await page.locator('#tree-drawing a[tabindex="0"]').count() == 1

    await page.keyboard.press("Enter")
    await expect(page.locator("article.step").nth(1)).to_be_focused()


async def test_a_long_session_is_read_as_it_is_scrolled(open_page: Opened) -> None:
    row = await database_sync_to_async(stored)(long(120))
    page = await open_page(f"/dashboard/session/{row.id}")
    turns = page.locator("#turns article.step")

    await expect(turns).to_have_count(50)
    for count in (100, 120):
        await turns.last.scroll_into_view_if_needed()
        await page.mouse.wheel(0, 20_000)
        await expect(turns).to_have_count(count)


async def test_turns_far_from_what_is_read_leave_and_come_back(open_page: Opened) -> None:
    row = await database_sync_to_async(stored)(long(300))
    page = await open_page(f"/dashboard/session/{row.id}")
    turns, first = page.locator("#turns article.step"), page.locator("#turns > .stretch").first

    while await page.locator(".more-turns").count():
        await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        await page.wait_for_timeout(100)
    await expect(page.locator("#turns")).to_contain_text("question 299")
    await expect(first).to_have_attribute("data-away", "yes")
    assert await turns.count() < 250
    tall = await page.evaluate("document.body.scrollHeight")

    await page.evaluate("window.scrollTo(0, 0)")
    await expect(turns.first).to_contain_text("question 0")
    # What was passed over in one leap was never laid out, so that its height was a guess; without any five sixths would be gone.
    assert abs(await page.evaluate("document.body.scrollHeight") - tall) < tall / 4


async def test_a_running_session_grows_below_what_is_read(open_page: Opened) -> None:
    world = World(4, "running")
    thread = Thread(world)
    for number in range(12):
        thread.ask(f"question {number}", [said("word " * 40)])
    row = await database_sync_to_async(stored)(world.sent)
    page = await open_page(f"/dashboard/session/{row.id}")
    turns = page.locator("#turns article.step")
    await expect(page.locator("#socket")).to_have_text("Live")
    await turns.nth(5).scroll_into_view_if_needed()
    top = await turns.nth(5).evaluate("element => element.getBoundingClientRect().top")

    for number in range(12, 14):
        thread.ask(f"question {number}", [said("later")])
        await database_sync_to_async(stored)(world.sent[-1:])
        await publish(event("stored"))
        await expect(turns).to_have_count(number + 1)
    await expect(turns.last).to_contain_text("question 13")
    await expect(page.locator("#sums .figure").nth(1)).to_have_text("14")
    await expect(page.locator("#tree-drawing a")).to_have_count(14)
    assert await turns.nth(5).evaluate("element => element.getBoundingClientRect().top") == top


async def test_the_list_is_read_again_but_not_under_a_pointer(open_page: Opened, row: Conversation) -> None:
    page = await open_page("/dashboard/sessions")
    await expect(page.locator("#socket")).to_have_text("Live")
    rows = page.locator(".sessions tbody tr")
    await rows.first.hover()

    await database_sync_to_async(stored)(long(1))
    await publish(event("stored"))
    await page.wait_for_timeout(1500)
    await expect(rows).to_have_count(1)

    await page.mouse.move(2, 2)
    await expect(rows).to_have_count(2)


async def test_the_history_of_a_large_request_is_read_when_it_is_unfolded(open_page: Opened) -> None:
    messages = [{"role": "user", "content": "old " * 20_000}, {"role": "assistant", "content": "known"}]
    body = {"messages": [*messages, {"role": "user", "content": "And now?"}]}
    exchange = await database_sync_to_async(people.make_exchange)(request=body)
    page = await open_page(f"/dashboard/request/{exchange.id}")

    await expect(page.locator("article.turn")).to_have_count(2)
    await page.locator("details.earlier > summary").click()
    await expect(page.locator("article.turn")).to_have_count(4)
