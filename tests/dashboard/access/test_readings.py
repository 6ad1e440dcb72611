"""Whoever reads bodies is noted, once an hour for each thing, and nobody else."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from dashboard.access import readings, tokens
from dashboard.models import BodyReading
from tests import people
from tests.dashboard.talk import session, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(client: Client) -> Client:
    client.force_login(people.reader("ann", "view_figures", "read_bodies"))
    return client


def noted() -> set[tuple[str, str, str]]:
    return {(row.who, row.what, row.about) for row in BodyReading.objects.all()}


def test_every_door_to_bodies_is_noted(ann: Client) -> None:
    row, other, talk = people.make_exchange(), people.make_exchange(), stored(session())
    for path in (
        f"/dashboard/request/{row.id}",
        f"/dashboard/request/{row.id}/diff?against={other.id}",
        f"/dashboard/session/{talk.id}",
        "/dashboard/search?q=parser",
        "/dashboard/sessions",
        "/dashboard/requests",
        "/dashboard/live?part=names",
        "/dashboard",
        f"/api/requests/{row.id}",
        f"/api/requests/{row.id}/raw/response",
        f"/api/requests/{row.id}/diff?against={other.id}",
        f"/api/conversations/{talk.id}",
        f"/api/conversations/{talk.id}/export",
        "/api/conversations",
        "/api/search?q=parser",
    ):
        assert ann.get(path).status_code == 200, path

    assert noted() == {
        ("ann", "request", str(row.id)),
        ("ann", "request diff", f"{row.id} {other.id}"),
        ("ann", "session", str(talk.id)),
        ("ann", "search", "parser"),
        ("ann", "sessions", ""),
        ("ann", "requests", ""),
        ("ann", "live", ""),
        ("ann", "overview", ""),
        ("ann", "requests", str(row.id)),
        ("ann", "requests raw response", str(row.id)),
        ("ann", "requests diff", f"{row.id} {other.id}"),
        ("ann", "conversations", str(talk.id)),
        ("ann", "conversations export", str(talk.id)),
        ("ann", "conversations", ""),
    }


def test_figures_and_what_is_not_there_are_not_noted(ann: Client) -> None:
    bob = Client()
    bob.force_login(people.reader("bob", "view_figures"))
    row = people.make_exchange()

    assert bob.get(f"/dashboard/request/{row.id}").status_code == 200
    assert bob.get(f"/api/requests/{row.id}").status_code == 403
    assert ann.get(f"/api/requests/{people.make_id()}").status_code == 404
    for path in ("/dashboard/requests?columns=model", "/dashboard/live", "/dashboard/cache-breaks"):
        assert ann.get(path).status_code == 200, path
    assert noted() == set()


def test_it_is_noted_once_an_hour(ann: Client) -> None:
    path = f"/dashboard/request/{people.make_exchange().id}"
    now = timezone.now().replace(minute=10)
    for minutes in (0, 1, 49, 50):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            assert ann.get(path).status_code == 200

    assert sorted(row.at - now for row in BodyReading.objects.all()) == [timedelta(0), timedelta(minutes=50)]


def test_the_audit_names_the_token_and_the_key() -> None:
    path = f"/api/requests/{people.make_exchange().id}"
    row, token = tokens.create(
        people.reader("ann", "view_figures", "read_bodies"), "ci", ("figures", "bodies"), None
    )
    Client(headers={"X-API-Key": token}).get(path)
    Client(headers={"X-API-Key": settings.DASHBOARD_API_KEY}).get(path)
    olga = Client()
    olga.force_login(User.objects.create_superuser("olga"))
    by_key, by_token = olga.get("/api/audit?kind=read").json()["changes"]

    assert (by_key["user"], by_key["via"]) == ("DASHBOARD_API_KEY", "")
    assert (by_token["user"], by_token["via"]) == ("ann", str(row))
    assert by_token["objectId"] in path
    assert by_token["action"] == "read"
    assert token not in olga.get("/api/audit?kind=read").text
    assert olga.get("/api/audit?kind=read&user=ann&limit=1").json()["nextBefore"] is None


def test_a_secret_that_is_searched_for_is_masked(ann: Client) -> None:
    ann.get("/dashboard/search?q=sk-ant-api03-canary-in-a-coal-mine")

    [row] = BodyReading.objects.all()
    assert "canary" not in row.about


def test_an_entry_that_cannot_be_written_is_in_the_log_and_the_page_stays(
    ann: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr(BodyReading.objects, "bulk_create", fail)
    row = people.make_exchange()

    assert ann.get(f"/dashboard/request/{row.id}").status_code == 200

    [record] = [each for each in caplog.records if each.message == "audit.reading_not_written"]
    assert (record.levelname, vars(record)["who"], vars(record)["about"]) == ("ERROR", "ann", str(row.id))


def test_what_is_old_is_forgotten(ann: Client) -> None:
    ann.get(f"/dashboard/request/{people.make_exchange().id}")
    [kept] = noted()
    hour = timezone.now() - readings.KEPT - timedelta(hours=1)
    BodyReading.objects.create(at=hour, hour=hour, who="bob", token="", what="search", about="parser")

    assert readings.forget_old() == 1
    assert noted() == {kept}
