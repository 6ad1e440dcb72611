"""What the dashboard says of requests that retention dropped or keeps, and how operators pin."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from nexus_project.operations.grants import WORKER
from proxy.store.models import Exchange, Pin
from tests import people
from tests.roles import acting_as

pytestmark = pytest.mark.django_db

OLD = datetime(2026, 1, 20, 12, tzinfo=UTC)
GONE = "bodies of 2026-01 were dropped on {:%Y-%m-%d} by RETENTION_BODIES_DAYS"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("olga"))
    return client


def drop(part: str) -> None:
    with acting_as(WORKER), connection.cursor() as cursor:
        cursor.execute("SELECT nexus_drop_month('2026-01-01', %s)", [part])


def page(client: Client, row: Exchange, view: str = "conversation") -> str:
    return client.get(f"/dashboard/request/{row.id}?view={view}").content.decode()


def test_a_request_whose_bodies_were_dropped_says_since_when_and_why(
    signed_in: Client, program: Client
) -> None:
    row = people.make_exchange(at=OLD)

    drop("bodies")

    gone = GONE.format(datetime.now(UTC))
    assert page(signed_in, row).count(gone) == page(signed_in, row, "raw").count(gone) == 2
    assert str(row.id) in page(signed_in, row, "headers")
    found = program.get(f"/api/requests/{row.id}").json()
    assert gone in found["requestMissing"]
    assert gone in found["responseMissing"]
    assert (found["requestBody"], found["pinned"]) == (None, False)
    raw = program.get(f"/api/requests/{row.id}/raw/request")
    assert raw.status_code == 404
    assert gone in raw.json()["error"]["message"]


def test_a_request_that_was_dropped_says_so(signed_in: Client, program: Client) -> None:
    row = people.make_exchange(at=OLD)

    drop("metadata")

    gone = "exchanges of 2026-01 were dropped on"
    response = program.get(f"/api/requests/{row.id}")
    assert response.status_code == 404
    assert gone in response.json()["error"]["message"]
    assert gone in page(signed_in, row)


@pytest.mark.parametrize("unknown", [uuid4(), UUID(int=2**128 - 1)])
def test_an_exchange_that_never_was_is_not_stored(program: Client, unknown: UUID) -> None:
    response = program.get(f"/api/requests/{unknown}").json()

    assert response["error"]["message"] == "No exchange with this id is stored."


def test_a_pinned_request_is_marked_and_shown_as_before(signed_in: Client, program: Client) -> None:
    row = people.make_exchange(at=OLD)
    Pin.objects.create(exchange=row.id)
    before = program.get(f"/api/requests/{row.id}").json()

    drop("bodies")
    drop("metadata")

    assert program.get(f"/api/requests/{row.id}").json() == before
    assert (before["pinned"], before["requestMissing"]) == (True, None)
    assert ">pinned</span>" in page(signed_in, row)
    assert [request["requestId"] for request in program.get("/api/requests").json()["requests"]] == [
        str(row.id)
    ]


def test_only_an_operator_is_offered_to_pin(operator: Client) -> None:
    row = people.make_exchange(session_id="s 1", domain="a.example:80")

    offered = page(operator, row)

    assert f'href="/admin/proxy/pin/add/?exchange={row.id}"' in offered
    assert 'href="/admin/proxy/pin/add/?session_id=s%201&amp;domain=a.example%3A80"' in offered
    other = Client()
    other.post("/dashboard/login", {"key": "the-suites-dashboard-key"})
    assert "/admin/proxy/pin/" not in page(other, row)
    Pin.objects.create(session_id="s 1", domain="a.example:80")
    assert ">pinned</span>" in page(operator, row)
    assert "/admin/proxy/pin/" not in page(operator, row)


def test_an_operator_pins_by_the_prefilled_form_and_lets_go_after_a_question(operator: Client) -> None:
    row = people.make_exchange()

    form = operator.get(f"/admin/proxy/pin/add/?exchange={row.id}").content.decode()
    operator.post("/admin/proxy/pin/add/", {"exchange": str(row.id), "note": "incident"})

    pin = Pin.objects.get()
    assert f'value="{row.id}"' in form
    assert (pin.exchange, pin.note, pin.created_by) == (row.id, "incident", "olga")
    assert str(row.id) in operator.get("/admin/proxy/pin/").content.decode()
    asked = operator.get(f"/admin/proxy/pin/{pin.pk}/delete/").content.decode()
    assert "Are you sure" in asked
    operator.post(f"/admin/proxy/pin/{pin.pk}/delete/", {"post": "yes"})
    assert not Pin.objects.exists()


def test_only_the_note_of_a_pin_changes(operator: Client) -> None:
    row = people.make_exchange()
    pin = Pin.objects.create(exchange=row.id, created_by="ann")

    operator.post(f"/admin/proxy/pin/{pin.pk}/change/", {"note": "new", "exchange": str(uuid4())})

    pin.refresh_from_db()
    assert (pin.exchange, pin.note, pin.created_by) == (row.id, "new", "ann")


@pytest.mark.parametrize(
    ("fields", "reported"),
    [
        ({"exchange": str(uuid4())}, "No exchange with this id is stored."),
        (
            {"session_id": "s", "domain": "nobody.example"},
            "No exchange of this session and domain is stored.",
        ),
        ({"session_id": "s"}, "Name either an exchange, or a session and its domain."),
        ({}, "Name either an exchange, or a session and its domain."),
    ],
)
def test_the_admin_refuses_a_pin_that_would_keep_nothing(
    operator: Client, fields: dict[str, Any], reported: str
) -> None:
    assert reported in operator.post("/admin/proxy/pin/add/", fields).content.decode()
    assert not Pin.objects.exists()


def test_storage_does_not_divide_by_bytes_that_were_dropped(program: Client) -> None:
    people.make_exchange(at=OLD, request=b"a" * 9000, response=b"")
    people.make_exchange(request=b"b" * 50_000, response=b"")

    drop("bodies")

    report = program.get("/api/storage").json()
    january = next(month for month in report["months"] if month["month"] == "2026-01-01")
    others = [month for month in report["months"] if month["month"] != "2026-01-01"]
    assert january["bodiesDroppedAt"].startswith(f"{datetime.now(UTC):%Y-%m-%dT}")
    assert (january["rawBytes"], january["share"]) == (None, None)
    assert january["storedBytes"] > 0
    assert {table["share"] for table in january["tables"]} == {None}
    assert report["rawBytes"] == 50_000
    assert report["share"] == round(sum(other["storedBytes"] for other in others) / 50_000, 4)
    assert report["storedBytes"] == sum(month["storedBytes"] for month in report["months"])
