"""Stopping and lifting: the row, the audit, and the word to the proxies."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import ProgrammingError, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts import stopping
from accounts.models import Stop
from accounts.models.stops import MOST_STOPS, read_stops
from accounts.snapshot.build import database_version
from accounts.stopping import NotStopped, Target
from nexus_project.operations.grants import DASHBOARD
from tests.people import reader
from tests.roles import as_owner

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(DASHBOARD)]
TARGET = Target("api.example", "session-1")
REQUEST = UUID("0193a000-0000-7000-8000-000000000001")


@pytest.fixture
def ann() -> User:
    return reader("ann", "view_figures", "stop_streams")


@pytest.fixture
def heard() -> Iterator[Any]:
    """What was published in Redis."""
    with (
        redis.Redis.from_url(settings.REDIS_URL) as client,
        client.pubsub(ignore_subscribe_messages=True) as pubsub,
    ):
        pubsub.subscribe(stopping.CHANNEL)
        pubsub.get_message(timeout=5)
        yield pubsub


@pytest.mark.django_db(transaction=True)
def test_a_stop_is_a_row_an_audit_and_word_to_the_proxies(ann: User, heard: Any) -> None:
    row = stopping.stop(TARGET, 15, ann)

    assert timedelta(minutes=14) < row.until - timezone.now() <= timedelta(minutes=15)
    with as_owner():
        entry = LogEntry.objects.get()
    assert (entry.user_id, entry.object_id) == (ann.pk, str(row.pk))
    assert entry.object_repr == "session session-1 of api.example"
    assert entry.get_change_message() == f"Stopped until {row.until:%Y-%m-%d %H:%M} UTC."
    message = json.loads(heard.get_message(timeout=5)["data"])
    assert (message["id"], message["by"], message["is_lifted"]) == (row.pk, "ann", False)
    with as_owner():
        assert read_stops() == [row.heard()]


@pytest.mark.django_db(transaction=True)
def test_a_lift_is_heard_and_written_down(ann: User, heard: Any) -> None:
    row = stopping.stop(TARGET, 15, ann)

    stopping.lift(row.pk, ann)

    heard.get_message(timeout=5)
    assert json.loads(heard.get_message(timeout=5)["data"])["is_lifted"]
    assert stopping.active(timezone.now()) == []
    with as_owner():
        newest = LogEntry.objects.order_by("-pk")[0]
        [known] = read_stops()
    assert newest.get_change_message().startswith("Lifted; it was to hold until ")
    assert known.is_lifted


@pytest.mark.django_db(transaction=True)
def test_a_stop_and_a_lift_change_the_version_of_the_snapshot(ann: User) -> None:
    with as_owner():
        before = database_version()
    row = stopping.stop(TARGET, 15, ann)
    with as_owner():
        stopped = database_version()
    stopping.lift(row.pk, ann)

    with as_owner():
        assert len({before, stopped, database_version()}) == 3


def test_a_request_is_stopped_alone(ann: User) -> None:
    row = stopping.stop(Target("API.example", "session-1", REQUEST), 15, ann)

    assert str(row) == f"request {REQUEST} of api.example"
    assert row.until - row.stopped_at == timedelta(seconds=stopping.REQUEST_SECONDS)
    assert stopping.active(timezone.now()) == []


def test_active_stops_are_found_by_domain_and_session(ann: User) -> None:
    rows = [stopping.stop(Target(f"{name}.example", name), 15, ann) for name in "ab"]

    assert stopping.active(timezone.now()) == rows[::-1]
    assert stopping.active(timezone.now(), "a.example") == rows[:1]
    assert stopping.active(timezone.now(), "b.example", "b") == rows[1:]
    assert stopping.active(timezone.now() + timedelta(minutes=16)) == []


@pytest.mark.parametrize(
    ("target", "minutes"),
    [
        (Target("", "session-1"), 15),
        (Target("api.example", " \x00"), 15),
        (Target("api.example", "s" * 121), 15),
        (Target("a" * 261, "session-1"), 15),
        (TARGET, 0),
        (TARGET, stopping.MOST_MINUTES + 1),
    ],
)
def test_what_names_nothing_is_refused(ann: User, target: Target, minutes: int) -> None:
    with pytest.raises(NotStopped):
        stopping.stop(target, minutes, ann)

    assert not Stop.objects.exists()


def test_only_a_stop_in_force_is_lifted(ann: User) -> None:
    row = stopping.stop(TARGET, 15, ann)
    stopping.lift(row.pk, ann)

    with pytest.raises(NotStopped, match="over already"):
        stopping.lift(row.pk, ann)
    with pytest.raises(NotStopped, match="no stop"):
        stopping.lift(row.pk + 1, ann)


def test_as_many_are_in_force_as_a_proxy_holds(ann: User) -> None:
    until = timezone.now() + timedelta(hours=1)
    Stop.objects.bulk_create(
        Stop(domain="a.example", session_id=str(number), until=until) for number in range(MOST_STOPS)
    )

    with pytest.raises(NotStopped, match="lift some"):
        stopping.stop(TARGET, 15, ann)


def test_no_row_is_deleted_or_told_otherwise(ann: User) -> None:
    row = stopping.stop(TARGET, 15, ann)

    for change in (row.delete, lambda: Stop.objects.update(stopped_by="bo")):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            change()


@pytest.mark.django_db(transaction=True)
def test_without_redis_it_is_stopped_all_the_same(
    ann: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    away = stopping.stop(TARGET, 15, ann)
    settings.REDIS_URL = ""
    none = stopping.stop(TARGET, 15, ann)

    with as_owner():
        assert {stop.id for stop in read_stops()} == {away.pk, none.pk}
    assert [record.message for record in caplog.records].count("stops.unannounced") == 1
