"""What somebody does who is bound to domains, and through which doors they come: stops, saved views, a header, a token."""

from ipaddress import ip_network
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from accounts.models import Stop
from dashboard.access import tokens, trusted_header
from dashboard.models import AuditEntry, GroupDomains, SavedView
from tests import people
from tests.dashboard.admin.test_admin import form
from tests.dashboard.narrowing.domains import bound
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
MINE, OTHER = "a.example", "b.example"


@pytest.fixture
def ann() -> User:
    return bound("ann", MINE, permissions=("view_figures", "stop_streams"))


@pytest.fixture
def browser(ann: User) -> Client:
    client = Client()
    client.force_login(ann)
    return client


def stop(client: Client, domain: str) -> Any:
    data = {"domain": domain, "sessionId": "session-1", "minutes": 15}
    return client.post("/api/stops", data, content_type="application/json")


def test_sessions_of_own_domains_are_stopped_and_no_others(browser: Client) -> None:
    statuses = [stop(browser, domain).status_code for domain in (MINE, f" {MINE.upper()}", OTHER, "unknown")]

    assert statuses == [201, 201, 403, 403]
    assert set(Stop.objects.values_list("domain", flat=True)) == {MINE}


def test_stops_of_other_domains_are_neither_seen_nor_lifted(browser: Client) -> None:
    olga = Client()
    olga.force_login(User.objects.create_superuser("olga"))
    mine, other = (stop(olga, domain).json()["id"] for domain in (MINE, OTHER))

    assert [each["id"] for each in browser.get("/api/stops").json()["stops"]] == [mine]
    for ask in (browser.get, browser.delete):
        found, missing = (ask(f"/api/stops/{number}") for number in (other, other + 100))
        assert found.status_code == missing.status_code == 404
        assert found.text.replace(str(other), "") == missing.text.replace(str(other + 100), "")
    assert browser.delete(f"/api/stops/{mine}").status_code == 200
    assert Stop.objects.get(pk=other).lifted_at is None


def test_own_views_are_seen_and_no_shared_ones(browser: Client) -> None:
    olga = Client()
    olga.force_login(User.objects.create_superuser("olga"))
    olga.post("/dashboard/views", {"name": "All of b.example", "query": "", "page": "usage", "shared": "on"})
    saved = browser.post("/dashboard/views", {"name": "Ours", "query": "", "page": "usage", "shared": "on"})

    shown = browser.get("/dashboard/usage").text
    assert saved.status_code == 302
    assert ("Ours" in shown, "All of b.example" in shown) == (True, False)
    assert "Ours" in olga.get("/dashboard/usage").text


def test_a_token_saves_no_view_and_sees_none(ann: User, program: Client) -> None:
    program.post("/dashboard/views", {"name": "Of the key", "query": "", "page": "usage"})
    _, token = tokens.create(ann, "ci", ("figures",), None)
    client = Client(headers={"X-API-Key": token})
    saved = client.post("/dashboard/views", {"name": "Mine", "query": "", "page": "usage"})

    assert (saved.status_code, "API tokens read only" in saved.text) == (403, True)
    assert "Of the key" not in client.get("/dashboard/usage").text
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Of the key"]


def test_a_header_of_a_trusted_peer_yields_the_same_reader(ann: User, settings: LazySettings) -> None:
    settings.TRUSTED_HEADER_SIGNIN = "X-Forwarded-User"
    settings.TRUSTED_HEADER_PEERS = [ip_network("10.1.2.3")]
    for domain in (MINE, OTHER):
        people.make_exchange(domain=domain)
    scope: dict[str, Any] = {
        "method": "GET",
        "path": "/api/requests",
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"x-forwarded-user", b"ann")],
        "client": ["10.1.2.3", 5],
    }
    listed = async_to_sync(AsyncClient().request)(**scope).json()["requests"]
    listens = trusted_header.reader(scope)

    assert {each["domain"] for each in listed} == {MINE}
    assert listens is not None
    assert (listens.name, listens.patterns) == (ann.username, frozenset({MINE}))


@pytest.mark.parametrize(
    "path", ["/dashboard/accounts", "/dashboard/health", "/dashboard/audit", "/api/audit"]
)
def test_what_is_of_all_domains_is_closed_also_to_who_manages_access(path: str) -> None:
    client = Client()
    client.force_login(bound("eve", MINE, permissions=("view_figures", "manage_access")))

    assert client.get(path).status_code == 403
    assert 'href="/dashboard/audit"' not in client.get("/dashboard").text


def test_a_bond_of_a_group_is_in_the_audit() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("olga"))
    typed: dict[str, Any] = {
        "bound_to-TOTAL_FORMS": "1",
        "bound_to-INITIAL_FORMS": "0",
        "bound_to-0-names": MINE,
    }
    client.post("/admin/auth/group/add/", form(name="team", **typed))

    assert GroupDomains.objects.get().names == [MINE]
    with as_owner():
        entry = AuditEntry.objects.get(kind="dashboard.groupdomains")
    assert (entry.who, entry.action) == ("olga", "added")
    assert {"field": "names", "old": None, "new": MINE} in entry.changes
