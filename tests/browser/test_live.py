"""Live updates: requests appear while they stream, without a reload and without a timer that asks."""

from collections.abc import Awaitable, Callable

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from playwright.async_api import Page, Request, WebSocket, WebSocketRoute, expect

from proxy import live_events
from proxy.live_events import GROUP, Event, Kind
from tests import people
from tests.browser.conftest import Opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
ID = "0193a000-0000-7000-8000-0000000000aa"


async def publish(*events: Event) -> None:
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send(GROUP, live_events.message(list(events)))


def event(kind: Kind = "running", output: int = 1, domain: str = "a.example", identity: str = ID) -> Event:
    return {
        "kind": kind,
        "id": identity,
        "domain": domain,
        "model": "claude-live",
        "started_at": 0.0,
        "elapsed_ms": 1200,
        "input_tokens": 30,
        "output_tokens": output,
        "tools": 1,
        "bytes": 900,
    }


class Watched:
    """A page whose websocket frames and fragment reads are counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[str] = []
        self.reads = 0
        page.on("websocket", self._listen)
        page.on("request", self._count)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    def _count(self, request: Request) -> None:
        self.reads += "hx-request" in request.headers

    def of_events(self) -> int:
        return sum('"events"' in frame for frame in self.frames)


Watch = Callable[..., Awaitable[Watched]]


@pytest.fixture
def watch(open_page: Opened) -> Watch:
    async def watched(path: str = "/dashboard") -> Watched:
        found = Watched(await open_page("/dashboard/requests"))
        await found.page.goto(path)
        await expect(found.page.locator("#socket")).to_have_text("Live")
        return found

    return watched


async def test_a_request_appears_while_it_streams(watch: Watch) -> None:
    watched = await watch()

    await publish(event(output=5))
    await expect(watched.page.locator("#streams tr")).to_have_count(1)
    await publish(event(output=250))
    await expect(watched.page.locator('[data-field="output_tokens"]').first).to_have_text("250")

    assert watched.of_events() >= 2
    assert watched.reads == 0
    await expect(watched.page.locator("#running-count")).to_have_text("1")


async def test_a_stored_request_joins_the_list_without_a_reload(watch: Watch) -> None:
    watched = await watch()
    await watched.page.evaluate("window.isTheSamePage = true")
    await publish(event())
    await expect(watched.page.locator("#streams tr")).to_have_count(1)

    await database_sync_to_async(people.make_exchange)(model="claude-live")
    await publish(event("ended"), event("stored"))

    await expect(watched.page.locator("#fresh td").get_by_text("claude-live")).to_be_visible()
    await expect(watched.page.locator("#running-none")).to_be_visible()
    assert await watched.page.evaluate("window.isTheSamePage") is True
    assert watched.reads == 1


async def test_the_focus_stays_on_what_is_read_again(watch: Watch) -> None:
    await database_sync_to_async(people.make_exchange)(model="claude-first")
    watched = await watch()
    for number, selector in enumerate(["#all-requests", "#exchanges"]):
        await watched.page.locator(selector).focus()
        old = await watched.page.locator(selector).element_handle()

        await database_sync_to_async(people.make_exchange)(model=f"claude-next-{number}")
        await publish(event("stored", identity=ID[:-1] + str(number)))

        await expect(watched.page.locator("#fresh")).to_contain_text(f"claude-next-{number}")
        await expect(watched.page.locator(selector)).to_be_focused()
        assert old is not None
        assert await old.evaluate("element => element.isConnected")


@pytest.mark.parametrize("how", ["pointer", "focus"])
async def test_a_list_waits_while_somebody_is_in_it(watch: Watch, how: str) -> None:
    row = await database_sync_to_async(people.make_exchange)(model="claude-first")
    watched = await watch()
    entry = watched.page.locator(f'#fresh a[href="/dashboard/request/{row.id}"]').first
    await (entry.hover() if how == "pointer" else entry.focus())

    await database_sync_to_async(people.make_exchange)(model="claude-next")
    await publish(event("stored"))
    await watched.page.wait_for_timeout(1500)
    await expect(watched.page.locator("#exchanges")).not_to_contain_text("claude-next")

    await watched.page.mouse.move(2, 2)
    await watched.page.locator("#all-requests").focus()
    await expect(watched.page.locator("#exchanges")).to_contain_text("claude-next")


async def test_selection_and_scroll_survive_what_is_read_again(watch: Watch) -> None:
    for number in range(25):
        await database_sync_to_async(people.make_exchange)(model=f"claude-{number}")
    watched = await watch()
    await watched.page.set_viewport_size({"width": 390, "height": 500})
    await watched.page.evaluate("scrollTo(0, 400); document.querySelector('#exchanges').scrollLeft = 90")
    select = "getSelection().selectAllChildren(document.querySelector('#fresh h2'))"
    await watched.page.evaluate(select)
    text = await watched.page.evaluate("String(getSelection())")

    await database_sync_to_async(people.make_exchange)(model="claude-next")
    await publish(event("stored"))
    await watched.page.wait_for_timeout(1500)
    assert await watched.page.evaluate("String(getSelection())") == text
    await expect(watched.page.locator("#fresh")).not_to_contain_text("claude-next")
    await watched.page.evaluate("getSelection().removeAllRanges()")

    await expect(watched.page.locator("#fresh")).to_contain_text("claude-next")
    where = "[scrollY, document.querySelector('#exchanges').scrollLeft]"
    assert await watched.page.evaluate(where) == [400, 90]


async def test_a_stream_keeps_its_line_until_it_ends_and_leaves_it_empty(watch: Watch) -> None:
    watched = await watch()
    ids = [ID[:-1] + letter for letter in "123"]
    models = watched.page.locator('#streams tr:not([data-free]) [data-field="model"]')
    for name in ids[:2]:
        await publish(event(identity=name) | {"model": name})
    await expect(models).to_have_text(ids[:2])

    await publish(event("ended", identity=ids[0]))
    await expect(models).to_have_text([ids[1]])
    await expect(watched.page.locator("#streams tr")).to_have_count(2)
    await publish(event(identity=ids[2]) | {"model": ids[2]})

    await expect(models).to_have_text([ids[2], ids[1]])


async def test_many_stored_requests_make_few_reads_and_the_last_is_shown(watch: Watch) -> None:
    watched = await watch()

    for number in range(20):
        await database_sync_to_async(people.make_exchange)(model=f"claude-{number}")
        await publish(event("stored", identity=f"{ID[:-2]}{number:02}"))

    await expect(watched.page.locator("#fresh")).to_contain_text("claude-19")
    seconds = await watched.page.evaluate("performance.now() / 1000")
    assert 1 <= watched.reads <= 1 + seconds


async def test_htmx_brings_no_style_and_keeps_no_page(watch: Watch) -> None:
    watched = await watch()
    await database_sync_to_async(people.make_exchange)(model="claude-live")
    await publish(event("stored"))
    await expect(watched.page.locator("#fresh")).to_contain_text("claude-live")

    assert await watched.page.locator("style, [style]").count() == 0
    assert await watched.page.evaluate("[htmx.config.allowEval, htmx.config.selfRequestsOnly]") == [
        False,
        True,
    ]
    stored = await watched.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "claude-live" not in stored


async def test_the_way_back_leads_to_a_whole_page(watch: Watch) -> None:
    watched = await watch("/dashboard?period=24h")
    row = await database_sync_to_async(people.make_exchange)(model="claude-live")
    await publish(event("stored"))
    await watched.page.locator(f'#fresh a[href="/dashboard/request/{row.id}"]').click()
    await watched.page.wait_for_url("**/dashboard/request/**")
    await watched.page.wait_for_load_state("networkidle")
    reads = watched.reads

    await watched.page.go_back()

    await expect(watched.page.locator("#socket")).to_have_text("Live")
    await expect(watched.page).to_have_title("Overview · Nexus")
    await expect(watched.page.get_by_label("Period")).to_have_value("24h")
    assert await watched.page.locator("h1").count() == 1
    assert watched.reads == reads


async def test_what_is_read_again_keeps_its_filter(watch: Watch) -> None:
    await database_sync_to_async(people.make_exchange)(model="claude-other")
    watched = await watch("/dashboard?period=24h&model=claude-live")

    for number, model in enumerate(("claude-live", "claude-other")):
        await database_sync_to_async(people.make_exchange)(model=model)
        await publish(event("stored", identity=ID[:-1] + str(number)))

    await expect(watched.page.locator("#fresh td").get_by_text("claude-live")).to_be_visible()
    await expect(watched.page.locator("#fresh td").get_by_text("claude-other")).to_have_count(0)


async def test_a_late_event_does_not_bring_a_row_back(watch: Watch) -> None:
    watched = await watch()

    await publish(event("stored"))
    await publish(event("running"), event(identity=ID.replace("a", "b")))

    await expect(watched.page.locator("#streams tr")).to_have_count(1)


async def test_a_filtered_page_hears_only_of_its_domain(watch: Watch) -> None:
    watched = await watch("/dashboard?domain=b.example")

    await publish(event(domain="a.example"))
    await publish(event(domain="b.example", identity=ID.replace("a", "b")))

    await expect(watched.page.locator("#streams tr")).to_have_count(1)
    await expect(watched.page.locator('[data-field="domain"]').first).to_have_text("b.example")


async def test_many_events_make_few_frames_and_one_row(watch: Watch) -> None:
    watched = await watch()

    for number in range(100):
        await publish(event(output=number))
    await expect(watched.page.locator('[data-field="output_tokens"]').first).to_have_text("99")

    await expect(watched.page.locator("#streams tr")).to_have_count(1)
    assert watched.of_events() < 50


async def test_a_quiet_page_asks_nothing(watch: Watch) -> None:
    watched = await watch()

    await watched.page.wait_for_timeout(3000)

    assert (watched.reads, watched.of_events()) == (0, 0)


async def test_hostile_names_stay_text(watch: Watch) -> None:
    watched = await watch()

    await publish(event() | {"model": "<img src=x onerror=alert(1)>"})

    await expect(watched.page.locator('[data-field="model"]').first).to_have_text(
        "<img src=x onerror=alert(1)>"
    )


class Line:
    """A wire between page and server that can be cut."""

    def __init__(self) -> None:
        self.is_cut = False
        self._open: list[WebSocketRoute] = []

    async def carry(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            await socket.close()
            return
        socket.connect_to_server()
        self._open.append(socket)

    async def cut(self) -> None:
        self.is_cut = True
        for socket in self._open:
            await socket.close()


async def test_a_lost_socket_is_shown_and_catches_up(open_page: Opened) -> None:
    line = Line()
    page = await open_page("/dashboard/requests")
    await page.route_web_socket("**/ws/live**", line.carry)
    await page.goto("/dashboard")
    await expect(page.locator("#socket")).to_have_text("Live")
    await publish(event())
    await expect(page.locator("#streams tr")).to_have_count(1)

    await line.cut()
    await expect(page.locator("#socket")).to_contain_text("Connection lost")
    await expect(page.locator("#running-none")).to_be_visible()
    await database_sync_to_async(people.make_exchange)(model="claude-meanwhile")
    line.is_cut = False

    await expect(page.locator("#socket")).to_have_text("Live")
    await expect(page.locator("#fresh")).to_contain_text("claude-meanwhile")


async def test_a_session_that_ended_leads_to_the_sign_in(open_page: Opened) -> None:
    line = Line()
    page = await open_page("/dashboard/requests")
    await page.route_web_socket("**/ws/live**", line.carry)
    await page.goto("/dashboard")
    await expect(page.locator("#socket")).to_have_text("Live")

    await page.context.clear_cookies()
    await line.cut()

    await page.wait_for_url("**/dashboard/login**")


async def test_nothing_moves_while_requests_run_and_ten_of_them_are_shown(watch: Watch) -> None:
    await database_sync_to_async(people.make_exchange)()
    watched = await watch()
    panel, below = watched.page.locator("#running"), watched.page.locator("#exchanges")
    before = [await panel.bounding_box(), await below.bounding_box()]

    await publish(*(event(identity=f"{ID[:-2]}{number:02d}") for number in range(12)))
    await expect(watched.page.locator("#running-count")).to_have_text("12")

    assert [await panel.bounding_box(), await below.bounding_box()] == before
    await expect(watched.page.locator("#streams tr:visible")).to_have_count(10)
    await expect(watched.page.locator("#running-more")).to_have_text("and 2 more")
