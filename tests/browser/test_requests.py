"""The list of requests and the page of one, in what a browser alone shows."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from proxy.store.models import Exchange
from tests import people
from tests.browser.conftest import Opened
from tests.dashboard.deep import deep_request

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
LONG_TASKS = """() => {
    window.longest = 0;
    const note = (task) => { window.longest = Math.max(window.longest, task.duration); };
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type: "longtask", buffered: true });
}"""


@pytest.fixture
def row() -> Exchange:
    """A request of a person."""
    return people.make_exchange(user_id="ann@example.com")


@pytest.fixture
def hours() -> None:
    """A request an hour, named for it."""
    for hour in range(5):
        people.make_exchange(at=people.hours_ago(10 + hour), model=f"m{hour}")


@pytest.fixture
def deep() -> Exchange:
    """A request of ten megabytes."""
    return people.make_exchange(request=deep_request(size=10_000_000))


@pytest.fixture
def talk() -> Exchange:
    """A request whose history is read on demand."""
    return people.make_exchange(request=deep_request(messages=40, size=400_000))


async def test_columns_are_chosen_and_remembered(open_page: Opened, row: Exchange) -> None:
    page = await open_page("/dashboard/requests")

    await page.get_by_text("Columns", exact=True).click()
    await page.get_by_role("checkbox", name="Person").check()
    await page.get_by_role("checkbox", name="Model").uncheck()
    await page.get_by_role("button", name="Show these").click()
    await page.wait_for_url(re.compile("columns=timestamp"))

    for _ in range(2):
        await expect(page.get_by_role("columnheader", name="Person")).to_be_visible()
        await expect(page.get_by_role("columnheader", name="Model")).to_have_count(0)
        await page.goto("/dashboard/requests")


async def test_a_moment_leads_to_its_requests(open_page: Opened, hours: None) -> None:
    page = await open_page("/dashboard/requests?zone=UTC")

    await page.get_by_label("Go to", exact=True).fill(f"{people.hours_ago(11.5):%Y-%m-%dT%H:%M}")
    await page.get_by_role("button", name="Go", exact=True).click()
    await page.wait_for_url(re.compile("at=2"))

    await expect(page.locator("tbody tr").first).to_contain_text("m2")
    await page.get_by_role("link", name="Newer").click()
    await expect(page.locator("tbody tr").last).to_contain_text("m1")


async def test_money_comes_first_where_it_is_narrow(open_page: Opened, row: Exchange) -> None:
    page = await open_page("/dashboard/requests", width=390)

    cost = await page.locator("td.cost").bounding_box()
    line = await page.locator("tbody tr").bounding_box()
    assert cost is not None
    assert line is not None
    assert cost["x"] - line["x"] < 5
    assert cost["y"] - line["y"] < 15
    assert line["height"] < 80


async def test_a_file_is_saved_and_says_how_far_it_is(
    open_page: Opened, row: Exchange, tmp_path: Path
) -> None:
    page = await open_page("/dashboard/requests?period=7d")

    async with page.expect_download() as coming:
        await page.get_by_role("link", name="CSV").click()
    file = await coming.value

    await expect(page.get_by_role("status")).to_contain_text("2 lines")
    assert file.suggested_filename.endswith(".csv")
    await file.save_as(tmp_path / "file.csv")
    assert (tmp_path / "file.csv").read_text().count("\n") == 2


async def test_a_view_is_saved_opened_and_deleted(open_page: Opened, row: Exchange) -> None:
    page = await open_page("/dashboard/requests?status=2xx")

    await page.locator(".views > summary").click()
    await page.get_by_label("Save what is shown as").fill("All that went well")
    await page.get_by_role("button", name="Save view").click()
    await page.goto("/dashboard/requests")
    await page.locator(".views > summary").click()
    await page.get_by_role("link", name="All that went well").click()
    await page.wait_for_url("**/dashboard/requests?status=2xx")
    await page.locator(".views > summary").click()
    await page.get_by_text("Change", exact=False).first.click()
    await page.get_by_role("button", name="Delete").click()
    await page.locator(".views > summary").click()

    await expect(page.get_by_role("link", name="All that went well")).to_have_count(0)


async def test_the_command_of_curl_is_copied(open_page: Opened, row: Exchange) -> None:
    page = await open_page(f"/dashboard/request/{row.id}")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    await page.get_by_text("Repeat it with curl").click()
    await page.locator('[data-copy="curl"]').click()

    await expect(page.get_by_text("Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl http://127.0.0.1:")
    assert '"x-api-key: $ANTHROPIC_API_KEY"' in copied


async def megabytes(page: Page) -> float:
    return float(await page.evaluate("performance.memory.usedJSHeapSize")) / 1e6


async def test_ten_megabytes_of_json_are_opened_searched_and_told_by_path(
    open_page: Opened, deep: Exchange
) -> None:
    page = await open_page(f"/dashboard/request/{deep.id}?view=raw")
    await page.evaluate(LONG_TASKS)
    viewer = page.locator("[data-viewer]").first

    await viewer.get_by_text("More from 100").click()
    await viewer.locator('[data-path=".messages[150]"] > summary').click()
    await viewer.locator('[data-path=".messages[150].content"] > summary').click()
    await viewer.locator('[data-path=".messages[150].content[0]"] > summary').click()
    await viewer.locator('[data-path=".messages[150].content[0].content"] > summary').click()
    await expect(viewer.locator("pre.piece")).to_be_visible()
    await expect(viewer.locator(".path code")).to_have_text(".messages[150].content[0].content")
    await viewer.get_by_placeholder("Look for words").fill("pytest -x tests/299")
    await expect(viewer.locator(".found")).to_contain_text(".messages[599].content[1].input.command")
    await viewer.get_by_role("button", name="Fold all").click()
    await expect(viewer.locator(".nodes details[open]")).to_have_count(0)

    longest = await page.evaluate("window.longest")
    print(f"longest task {longest:.0f} ms, {await megabytes(page):.0f} MB")
    assert longest < 1000
    assert await megabytes(page) < 100


async def test_what_came_before_opens_message_by_message(open_page: Opened, talk: Exchange) -> None:
    page = await open_page(f"/dashboard/request/{talk.id}")

    await page.locator("details.earlier > summary").click()
    line = page.locator("#message-2")
    await expect(line).to_contain_text("Bash: pytest -x tests/0")
    await line.locator("summary").first.click()
    await expect(line.locator(".fold.tool_use")).to_be_visible()
