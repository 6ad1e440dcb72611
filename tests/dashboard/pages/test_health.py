"""The page of Nexus's own health: each thing that is wrong says what to do."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ClientKey
from dashboard.pages.health.checks import Check, Section, State
from dashboard.pages.health.sections import sections
from proxy.heartbeat import SPOOLS_KEY, Heartbeat
from proxy.store import pulse
from proxy.store.models import DeadLetter, MessageBatch, UnpricedModel
from proxy.store.notifications import post_queue
from proxy.store.tasks import token_report
from tests import people
from tests.dashboard.pages.shown import text
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
LAST = f"{post_queue.COUNTERS}:last"
KEYS = (SPOOLS_KEY, pulse.KEY, post_queue.COUNTERS, LAST, "ingest")


@pytest.fixture(autouse=True)
def nothing_known(real_redis: redis.Redis) -> Iterator[None]:
    kept = {key: real_redis.dump(key) for key in KEYS}
    real_redis.delete(*KEYS)
    yield
    real_redis.delete(*KEYS)
    for key, value in kept.items():
        if value:
            real_redis.restore(key, 0, value)


def check(section: str, name: str) -> Check:
    [found] = [
        check for part in sections() if part.name == section for check in part.checks if check.name == name
    ]
    return found


def beat(store: redis.Redis, spool: str, **fields: Any) -> None:
    store.hset(SPOOLS_KEY, spool, msgspec.json.encode(Heartbeat(at=time.time(), **fields)))


def test_each_spool_has_its_row_with_depth(real_redis: redis.Redis, signed_in: Client) -> None:
    beat(real_redis, str(uuid4()), accepted=12, waiting=2, used_bytes=3 * 2**20)
    people.make_spool(stored=7, accepted=7, updated_at=timezone.now())
    [records] = [part for part in sections() if part.name == "records"]

    assert check("records", "Accepted").value == "19"
    assert check("records", "Proxy processes").value == "1"
    assert records.table is not None
    assert {(row[1], row[6]) for row in records.table.rows} == {
        ("running", "3.0 MB"),
        ("stopped", "not known"),
    }
    assert "3.0 MB" in text(signed_in, "/dashboard/health")


def test_what_a_stopped_proxy_left_is_red_with_the_command() -> None:
    people.make_spool(stored=5, accepted=9)
    found = check("records", "Left by stopped proxies")

    assert (found.state, found.value) == (State.BAD, "4 records on 1 disks")
    assert found.command == "manage.py spool replay --slots"


def test_losses_of_late_are_red_and_older_ones_are_not() -> None:
    people.make_spool(accepted=9, stored=7, dropped=2, lost=2, lost_at=timezone.now())
    assert check("records", "Lost").state == State.BAD
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("UPDATE proxy_spool SET lost_at = now() - interval '3 days'")

    assert check("records", "Lost").state == State.INFO


def test_ingest_lags_where_nothing_is_stored_while_something_waits() -> None:
    people.make_spool(accepted=9, stored=7)
    assert check("records", "Ingest lag").state == State.GOOD
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("UPDATE proxy_spool SET updated_at = now() - interval '5 minutes'")

    assert (check("records", "Ingest lag").state, "5m" in check("records", "Ingest lag").value) == (
        State.WARN,
        True,
    )


def test_dead_letters_name_their_errors_masked_and_what_mends_them() -> None:
    assert check("records", "Dead letters").state == State.GOOD
    with as_owner():
        DeadLetter.objects.create(
            spool=uuid4(), serial=1, error="no column for sk-ant-api03-x-secret", record=b""
        )
    found = check("records", "Dead letters")

    assert (found.state, found.value, found.command) == (State.BAD, "1", "manage.py spool replay --set-aside")
    assert "no column for" in found.to_do
    assert "x-secret" not in found.to_do


def test_worker_and_beat_are_seen_by_what_they_did_last(real_redis: redis.Redis) -> None:
    assert check("services", "Last word").state == State.WARN
    token_report()
    assert check("services", "Last word").state == State.GOOD
    real_redis.hset(pulse.KEY, "at", time.time() - pulse.LATE_SECONDS - 5)

    assert check("services", "Last word").state == State.BAD
    real_redis.rpush("ingest", *["x"] * 201)
    assert check("services", "Batches in the queue").state == State.BAD


def test_slack_says_when_it_last_worked_and_when_not(real_redis: redis.Redis) -> None:
    assert check("slack", "Delivered").value == "0, last never"
    real_redis.hset(post_queue.COUNTERS, mapping={"delivered": 3, "failed": 1})
    real_redis.hset(LAST, mapping={"delivered": 1_000, "failed": 2_000})
    found = check("slack", "Failed for good")

    assert (found.state, found.value[:7]) == (State.BAD, "1, last")
    assert "test message" in found.to_do
    real_redis.hset(LAST, "delivered", 3_000)
    assert check("slack", "Failed for good").state == State.INFO


def test_months_retention_and_versions_are_there(signed_in: Client) -> None:
    people.make_exchange()
    shown = text(signed_in, "/dashboard/health")

    assert f"{timezone.now():%Y-%m}</th>" in shown
    assert "RETENTION_BODIES_DAYS" in shown
    for name in ("Nexus", "Python", "Django", "PostgreSQL", "Redis"):
        assert check("versions", name).value[0].isdigit()


def test_models_without_a_price_and_batches_say_what_to_do() -> None:
    with as_owner():
        UnpricedModel.objects.create(model="claude-x", first_seen=timezone.now(), exchange_id=uuid4())
        MessageBatch.objects.create(
            id="msgbatch_1", domain="a.example", account="", created_at=timezone.now()
        )
    found = check("costs", "Models without a price")

    assert (found.state, found.command, "claude-x" in found.to_do) == (State.BAD, "manage.py reprice", True)
    assert check("costs", "Batches whose results wait").value == "1"


def test_what_ends_soon_is_named() -> None:
    domain, now = people.make_domain(), timezone.now()
    with as_owner():
        for name, days in (("near", 3), ("far", 90)):
            ClientKey.objects.create(
                domain=domain, name=name, digest=name, expires_at=now + timedelta(days=days)
            )
    people.make_credential(
        domain, kind="oauth", access_token="a", name="lone", expires_at=now + timedelta(days=2)
    )

    assert "near (api.example.com)" in check("endings", "Client keys").value
    assert "far" not in check("endings", "Client keys").value
    assert "lone (api.example.com)" in check("endings", "Tokens without a refresh").value


def test_trouble_stands_above_with_its_section_and_a_way_there(signed_in: Client) -> None:
    people.make_spool(stored=5, accepted=9)
    shown = text(signed_in, "/dashboard/health")
    above = shown.split('class="sections"')[0]

    assert 'href="#records">Records</a>' in above
    assert "manage.py spool replay --slots" in above


def test_without_redis_the_page_says_so(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setattr(
        "accounts.redis_client._client", lambda *_: redis.Redis(port=1, socket_connect_timeout=0.2)
    )

    assert check("services", "Redis").state == State.BAD
    assert check("versions", "Redis").state == State.BAD


def test_it_reads_no_row_of_traffic_and_asks_little() -> None:
    people.make_exchange()
    with CaptureQueriesContext(connection) as asked:
        sections()

    assert len(asked) <= 20
    assert not [query for query in asked.captured_queries if 'FROM "proxy_exchange' in query["sql"]]


def test_the_worst_check_is_the_state_of_its_section() -> None:
    states = [State.GOOD, State.INFO, State.WARN, State.BAD]
    for worst, expected in zip(range(1, 5), [State.GOOD, State.GOOD, State.WARN, State.BAD], strict=True):
        assert Section("a", "A", [Check("x", "y", state) for state in states[:worst]]).worst == expected
