"""Charts by keyboard and pointer: what a bar says, and where it leads."""

import re

import pytest
from playwright.async_api import expect

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
    tip = page.locator(".tip")

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

    tip = page.locator(".tip")
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
