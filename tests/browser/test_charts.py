"""Charts by keyboard and pointer: what a bar says, and where it leads."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect

from tests import people
from tests.browser.conftest import Opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def traffic() -> None:
    """Two models in two hours."""
    for hours in (1, 2):
        for model in ("model-a", "model-b"):
            people.make_exchange(at=people.hours_ago(hours), model=model)


@pytest.mark.parametrize("path", ["/dashboard/usage", "/dashboard/performance"])
async def test_a_chart_is_a_stop_of_the_tab_key_and_arrows_go_from_bar_to_bar(
    open_page: Opened, traffic: None, path: str
) -> None:
    page = await open_page(f"{path}?period=24h")
    chart = page.locator("[data-chart]").first
    first, last = chart.locator("a.bar").first, chart.locator("a.bar").last
    tip = page.locator(".tip.says")

    await expect(chart.locator('a.bar[tabindex="0"]')).to_have_count(1)
    await page.locator("h1").click()
    while not await first.evaluate("bar => bar === document.activeElement"):
        await page.keyboard.press("Tab")
    await expect(tip).to_be_visible()
    await page.keyboard.press("ArrowRight")

    await expect(last).to_be_focused()
    await expect(tip).to_have_text(str(await last.get_attribute("aria-label")))
    await page.keyboard.press("Escape")
    await expect(tip).to_be_hidden()
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/dashboard/requests\?from=.+&to="))
    await expect(page.locator("a.row")).to_have_count(2)


@pytest.mark.parametrize("width", [1280, 390])
async def test_what_a_bar_says_names_each_series_and_stays_on_the_screen(
    open_page: Opened, traffic: None, width: int
) -> None:
    page = await open_page("/dashboard/usage?period=24h", width=width)

    await page.locator("[data-chart]").nth(1).locator("a.bar").last.hover()

    tip = page.locator(".tip.says")
    await expect(tip).to_contain_text("model-a: 1")
    await expect(tip).to_contain_text("model-b: 1")
    box = await tip.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


async def test_why_cost_rose_is_three_clicks_from_the_overview(open_page: Opened, traffic: None) -> None:
    page = await open_page("/dashboard")

    await page.get_by_role("link", name="Usage", exact=True).click()
    await page.get_by_role("link", name="Explain", exact=True).last.click()

    await page.wait_for_url("**/dashboard/explain?*")
    await expect(page.locator("h1")).to_have_text("Explain")
    await expect(page.locator("table.parts tbody tr").first).to_be_visible()


async def middle(page: Page, place: int) -> tuple[float, float]:
    """The middle of a bar of the first chart, also of one that has nothing."""
    await page.locator("[data-edges]").first.scroll_into_view_if_needed()
    box = await page.locator("[data-edges]").first.bounding_box()
    assert box is not None
    edges = str(await page.locator("[data-edges]").first.get_attribute("data-edges")).split()
    return box["x"] + box["width"] * (place + 0.5) / (len(edges) - 1), box["y"] + box["height"] / 2


async def hours_of(page: Page) -> list[str]:
    edges = str(await page.locator("[data-edges]").first.get_attribute("data-edges")).split()
    return [f"{datetime.fromtimestamp(int(edge) * 3600, UTC):%Y-%m-%dT%H:%M:%SZ}" for edge in edges]


@pytest.mark.parametrize("path", ["/dashboard/usage", "/dashboard/performance"])
async def test_what_is_dragged_over_becomes_the_period_and_the_filter_stays(
    open_page: Opened, traffic: None, path: str
) -> None:
    page = await open_page(f"{path}?period=24h&model=model-a")
    hours = await hours_of(page)

    await page.mouse.move(*await middle(page, 23))
    await page.mouse.down()
    await page.mouse.move(*await middle(page, 21), steps=4)
    await expect(page.locator("rect.chosen")).to_have_attribute("width", "3")
    await expect(page.locator(".stretch")).to_contain_text("\u2013")
    await page.mouse.up()

    await page.wait_for_url("**from=**")
    query = parse_qs(urlsplit(page.url).query)
    assert query == {"model": ["model-a"], "from": [hours[21]], "to": [hours[24]]}
    await expect(page.locator("[data-edges]").first).to_be_visible()


async def test_escape_lets_go_of_a_drag_and_a_click_still_leads_on(open_page: Opened, traffic: None) -> None:
    page = await open_page("/dashboard/usage?period=24h")
    before = page.url

    await page.mouse.move(*await middle(page, 22))
    await page.mouse.down()
    await page.mouse.move(*await middle(page, 20), steps=4)
    await expect(page.locator("rect.chosen")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("rect.chosen")).to_have_count(0)
    await page.mouse.move(*await middle(page, 22))
    await page.mouse.up()
    assert page.url == before
    await page.mouse.click(*await middle(page, 22))

    await page.wait_for_url(re.compile(r"/dashboard/requests\?from="))


async def test_a_drag_that_ends_on_a_bar_is_no_click_on_it(open_page: Opened, traffic: None) -> None:
    page = await open_page("/dashboard/usage?period=24h")

    await page.mouse.move(*await middle(page, 21))
    await page.mouse.down()
    await page.mouse.move(*await middle(page, 22), steps=4)
    await page.mouse.up()

    await page.wait_for_url(re.compile(r"/dashboard/usage\?from="))


async def test_a_finger_narrows_as_a_mouse_does(open_page: Opened, traffic: None) -> None:
    page = await open_page("/dashboard/usage?period=24h", width=390)
    hours = await hours_of(page)
    session = await page.context.new_cdp_session(page)

    async def touch(kind: str, place: int | None) -> None:
        x, y = await middle(page, place) if place is not None else (0, 0)
        points = [{"x": x, "y": y}] if place is not None else []
        await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    await touch("touchStart", 10)
    for place in (12, 14, 16):
        await touch("touchMove", place)
    await touch("touchEnd", None)

    await page.wait_for_url("**from=**")
    assert parse_qs(urlsplit(page.url).query) == {"from": [hours[10]], "to": [hours[17]]}


async def test_shift_and_arrows_narrow_without_a_pointer(open_page: Opened, traffic: None) -> None:
    page = await open_page("/dashboard/usage?period=24h")
    hours = await hours_of(page)
    first = page.locator("[data-edges]").first.locator("a.bar").first

    await first.focus()
    await page.keyboard.press("Shift+ArrowRight")
    await expect(page.locator("rect.chosen")).to_have_attribute("width", "2")
    await page.keyboard.press("Escape")
    await expect(page.locator("rect.chosen")).to_have_count(0)
    await page.keyboard.press("Shift+ArrowLeft")
    await page.keyboard.press("Shift+ArrowLeft")
    await page.keyboard.press("Enter")

    await page.wait_for_url("**from=**")
    assert parse_qs(urlsplit(page.url).query) == {"from": [hours[19]], "to": [hours[22]]}


async def test_charts_of_the_overview_work_on_after_they_were_read_again(
    open_page: Opened, traffic: None
) -> None:
    page = await open_page("/dashboard")
    bars = page.locator("[data-edges]").first.locator("a.bar")
    await expect(bars.first).to_have_attribute("aria-label", re.compile("model-a"))

    async with page.expect_response(lambda response: "hx-request" in response.request.headers):
        await page.evaluate("document.getElementById('fresh').dispatchEvent(new Event('stale'))")

    await expect(bars.first).to_have_attribute("aria-label", re.compile("model-a"))
    hours = await hours_of(page)
    await page.mouse.move(*await middle(page, 22))
    await page.mouse.down()
    await page.mouse.move(*await middle(page, 20), steps=4)
    await page.mouse.up()
    await page.wait_for_url("**from=**")
    assert parse_qs(urlsplit(page.url).query) == {"from": [hours[20]], "to": [hours[23]]}
