"""Nothing moves under the reader: every page beside live traffic of 20 requests a second, all of them open at once.

`make soak-pages` looks for a minute (NEXUS_TEST_STILL_SECONDS), the suite for ten seconds.
"""

from time import monotonic

import pytest
from channels.db import database_sync_to_async
from playwright.async_api import Page, expect

from nexus_project import env
from proxy.store.models import Conversation
from tests import page_addresses, people
from tests.browser.conftest import Opened
from tests.browser.traffic import PER_SECOND, flowing
from tests.dashboard.talk import session, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
SECONDS = env.integer("NEXUS_TEST_STILL_SECONDS", 10)
ENOUGH = SECONDS * PER_SECOND // 2
MOST = 0.05
# Every move counts, not only the worst five seconds of them; what came within half a second of a key or a click is no surprise.
WATCH = """
window.moves = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const nodes = entry.sources.map(({node, previousRect: a, currentRect: b}) => {
      const at = node?.nodeType === 1 ? node : node?.parentElement;
      const by = [b.x - a.x, b.y - a.y, b.width - a.width, b.height - a.height].map(Math.round);
      return `${at?.tagName}#${at?.id}.${at?.className} ${by}`;
    });
    window.moves.push({value: entry.value, at: Math.round(entry.startTime), nodes});
  }
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture
def row() -> Conversation:
    for hour in range(30):
        people.make_exchange(at=people.hours_ago(hour), domain=f"{hour % 3}.example")
    return stored(session())


async def settled(page: Page) -> None:
    """Live where the page is a live one, and nothing under way."""
    if await page.locator("#socket").count():
        await expect(page.locator("#socket")).to_have_text("Live")
    await page.wait_for_load_state("load")


async def moved(page: Page) -> tuple[float, list[str]]:
    """How far things moved in sum, and what."""
    moves = await page.evaluate("window.moves")
    return sum(move["value"] for move in moves), [f"{m['value']:.4f} {m['at']} {m['nodes']}" for m in moves]


@pytest.mark.parametrize("width", [1440, 390])
async def test_no_page_moves_beside_live_traffic(open_page: Opened, row: Conversation, width: int) -> None:
    exchange = await database_sync_to_async(people.make_exchange)()
    first = await open_page("/dashboard/limits", width=width)
    pages = {}
    async with flowing(row) as traffic:
        for name, path in page_addresses.pages().items():
            pages[name] = await first.context.new_page()
            await pages[name].add_init_script(WATCH)
            await pages[name].goto(path.format(exchange=exchange.id, session=row.id))
            await settled(pages[name])
        begun, before = monotonic(), traffic.stored
        # A busy machine takes longer for as much traffic.
        while monotonic() - begun < SECONDS or (
            traffic.stored - before < ENOUGH and monotonic() - begun < 5 * SECONDS
        ):
            await first.wait_for_timeout(100)
        assert traffic.stored - before >= ENOUGH
    found = {name: await moved(page) for name, page in pages.items()}

    assert {name: which for name, which in found.items() if which[0] >= MOST} == {}
