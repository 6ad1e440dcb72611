"""Signing in by a header: who may send it, whom it stands for, and what is refused."""

import logging
from ipaddress import ip_network
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.test import AsyncClient, Client

from dashboard.access import trusted_header
from proxy.relay.log_limit import OncePerMinute
from tests.people import reader

pytestmark = pytest.mark.django_db
PROXY, STRANGER = "10.1.2.3", "192.0.2.9"
Headers = list[tuple[bytes, bytes]]


@pytest.fixture(autouse=True)
def configured(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TRUSTED_HEADER_SIGNIN = "X-Forwarded-User"
    settings.TRUSTED_HEADER_PEERS = [ip_network("10.1.0.0/16")]
    for name in ("_ignored", "_refused"):
        monkeypatch.setattr(trusted_header, name, OncePerMinute())


def user(name: str = "ann") -> Headers:
    return [(b"x-forwarded-user", name.encode())]


def get(path: str, headers: Headers, peer: str = PROXY, cookies: Any = None) -> Any:
    """What a request by ASGI is answered with, from this peer."""
    scope = {
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), *headers],
        "client": [peer, 5],
    }
    browser = AsyncClient()
    browser.cookies = cookies or browser.cookies
    return async_to_sync(browser.request)(**scope)


def status(path: str, headers: Headers, peer: str = PROXY) -> int:
    found: int = get(path, headers, peer).status_code
    return found


@pytest.mark.parametrize("path", ["/dashboard", "/api/stats"])
def test_a_peer_that_is_named_signs_in_for_pages_and_the_api(path: str) -> None:
    reader("ann", "view_figures")

    assert status(path, user()) == 200
    assert status(path, user(), STRANGER) in {302, 401}
    assert status(path, [*user(), (b"x-forwarded-for", PROXY.encode())], STRANGER) in {302, 401}
    assert status(path, []) in {302, 401}


def test_what_is_ignored_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    reader("ann", "view_figures")
    with caplog.at_level(logging.WARNING, "nexus.access"):
        for _ in range(3):
            status("/dashboard", user(), STRANGER)

    assert [record.getMessage() for record in caplog.records if record.name == "nexus.access"] == [
        "signin.header_ignored"
    ]


@pytest.mark.parametrize(
    "headers",
    [
        [*user(), *user()],
        [*user(), *user("bob")],
        [*user(), (b"x_forwarded_user", b"bob")],
        [(b"x_forwarded_user", b"ann")],
        [(b"x-forwarded_user", b"ann")],
    ],
)
def test_a_header_that_is_not_clear_is_refused(headers: Headers) -> None:
    reader("ann", "view_figures")
    response = get("/dashboard", headers)

    assert response.status_code == 400
    assert "Ask whoever runs the proxy" in response.text


def test_groups_that_come_twice_are_refused(settings: LazySettings) -> None:
    settings.TRUSTED_HEADER_GROUPS = "X-Forwarded-Groups"
    reader("ann", "view_figures")
    groups = (b"x-forwarded-groups", b"ops")

    assert status("/dashboard", [*user(), groups]) == 200
    assert status("/dashboard", [*user(), groups, groups]) == 400


def test_an_address_finds_its_user_and_an_unknown_name_nobody() -> None:
    reader("ann", "view_figures", email="Ann@corp.example")
    response = get("/dashboard/login", user("carl"))

    assert status("/dashboard", user("ann@corp.example")) == 200
    assert status("/dashboard", user("carl")) == 302
    assert "Ask an operator for an invitation" in response.text
    assert User.objects.count() == 1


def test_users_are_made_where_an_operator_says_so(settings: LazySettings) -> None:
    settings.SIGNIN_CREATE_USERS = True

    assert status("/dashboard", user("carl@corp.example")) == 403
    made = User.objects.get()
    assert (made.username, made.email, made.is_staff) == ("carl@corp.example", "carl@corp.example", False)
    assert status("/dashboard", user("a, b")) == 302


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}, {"is_active": False}])
def test_who_manages_nexus_or_is_switched_off_does_not_come_in_by_it(rights: dict[str, bool]) -> None:
    reader("ann", "view_figures", **rights)

    assert status("/dashboard", user()) == 302
    assert status("/admin/", user()) == 302


def test_the_password_session_of_who_manages_nexus_goes_before_it(client: Client) -> None:
    reader("ann", "view_figures")
    client.force_login(User.objects.create_superuser("olga"))

    assert get("/admin/", user(), cookies=client.cookies).status_code == 200
    assert status("/admin/", user()) == 302


def test_groups_follow_the_header(settings: LazySettings) -> None:
    settings.TRUSTED_HEADER_GROUPS = "X-Forwarded-Groups"
    settings.SIGNIN_GROUPS = (("ops", "operator"), ("read", "analyst"))
    ann = reader("ann")
    for name in ("operator", "analyst"):
        Group.objects.get_or_create(name=name)
    seen = []
    for sent in (b"ops, read,other", b"read", b""):
        status("/dashboard", [*user(), (b"x-forwarded-groups", sent)])
        seen.append(sorted(ann.groups.values_list("name", flat=True)))

    assert seen == [["analyst", "operator"], ["analyst"], []]


def test_it_is_off_at_first(settings: LazySettings) -> None:
    settings.TRUSTED_HEADER_SIGNIN = ""
    reader("ann", "view_figures")

    assert status("/dashboard", user()) == 302
