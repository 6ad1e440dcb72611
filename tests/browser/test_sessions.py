"""Sessions in a real browser: the list, the page of one, its tree by keyboard, and a session that runs."""

import re
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
from tests.dashboard.large import large_session
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


async def scales(page: Page) -> tuple[float, str]:
    """How high the tree is drawn, and what the page says of its size."""
    height = await page.locator("#tree-drawing svg").evaluate(
        "element => element.getBoundingClientRect().height"
    )
    return float(height), await page.locator("#zoom").inner_text()


@pytest.mark.parametrize(("width", "theme"), SIZES)
async def test_the_tree_is_zoomed_by_keys_and_nothing_else_moves(
    open_page: Opened, width: int, theme: str
) -> None:
    row = await database_sync_to_async(stored)(large_session(100))
    page = await open_page(f"/dashboard/session/{row.id}", width=width, theme=theme)
    await expect(page.locator("#socket")).to_have_text("Live")
    top = "element => element.getBoundingClientRect().top + scrollY"
    before, turns = await scales(page), await page.locator("#turns").evaluate(top)

    await page.keyboard.press("+")
    larger = await scales(page)
    await page.keyboard.press("0")
    whole = await scales(page)
    await page.keyboard.press("-")

    assert (before[1], larger[1]) == ("100 %", "125 %")
    assert larger[0] == pytest.approx(before[0] * 1.25, abs=2)
    assert whole[0] <= await page.locator("#tree-drawing").evaluate("element => element.clientHeight")
    assert await scales(page) == whole  # no smaller than all of it
    assert await page.locator("#turns").evaluate(top) == turns
    assert await overflow(page) <= 0


async def test_the_tree_is_zoomed_by_buttons_and_walked_by_arrows(
    open_page: Opened, row: Conversation
) -> None:
    page = await open_page(f"/dashboard/session/{row.id}")
    nodes = page.locator("#tree-drawing a")

    await page.get_by_role("button", name="Zoom in").click()
    await page.get_by_role("button", name="Zoom in").click()
    assert (await scales(page))[1] == "156 %"
    await page.get_by_role("button", name="Zoom out").click()
    assert (await scales(page))[1] == "125 %"
    await page.get_by_role("button", name="Fit").click()
    assert (await scales(page))[1] == "100 %"

    await page.keyboard.press("j")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowRight")
    await expect(nodes.nth(2)).to_be_focused()  # the agent's first turn
    await page.keyboard.press("ArrowLeft")
    await expect(nodes.nth(1)).to_be_focused()
    await page.keyboard.press("End")
    await expect(nodes.last).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Home")
    await expect(nodes.first).to_be_focused()


async def test_a_tree_that_grows_keeps_its_size_and_its_focus(open_page: Opened) -> None:
    sent = large_session(6)
    row = await database_sync_to_async(stored)(sent[:-1])
    page = await open_page(f"/dashboard/session/{row.id}")
    await expect(page.locator("#socket")).to_have_text("Live")
    nodes = page.locator("#tree-drawing a")
    await page.keyboard.press("+")
    await page.keyboard.press("j")

    await database_sync_to_async(stored)(sent[-1:])
    await publish(event("stored"))

    await expect(nodes).to_have_count(len(sent))
    await expect(nodes.first).to_be_focused()
    width = await page.locator("#tree-drawing svg").get_attribute("width")
    box = await page.locator("#tree-drawing svg").evaluate("element => element.viewBox.baseVal.width")
    assert float(width or 0) == pytest.approx(box * 1.25, abs=1)


@pytest.mark.parametrize(("width", "theme"), SIZES)
async def test_the_context_of_a_session_is_read_when_it_comes_in_sight(
    open_page: Opened, width: int, theme: str
) -> None:
    row = await database_sync_to_async(stored)(large_session(8))
    page = await open_page(f"/dashboard/session/{row.id}", width=width, theme=theme)
    place = page.locator("#context")
    await place.scroll_into_view_if_needed()
    bars = page.locator("#context-bars a.bar")
    await expect(bars).to_have_count(10)
    height = await place.evaluate("element => element.offsetHeight")
    assert height == await place.evaluate("element => parseFloat(getComputedStyle(element).minHeight)")
    assert await overflow(page) <= 0

    await bars.last.focus()
    await page.keyboard.press("ArrowLeft")
    await expect(bars.nth(8)).to_be_focused()
    assert await page.locator('#context-bars a[tabindex="0"]').count() == 1
    await page.keyboard.press("Home")
    await page.keyboard.press("Enter")
    await expect(page.locator("#turns article.step").first).to_be_focused()

    await page.get_by_label("Of", exact=True).select_option("a-writers")
    await expect(bars).to_have_count(3)


@pytest.mark.parametrize(("width", "theme"), SIZES)
async def test_what_fills_a_request_comes_into_room_that_is_kept_for_it(
    open_page: Opened, width: int, theme: str
) -> None:
    sent = large_session(6)
    await database_sync_to_async(stored)(sent)
    page = await open_page(f"/dashboard/request/{sent[1].id}", width=width, theme=theme)
    room = page.locator(".makeup .room")

    await expect(room.locator(".strip")).to_be_visible()
    await expect(page.get_by_label("Compare with")).to_be_visible()
    assert (
        await room.evaluate(
            "element => element.offsetHeight - parseFloat(getComputedStyle(element).minHeight)"
        )
        < 1
    )
    assert await overflow(page) <= 0

    await page.get_by_role("button", name="Compare").click()
    await page.wait_for_url(f"**/dashboard/request/{sent[1].id}/diff?against={sent[0].id}")


async def test_what_runs_is_said_in_the_list_and_on_the_page_of_a_session(
    open_page: Opened, row: Conversation
) -> None:
    under_way = event(domain="a.example") | {"session_id": "session-1"}
    for path in ("/dashboard/sessions", f"/dashboard/session/{row.id}"):
        page = await open_page(path)
        mark = page.locator("[data-runs]")
        await expect(page.locator("#socket")).to_have_text("Live")
        await expect(mark).to_be_hidden()

        await publish(under_way | {"session_id": "session-2"}, under_way | {"domain": "b.example"})
        await publish(event(domain="a.example"))
        await page.wait_for_timeout(500)
        await expect(mark).to_be_hidden()

        await publish(under_way)
        await expect(mark).to_have_text(re.compile(r"^running, \d+ s$"))
        await publish(under_way | {"kind": "ended"})
        await expect(mark).to_have_text("running")
        await page.context.close()
