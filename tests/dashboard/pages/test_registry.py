"""Whatever the registry says of a page holds: its folder, its address, its place in the navigation, its key."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from dashboard.pages.registry import NAVIGATION, PAGES, Group, Page
from nexus_project.env import BASE_DIR
from tests import page_addresses, people
from tests.dashboard.pages.shown import text
from tests.dashboard.talk import session, stored

pytestmark = pytest.mark.django_db
FOLDER = BASE_DIR / "dashboard" / "pages"
TESTS = Path(__file__).parent
IN_GROUPS = [page for group in Group for page in NAVIGATION if page.group is group]


def names(pages: tuple[Page, ...]) -> list[str]:
    return [page.name for page in pages]


def path_of(page: Page) -> str:
    path = page_addresses.pages()[page.name]
    if "{session}" in path:
        return path.format(session=stored(session()).id)
    return path.format(exchange=people.make_exchange().id) if "{" in path else path


def test_each_folder_is_a_page_and_has_a_view_a_template_and_a_test() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/__init__.py")}

    assert folders == set(names(PAGES))
    for name in folders:
        assert (FOLDER / name / "view.py").is_file()
        assert (FOLDER / name / "page.html").is_file()
        assert [*TESTS.rglob(f"test_{name}.py")]


def test_no_two_pages_have_the_same_name_address_or_key() -> None:
    for taken in (
        names(PAGES),
        [address for page in PAGES for address in (page.address, page.former) if address],
        [page.key for page in PAGES if page.key],
    ):
        assert len(set(taken)) == len(taken)


def test_a_key_is_a_letter_that_means_nothing_else_and_leads_to_an_entry() -> None:
    keys = {page.key for page in PAGES if page.key}

    assert all(re.fullmatch("[a-fh-z]", key) for key in keys)
    assert keys == {page.key for page in NAVIGATION if page.key}


def test_a_place_is_an_entry_of_the_navigation() -> None:
    assert {page.place for page in PAGES if page.place} == set(names(NAVIGATION))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name in page_addresses.pages()], ids=lambda page: page.name
)
def test_the_frame_shows_where_the_reader_is_and_what_the_keys_do(signed_in: Client, page: Page) -> None:
    shown = text(signed_in, path_of(page))
    navigation, help_dialog = shown.split('<nav aria-label="Pages">')[1].split("</nav>", 1)
    entries = re.findall(r'<a href="([^"]+)" data-key="(.)"( aria-current="page")?>([^<]+)<kbd', navigation)

    assert entries == [
        (reverse(entry.name), entry.key, ' aria-current="page"' * (entry.name == page.place), entry.title)
        for entry in IN_GROUPS
        if entry.key
    ]
    assert re.findall(r"<kbd>g</kbd> <kbd>(.)</kbd></dt><dd>([^<]+)</dd>", help_dialog) == [
        (entry.key, entry.title) for entry in IN_GROUPS if entry.key
    ]


def test_the_navigation_has_every_entry_once_in_its_group(signed_in: Client) -> None:
    navigation = text(signed_in, "/dashboard").split('<nav aria-label="Pages">')[1].split("</nav>")[0]
    found = {
        name: re.findall(r'<a href="([^"]+)"', entries)
        for name, entries in re.findall(r'<ul aria-label="(\w+)">(.*?)</ul>', navigation, re.DOTALL)
    }

    assert found.pop("Nexus") == ["/api/docs"]
    assert found == {
        group.value: addresses
        for group in Group
        if (addresses := [reverse(page.name) for page in NAVIGATION if page.group is group])
    }


def test_a_page_without_a_group_stands_in_the_last_one() -> None:
    page = Page("budgets", "dashboard/budgets", "Budgets", PAGES[0].view, "budgets", "y")

    assert page.group is list(Group)[-1]


def test_staff_finds_the_admin_in_the_same_navigation_everywhere(client: Client) -> None:
    client.force_login(User.objects.create_superuser("olga"))

    for path, here in (("/dashboard", "Overview"), ("/admin/", "Admin"), ("/api/docs", "API docs")):
        shown = text(client, path)
        assert shown.count('<nav aria-label="Pages">') == 1
        assert re.findall(r'aria-current="page">([^<]+)<', shown) == [here]


def test_the_title_of_an_entry_is_that_of_its_page(signed_in: Client) -> None:
    for page in (page for page in NAVIGATION if page.name in page_addresses.pages()):
        shown = text(signed_in, reverse(page.name))

        assert f"<title>{page.title} · Nexus</title>" in shown
        assert f"<h1>{page.title}</h1>" in shown


def test_the_sign_in_page_has_its_title_without_a_navigation(client: Client) -> None:
    shown = text(client, "/dashboard/login")

    assert "<title>Sign in · Nexus</title>" in shown
    assert "data-key" not in shown
