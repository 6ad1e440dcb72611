"""The admin, the audit, health and the sign-in with a Claude account in a real browser, in both themes, narrow and wide."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.async_api import Page as Tab
from playwright.async_api import expect

from accounts.models import Credential
from tests import people
from tests.accounts.people import make_client_key, make_limit
from tests.browser.conftest import Opened

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio(loop_scope="session")]
SIZES = [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
LISTS = ("domain", "credential", "clientkey", "limit")


@pytest.fixture
def credential() -> Credential:
    """One of OAuth, beside a key with a limit, and an operator who may see them."""
    User.objects.create_superuser("olga", password="a-password")
    row = people.make_credential(
        people.make_domain("a-long-name-of-a-domain.example.com"),
        kind="oauth",
        refresh_token="sk-ant-ort01-x",
    )
    key, _ = make_client_key(row.domain.name, name="laptop", owner="ann@example.com")
    make_limit(client_key=key, usd_per_day=20, concurrent_streams=4)
    people.make_price("claude-test")
    return row


async def signed_in(open_page: Opened, width: int, theme: str) -> Tab:
    page = await open_page("/admin/login/?next=/admin/", width=width, theme=theme, signed_in=False)
    await page.get_by_label("Username").fill("olga")
    await page.get_by_label("Password").fill("a-password")
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url("**/admin/")
    return page


async def overflow(page: Tab) -> int:
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize(("width", "theme"), SIZES)
async def test_no_page_of_the_admin_is_wider_than_the_window(
    open_page: Opened, credential: Credential, width: int, theme: str
) -> None:
    page = await signed_in(open_page, width, theme)
    paths = [
        *(f"/admin/accounts/{name}/" for name in LISTS),
        f"/admin/accounts/domain/{credential.domain_id}/change/",
        f"/admin/accounts/credential/{credential.pk}/change/",
        f"/admin/accounts/credential/{credential.pk}/sign-in/",
        "/admin/accounts/credential/sign-in/",
        "/admin/proxy/price/",
        "/dashboard/audit",
        "/dashboard/health",
    ]
    wide = {}
    for path in paths:
        await page.goto(path)
        await expect(page.locator("h1").first).to_be_visible()
        if (over := await overflow(page)) > 0:
            wide[path] = over

    assert wide == {}


async def test_a_code_of_another_page_is_refused_and_the_page_goes_on(
    open_page: Opened, credential: Credential
) -> None:
    page = await signed_in(open_page, 390, "light")
    await page.goto(f"/admin/accounts/credential/{credential.pk}/change/")
    await page.get_by_role("link", name="Sign in with a browser").click()
    way_in = page.get_by_role("link", name="Open the sign-in page")
    first = parse_qs(urlsplit(str(await way_in.get_attribute("href"))).query)["state"]

    await page.get_by_label("Code").fill("a-code#of-another-page")
    await page.get_by_role("button", name="Save the credential").click()

    await expect(page.get_by_text("The state is not that of this address")).to_be_visible()
    again = parse_qs(urlsplit(str(await way_in.get_attribute("href"))).query)["state"]
    assert again != first
