"""`/api/stops`: everybody who sees figures reads them, people with the permission make and lift them."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from accounts import stopping
from accounts.models import Stop
from accounts.stopping import Target
from tests.people import reader
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
SESSION = {"domain": "api.example", "sessionId": "session-1", "minutes": 15}
REQUEST = "0193a000-0000-7000-8000-000000000001"


@pytest.fixture
def ann() -> User:
    return reader("ann", "view_figures", "stop_streams")


@pytest.fixture
def person(client: Client, ann: User) -> Client:
    client.force_login(ann)
    return client


def post(client: Client, data: dict[str, Any], **headers: str) -> Any:
    return client.post("/api/stops", data, content_type="application/json", headers=headers)


def test_a_session_is_stopped_seen_and_lifted(person: Client) -> None:
    added = post(person, SESSION)
    seen = person.get("/api/stops?domain=api.example&session=session-1").json()["stops"]
    elsewhere = person.get("/api/stops", {"domain": "other\x00.example"}).json()
    lifted = person.delete(f"/api/stops/{added.json()['id']}")
    later = person.get("/api/stops").json()

    assert added.status_code == 201
    assert seen == [added.json()]
    assert (seen[0]["sessionId"], seen[0]["requestId"], seen[0]["stoppedBy"]) == ("session-1", None, "ann")
    assert elsewhere == later == {"stops": []}
    assert (lifted.status_code, lifted.json()["liftedBy"]) == (200, "ann")
    assert person.get(f"/api/stops/{added.json()['id']}").json() == lifted.json()
    with as_owner():
        assert LogEntry.objects.filter(user__username="ann").count() == 2


def test_a_request_is_stopped(person: Client) -> None:
    added = post(person, {"domain": "api.example", "requestId": REQUEST})

    assert (added.status_code, added.json()["requestId"], added.json()["sessionId"]) == (201, REQUEST, None)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"domain": "api.example"}, "Name a domain"),
        ({**SESSION, "minutes": 0}, "7 days"),
        ({**SESSION, "requestId": "no id"}, "requestId"),
    ],
)
def test_what_cannot_be_stopped_is_422(person: Client, data: dict[str, Any], said: str) -> None:
    response = post(person, data)

    assert response.status_code == 422
    assert said in response.json()["error"]["message"]
    assert not Stop.objects.exists()


@pytest.mark.parametrize("number", [7, 2**70])
def test_what_is_not_there_is_404(person: Client, number: int) -> None:
    assert person.get(f"/api/stops/{number}").status_code == 404
    assert person.delete(f"/api/stops/{number}").status_code == 404


def test_the_key_reads_and_stops_nothing(program: Client, signed_in: Client, ann: User) -> None:
    row = stopping.stop(Target("api.example", "session-1"), 15, ann)

    for client in (program, signed_in):
        refused = post(client, SESSION)
        assert client.get("/api/stops").json()["stops"][0]["id"] == row.pk
        assert refused.status_code == client.delete(f"/api/stops/{row.pk}").status_code == 403
        assert "DASHBOARD_API_KEY reads only" in refused.json()["error"]["message"]
    assert Stop.objects.get().lifted_at is None


def test_a_person_without_the_permission_stops_nothing(client: Client) -> None:
    client.force_login(reader("bo", "view_figures", "read_bodies"))

    refused = post(client, SESSION)

    assert refused.status_code == 403
    assert "stop_streams" in refused.json()["error"]["message"]


def test_the_permission_alone_opens_nothing(client: Client) -> None:
    client.force_login(reader("bo", "stop_streams"))

    assert post(client, SESSION).status_code == 403
    assert not Stop.objects.exists()


def test_a_foreign_page_stops_nothing(ann: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ann)
    browser.get("/dashboard/login")

    without = post(browser, SESSION)
    token = "a" * 32
    browser.cookies["csrftoken"] = token
    forged = post(browser, SESSION, **{"X-CSRFToken": "b" * 32})
    own = post(browser, SESSION, **{"X-CSRFToken": token})

    assert (without.status_code, forged.status_code, own.status_code) == (403, 403, 201)
    assert "X-CSRFToken" in without.json()["error"]["message"]
