"""Who may read the dashboard."""

import pytest
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from accounts import guesses
from dashboard.access import throttle
from dashboard.access.signin import local_target
from nexus_project import env
from tests.people import reader

pytestmark = pytest.mark.django_db
PAGES = ("/dashboard", "/dashboard/requests", "/dashboard/usage", "/api/docs")


def test_the_root_leads_to_the_overview(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/dashboard"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_strangers_to_the_sign_in_and_back(client: Client, path: str) -> None:
    response = client.get(f"{path}?domain=a.example")

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/dashboard/login?next=%2F")
    assert "domain%3Da.example" in response.headers["Location"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_for_who_signed_in(signed_in: Client, path: str) -> None:
    assert signed_in.get(path).status_code == 200


def test_predecessor_defect_22_the_cookie_holds_no_key(signed_in: Client) -> None:
    cookie = signed_in.cookies[settings.SESSION_COOKIE_NAME]

    assert settings.DASHBOARD_API_KEY not in cookie.value
    assert settings.DASHBOARD_API_KEY not in str(dict(signed_in.session.items()))
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_a_session_ends_when_the_key_changes(signed_in: Client, settings: LazySettings) -> None:
    settings.DASHBOARD_API_KEY = "another-key"

    assert signed_in.get("/dashboard").status_code == 302


@pytest.mark.parametrize(
    "header",
    [
        {"X-Dashboard-Key": "{}"},
        {"X-API-Key": "{}"},
        {"Authorization": "Bearer {}"},
        {"Authorization": "bearer {}"},
    ],
)
def test_e0_the_key_is_taken_from_a_header(header: dict[str, str]) -> None:
    filled = {name: value.format(settings.DASHBOARD_API_KEY) for name, value in header.items()}

    assert Client(headers=filled).get("/api/stats").status_code == 200


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        ({}, 401, "unauthorized"),
        ({"X-API-Key": "wrong"}, 403, "forbidden"),
        ({"Authorization": "Basic eA=="}, 401, "unauthorized"),
    ],
)
def test_the_api_refuses_in_json(header: dict[str, str], status: int, code: str) -> None:
    response = Client(headers=header).get("/api/stats")

    assert response.status_code == status
    assert response.json()["error"]["code"] == code


def test_an_unset_key_opens_nothing(settings: LazySettings) -> None:
    settings.DASHBOARD_API_KEY = ""

    responses = [Client(headers={"X-API-Key": key}).get("/api/stats") for key in ("", "x")]

    assert [response.status_code for response in responses] == [503, 503]
    assert "DASHBOARD_API_KEY" in responses[0].json()["error"]["message"]


def test_users_with_the_permission_pass_without_a_key(client: Client, settings: LazySettings) -> None:
    settings.DASHBOARD_API_KEY = ""
    client.force_login(reader("olga", "view_figures"))

    assert client.get("/dashboard").status_code == 200
    assert client.get("/api/stats").status_code == 200


def test_a_user_that_was_deactivated_does_not_pass(client: Client) -> None:
    user = reader("carl", "view_figures")
    client.force_login(user)
    User.objects.update(is_active=False)

    assert client.get("/dashboard").status_code == 302


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "///evil.example",
        "/\t/evil.example",
        "",
    ],
)
def test_a_foreign_target_becomes_the_overview(target: str) -> None:
    assert local_target(target) == "/dashboard"


def test_many_wrong_keys_make_an_address_wait(client: Client) -> None:
    for _ in range(guesses.LIMIT):
        client.post("/dashboard/login", {"key": "wrong"})

    page = client.post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY})
    api = client.get("/api/stats", headers={"X-API-Key": settings.DASHBOARD_API_KEY})

    assert page.status_code == 429
    assert "Too many wrong keys from this address. Wait 5 minutes, then try again." in page.text
    assert api.status_code == 429
    assert api.json()["error"]["code"] == "too_many_requests"
    for response in (page, api):
        assert 0 < int(response.headers["Retry-After"]) <= guesses.WINDOW_SECONDS


def test_wrong_keys_of_one_address_do_not_lock_out_another(client: Client) -> None:
    for _ in range(guesses.LIMIT):
        client.post("/dashboard/login", {"key": "wrong"})

    response = client.post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY}, REMOTE_ADDR="192.0.2.9")

    assert response.status_code == 302


def test_without_redis_nobody_is_locked_out(client: Client, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert client.post("/dashboard/login", {"key": "wrong"}).status_code == 403
    assert client.post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY}).status_code == 302


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.5, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "unknown"),
        ("2001:db8::1", "", "2001:db8::/64"),
    ],
)
def test_the_address_that_is_counted(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch, peer: str, forwarded: str, counted: str
) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8")
    settings.TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
    request = RequestFactory(headers={"X-Forwarded-For": forwarded}).get("/", REMOTE_ADDR=peer)

    assert throttle.address_of(request) == counted
