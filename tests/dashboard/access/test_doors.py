"""Every address asks who comes, or is listed here (E0 left /api/requests and /api/storage-stats open to everybody)."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from dashboard.access.signin import MANAGE_ACCESS, VIEW_FIGURES
from dashboard.pages.registry import ACTIONS, PAGES
from tests.people import reader

pytestmark = pytest.mark.django_db
OPEN = {f"/{page.address}": 200 for page in PAGES if not page.permission} | {
    "/": 302,
    "/dashboard/logout": 405,
    "/dashboard/invitation/accept": 302,  # to where a secret is asked for
    "/dashboard/welcome/dismiss": 405,
    "/dashboard/oidc/login": 404,  # until a provider is set
    "/dashboard/oidc/callback": 404,
    "/health": 200,
    "/health/ready": 200,
    "/health/live": 200,
    "/api/": 404,
}
ID = "0193a000-0000-7000-8000-000000000001"
EXAMPLES = {
    "<uuid:exchange_id>": ID,
    "<uuid:view_id>": ID,
    "<uuidstr:conversation_id>": ID,
    "<uuidstr:exchange_id>": ID,
    "<side>": "request",
    "<int:stop_id>": "7",
    "<str:name>": ID,
}
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
SHOWN = [path for path in CLOSED if path not in DATA]
GUARDED = [
    (f"/{address}".replace("<uuid:exchange_id>", ID).replace("<str:name>", ID), page.permission)
    for page in PAGES
    for address in (page.address, page.former)
    if address and page.permission
]
FORMS = [(f"/{action.address}".replace("<uuid:view_id>", ID), action.permission) for action in ACTIONS]


@pytest.mark.parametrize("cookie", COOKIES)
@pytest.mark.parametrize("path", SHOWN)
def test_a_page_asks_who_comes(path: str, cookie: str) -> None:
    response = Client(headers={"Cookie": cookie}).get(path)

    assert response.headers["Location"].startswith("/dashboard/login?next=")


def test_the_registry_leaves_only_the_sign_in_open() -> None:
    assert [page.name for page in PAGES if not page.permission] == ["login", "invitation"]
    assert {path for path, _ in GUARDED + FORMS} == set(SHOWN) - DOCUMENTATION


@pytest.mark.parametrize(("path", "permission"), FORMS)
def test_a_form_is_only_posted_with_its_permission_and_its_token(
    signed_in: Client, path: str, permission: str
) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(reader("ann", VIEW_FIGURES.rpartition(".")[2], permission.rpartition(".")[2]))
    stranger = Client()
    stranger.force_login(reader("carl", is_staff=True))

    assert signed_in.get(path).status_code == 405
    assert careful.post(path).status_code == 403
    assert "permission" in stranger.post(path).text
    assert Client().post(path).headers["Location"].startswith("/dashboard/login?next=")


@pytest.mark.parametrize(("path", "permission"), [found for found in GUARDED if found[1] != MANAGE_ACCESS])
def test_a_page_opens_with_its_permission_only(client: Client, path: str, permission: str) -> None:
    client.force_login(reader("carl", is_staff=True))
    refused = client.get(path)
    client.force_login(reader("ann", *{name.rpartition(".")[2] for name in (VIEW_FIGURES, permission)}))

    assert refused.status_code == 403
    assert permission.rpartition(".")[2] in refused.text
    assert client.get(path).status_code == (404 if ID in path else 200)


@pytest.mark.parametrize("path", [path for path, _ in GUARDED])
def test_a_page_is_only_looked_at(signed_in: Client, path: str) -> None:
    assert signed_in.post(path).status_code == 405


@pytest.mark.parametrize("path", [path for path, _ in GUARDED])
def test_htmx_without_a_session_reloads_the_page_which_leads_to_the_sign_in(
    client: Client, path: str
) -> None:
    response = client.get(path, headers={"HX-Request": "true"})

    assert response.status_code == 200
    assert response.headers["HX-Refresh"] == "true"
    assert response.content == b""


@pytest.mark.parametrize("path", [path for path, _ in GUARDED if ID not in path])
def test_no_cache_takes_what_htmx_gets_for_the_page(client: Client, signed_in: Client, path: str) -> None:
    for response in (
        client.get(path),
        signed_in.get(path),
        signed_in.get(path, headers={"HX-Request": "true"}),
    ):
        vary = {name.strip() for name in response.headers["Vary"].split(",")}
        assert {"HX-Request", "HX-History-Restore-Request", "Cookie"} <= vary
        assert response.headers["Cache-Control"] in {"private, no-cache", "no-store"}


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
