"""Every page in a real browser, in both themes, narrow and wide: no complaint, no overflow."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from playwright.async_api import Page as Tab
from playwright.async_api import expect

from accounts.models import Domain
from dashboard.pages.registry import NAVIGATION, Page
from proxy.store.models import Exchange
from tests import page_addresses, people
from tests.browser.conftest import Opened
from tests.dashboard.found import make_break, make_finding
from tests.dashboard.talk import session, stored

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
LONG = "a-very-long-name-without-any-place-to-break-it-" * 4
SIZES = [(1280, "light"), (1280, "dark"), (768, "light"), (390, "light"), (390, "dark")]
# A page is in these by itself; what stands here besides are its parameters.
PATHS = [
    *page_addresses.pages().values(),
    "/dashboard?domain=nobody.example",
    "/dashboard/usage?by=domain",
    "/dashboard/usage?by=tool&period=7d&model=m",
    "/dashboard/explain?metric=requests&period=7d",
    "/dashboard/performance?by=domain&period=7d",
    "/dashboard/usage?period=30d&zone=Asia/Kolkata&q=words",
    "/dashboard/findings?kind=repeated+call",
    "/dashboard/limits?domain=nobody.example",
    "/dashboard/request/{exchange}?view=raw",
    "/dashboard/request/{exchange}?view=headers",
]


@pytest.fixture
def traffic() -> Exchange:
    price = people.make_price("claude-test")
    for hour in range(30):
        people.make_exchange(at=people.hours_ago(hour * 5), domain=f"{hour % 3}.example", outcome="complete")
    before = people.make_exchange(domain=LONG[:200], model=LONG[:120], cost_state="unpriced", cost_usd=None)
    request = {
        "system": "You are a test.",
        "tools": [{"name": LONG}],
        "messages": [
            {
                "role": "user",
                "content": f"<system-reminder>note</system-reminder> {LONG} `{LONG}`\n\n```\n{LONG * 3}\n```",
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": LONG, "content": LONG}]},
        ],
    }
    row = people.make_exchange(
        client_key=LONG,
        request=request,
        price_id=price.id,
        error_message=LONG,
        error_type="overloaded_error",
        tool_names=[LONG],
        session_id=LONG[:120],
        streamed=True,
        chunks=[(100.0 * step, 50) for step in range(1, 14)] + [(4000.0, 10)],
        request_headers=[(LONG, LONG)],
    )
    make_break(row, parent=before.id, at=LONG)
    make_finding(row, sentence=f"{LONG} was called 3 times.", turns=[before.id, row.id])
    return row


@pytest.fixture
def talk() -> str:
    """The id of a conversation."""
    return str(stored(session()).id)


@pytest.fixture
def domain() -> Domain:
    """A domain with a credential, and an operator who may see it."""
    User.objects.create_superuser("olga", password="a-password")
    domain = people.make_domain()
    people.make_credential(domain)
    return domain


async def overflow(page: Tab) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize(("width", "theme"), SIZES)
@pytest.mark.parametrize("path", PATHS)
async def test_a_page_looks_right(
    open_page: Opened, traffic: Exchange, talk: str, path: str, width: int, theme: str
) -> None:
    page = await open_page(path.format(exchange=traffic.id, session=talk), width=width, theme=theme)

    await expect(page.locator("h1")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("data-theme", theme)
    assert await overflow(page) <= 0


@pytest.mark.parametrize(("width", "theme"), SIZES)
@pytest.mark.parametrize("path", ["", "/requests", "/usage", "/explain", "/performance"])
async def test_an_empty_page_looks_right(open_page: Opened, path: str, width: int, theme: str) -> None:
    page = await open_page(f"/dashboard{path}", width=width, theme=theme)

    await expect(page.get_by_text("No traffic yet")).to_be_visible()
    assert await overflow(page) <= 0


@pytest.mark.parametrize(("width", "theme"), SIZES)
async def test_the_sign_in_page_looks_right(open_page: Opened, width: int, theme: str) -> None:
    page = await open_page("/dashboard/login", width=width, theme=theme, signed_in=False)

    await expect(page.get_by_label("Dashboard key")).to_be_focused()
    assert await overflow(page) <= 0


async def test_the_openapi_page_works_under_its_policy(open_page: Opened) -> None:
    page = await open_page("/api/docs")

    await expect(page.get_by_text("/api/pipeline", exact=True)).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), SIZES)
async def test_the_admin_works_under_the_strict_policy(
    open_page: Opened, domain: Domain, width: int, theme: str
) -> None:
    page = await open_page("/admin/login/?next=/admin/", width=width, theme=theme, signed_in=False)
    await page.get_by_label("Username").fill("olga")
    await page.get_by_label("Password").fill("a-password")
    await page.get_by_role("button", name="Log in").click()

    for path in (
        "/admin/",
        "/admin/accounts/domain/",
        f"/admin/accounts/domain/{domain.pk}/change/",
        "/dashboard",
    ):
        await page.goto(path)
        await expect(page.locator("h1").first).to_be_visible()
        assert await page.get_by_role("navigation", name="Pages").count() == (width > 960)
        assert await overflow(page) <= 0


async def test_the_theme_is_chosen_and_kept(open_page: Opened) -> None:
    page = await open_page("/dashboard/requests", theme="light")

    for theme in ("light", "dark"):
        await page.locator("[data-theme-switch]").click()
        await expect(page.locator("html")).to_have_attribute("data-theme", theme)
    await page.reload()

    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_the_keyboard_filters_helps_and_goes(open_page: Opened, traffic: Exchange) -> None:
    page = await open_page("/dashboard")

    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("d")
    await expect(page.get_by_label("Domain")).to_be_focused()
    await page.keyboard.type("1.example")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dashboard?domain=1.example")
    await page.locator("h1").click()
    await page.keyboard.press("g")
    await page.keyboard.press("u")
    await page.wait_for_url("**/dashboard/usage")
    await page.keyboard.press("/")
    await page.wait_for_url("**/dashboard/search")
    await expect(page.get_by_label("Words to search for")).to_be_focused()


@pytest.mark.parametrize(
    "to", [to for to in NAVIGATION if to.name in page_addresses.pages()], ids=lambda to: to.name
)
async def test_each_key_of_the_registry_goes_to_its_page(open_page: Opened, to: Page) -> None:
    page = await open_page("/dashboard/limits" if to.name == "overview" else "/dashboard")

    await page.keyboard.press("g")
    await page.keyboard.press(to.key)

    await page.wait_for_url(f"**/{to.address}")
    await expect(page.locator("h1")).to_have_text(to.title)


async def test_j_and_k_walk_through_a_list_and_enter_opens(open_page: Opened, traffic: Exchange) -> None:
    page = await open_page("/dashboard/requests")
    rows = page.locator("main a.row")

    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        await page.keyboard.press(key)
        await expect(rows.nth(place)).to_be_focused()
    address = await rows.nth(1).get_attribute("href")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{address}")


@pytest.mark.parametrize(
    ("words", "option", "leads_to"),
    [
        ("perf", "Go to Performance", "/dashboard/performance"),
        ("api.acme.test", "Requests of api.acme.test", "/dashboard/requests?domain=api.acme.test"),
        ("rate limit", "Search for rate limit", "/dashboard/search?q=rate+limit"),
        ("1.example", "Take off Domain: 1.example", "/dashboard/usage?model=m"),
    ],
)
async def test_the_palette_leads_anywhere(
    open_page: Opened, traffic: Exchange, words: str, option: str, leads_to: str
) -> None:
    page = await open_page("/dashboard/usage?domain=1.example&model=m", width=390)
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Command")).to_be_focused()

    await page.keyboard.type(words)
    options = page.locator("#palette-list [role=option]")
    await expect(options.last).to_have_text(f"Search for {words}")
    names = await options.all_inner_texts()
    for _ in range(names.index(option)):
        await page.keyboard.press("ArrowDown")
    await expect(page.locator('[role="option"][aria-selected="true"]')).to_have_text(option)
    active = await page.locator("#palette-words").get_attribute("aria-activedescendant")
    assert await page.locator(f"#{active}").inner_text() == option
    await page.keyboard.press("Enter")

    await page.wait_for_url(f"**{leads_to}")


async def test_a_pasted_id_opens_its_request_and_escape_gives_the_focus_back(
    open_page: Opened, traffic: Exchange
) -> None:
    page = await open_page("/dashboard/requests")
    await page.locator("main a.row").first.focus()
    await page.keyboard.press("Control+k")
    await page.keyboard.press("Escape")
    await expect(page.locator("main a.row").first).to_be_focused()

    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Command")).to_be_focused()
    await page.keyboard.type(str(traffic.id))
    await expect(page.locator("#palette-list [role=option]")).to_have_count(3)
    await page.keyboard.press("Enter")

    await page.wait_for_url(f"**/dashboard/request/{traffic.id}")


@pytest.mark.parametrize("width", [390, 768])
async def test_a_narrow_page_has_its_navigation_in_a_drawer(open_page: Opened, width: int) -> None:
    page = await open_page("/dashboard/limits", width=width)
    drawer = page.get_by_role("navigation", name="Pages")
    await expect(drawer).to_be_hidden()

    await page.get_by_text("Menu", exact=True).click()
    await expect(drawer.get_by_role("link", name="Limits")).to_have_attribute("aria-current", "page")
    await page.keyboard.press("Tab")
    await expect(drawer.get_by_role("link").first).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
    await expect(page.locator("summary").first).to_be_focused()

    await page.keyboard.press("Enter")
    await drawer.get_by_role("link", name="Sessions").click()
    await page.wait_for_url("**/dashboard/sessions")
    await expect(drawer).to_be_hidden()


async def test_the_drawer_opens_and_closes_without_a_script(open_page: Opened) -> None:
    page = await open_page("/dashboard/limits", width=390)
    await page.route("**/menu.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    await page.reload()
    drawer = page.get_by_role("navigation", name="Pages")

    await page.get_by_text("Menu", exact=True).click()
    await expect(drawer).to_be_visible()
    await page.mouse.click(370, 700)

    await expect(drawer).to_be_hidden()


async def test_the_first_tab_leads_to_the_content(open_page: Opened) -> None:
    page = await open_page("/dashboard/requests")

    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Skip to the content")).to_be_focused()


async def test_what_is_copied_is_what_is_shown(open_page: Opened, traffic: Exchange) -> None:
    page = await open_page(f"/dashboard/request/{traffic.id}")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    await page.locator('[data-copy="exchange-id"]').click()

    await expect(page.get_by_text("Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == str(traffic.id)


@pytest.fixture
def onlooker() -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        yield connection


async def test_connections_end_with_their_requests(
    open_page: Opened, onlooker: psycopg.Connection, traffic: Exchange
) -> None:
    page = await open_page("/dashboard")
    await page.evaluate("Promise.all(Array.from({length: 30}, () => fetch('/api/stats')))")

    name = onlooker.execute(
        "SELECT datname FROM pg_stat_activity WHERE datname ~ '^test_' LIMIT 1"
    ).fetchone()
    assert name is not None
    count = onlooker.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", name).fetchone()
    assert count is not None
    assert count[0] < 10


async def test_every_line_of_a_list_leads_to_its_request(open_page: Opened, traffic: Exchange) -> None:
    page = await open_page("/dashboard/requests")

    await page.locator("a.row").first.click()

    await page.wait_for_url(re.compile(r"/dashboard/request/[0-9a-f-]{36}$"))
