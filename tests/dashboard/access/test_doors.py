"""Every address asks who comes, or is listed here (E0 left /api/requests and /api/storage-stats open to everybody)."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

pytestmark = pytest.mark.django_db
OPEN = {
    "/": 302,
    "/dashboard/login": 200,
    "/dashboard/logout": 405,
    "/health": 200,
    "/health/ready": 200,
    "/health/live": 200,
    "/api/": 404,
}
ID = "0193a000-0000-7000-8000-000000000001"
EXAMPLES = {"<uuid:exchange_id>": ID, "<uuidstr:exchange_id>": ID, "<side>": "request"}
DOCUMENTATION = {"/api/docs", "/api/openapi.json"}
COOKIES = ["", "dashboard_auth=anything", "nexus_session=anything"]


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if path in {"/admin/", "/admin/login/"}:
            continue  # Django's own, which asks for a staff account
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, path)
            continue
        for placeholder, example in EXAMPLES.items():
            path = path.replace(placeholder, example)
        yield path


def paths() -> list[str]:
    return sorted(set(addresses(get_resolver().url_patterns)))


def test_the_walk_finds_every_kind_of_address() -> None:
    found = paths()

    assert not [path for path in found if "<" in path]
    assert set(OPEN) <= set(found)
    assert {"/dashboard", "/api/stats", "/api/requests", "/api/openapi.json", "/api/docs"} <= set(found)


CLOSED = [path for path in paths() if path not in OPEN]
DATA = [path for path in CLOSED if path.startswith("/api/") and path not in DOCUMENTATION]
PAGES = [path for path in CLOSED if path not in DATA]


@pytest.mark.parametrize("cookie", COOKIES)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_who_comes(path: str, cookie: str) -> None:
    response = Client(headers={"Cookie": cookie}).get(path)

    assert response.headers["Location"].startswith("/dashboard/login?next=")


@pytest.mark.parametrize("cookie", COOKIES)
@pytest.mark.parametrize("path", DATA)
def test_predecessor_defect_11_no_data_is_public(path: str, cookie: str) -> None:
    assert Client(headers={"Cookie": cookie}).get(path).status_code == 401


@pytest.mark.parametrize(("path", "status"), OPEN.items())
def test_what_is_open_tells_nothing(client: Client, path: str, status: int) -> None:
    assert client.get(path).status_code == status


@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/credential/"])
def test_the_admin_asks_for_a_staff_account(client: Client, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/admin/login/")
