"""What a spool loses is noted with its time, and reported once."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django.fixtures import Settings
from redis.exceptions import RedisError

import nexus_project.celery  # noqa: F401 - tasks are published through its app
from nexus_project.demo import slack as demo
from proxy.heartbeat import SPOOLS_KEY, Heartbeat
from proxy.store.models import Spool
from proxy.store.notifications import loss_check, post_queue, tasks
from proxy.store.notifications.losses import OPERATORS
from proxy.store.notifications.redis_link import connection

pytestmark = pytest.mark.django_db

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture(autouse=True)
def heard(settings: Settings) -> Iterator[demo.RunningSlack]:
    """A Slack that the operators hear; nothing waits for it."""
    with demo.serve() as running:
        settings.SLACK_CA_FILE = str(running.ca_file)
        settings.SLACK_ALLOW_PRIVATE_ADDRESSES = True
        settings.SLACK_WEBHOOK_URL = running.webhook_url
        settings.SLACK_ENABLED = True
        connection().delete(
            post_queue._hold_key(running.webhook_url), post_queue._queue(OPERATORS), SPOOLS_KEY
        )
        yield running
        connection().delete(post_queue._queue(OPERATORS), SPOOLS_KEY)


def beat(spool: UUID, **counts: int) -> None:
    connection().hset(SPOOLS_KEY, str(spool), msgspec.json.encode(Heartbeat(**counts, at=1.0)))


def reported(running: demo.RunningSlack) -> list[str]:
    """What the operators read so far."""
    tasks.deliver_slack(OPERATORS)
    posts: list[dict[str, Any]] = [json.loads(entry.body) for entry in running.posts]
    return [post["attachments"][0]["text"] for post in posts]


def pass_time(pause: timedelta) -> None:
    Spool.objects.update(told_at=F("told_at") - pause, lost_at=F("lost_at") - pause)


def test_as_long_as_nothing_is_lost_nothing_is_told(heard: demo.RunningSlack) -> None:
    Spool.objects.create(id=ONE, accepted=5, stored=5)

    loss_check.watch()

    assert reported(heard) == []
    assert Spool.objects.get().lost_at is None


def test_drops_of_many_spools_are_one_message_that_says_what_to_do(heard: demo.RunningSlack) -> None:
    beat(ONE, accepted=100, dropped=70, waiting=30)
    beat(OTHER, accepted=9, dropped=0, bodies_dropped=4, waiting=7)

    for _ in range(3):
        loss_check.watch()

    [text] = reported(heard)
    assert f"Spool {ONE}: 70 new; in all 70 records dropped, 0 missing, 0 bodies dropped" in text
    assert f"Spool {OTHER}: 6 new; in all 0 records dropped, 2 missing, 4 bodies dropped" in text
    assert "manage.py spool list" in text


def test_what_goes_on_being_lost_is_told_once_an_hour_and_nothing_in_between_is_forgotten(
    heard: demo.RunningSlack,
) -> None:
    for dropped in (1, 5, 9):
        beat(ONE, accepted=20, dropped=dropped, waiting=20 - dropped)
        loss_check.watch()
    assert len(reported(heard)) == 1

    pass_time(loss_check.PAUSE)
    loss_check.watch()
    loss_check.watch()

    assert [text.split(";")[0] for text in reported(heard)] == [f"Spool {ONE}: 1 new", f"Spool {ONE}: 8 new"]


def test_the_time_is_that_of_the_last_growth(heard: demo.RunningSlack) -> None:
    beat(ONE, accepted=3, dropped=1, waiting=2)
    loss_check.watch()
    pass_time(timedelta(days=3))
    loss_check.watch()
    old = Spool.objects.get().lost_at

    beat(ONE, accepted=4, dropped=2, waiting=2)
    loss_check.watch()

    assert old is not None
    assert timezone.now() - old > timedelta(days=2)
    assert Spool.objects.filter(lost=2, lost_at__gt=timezone.now() - timedelta(minutes=1)).exists()


def test_a_gap_that_closed_is_forgotten_and_the_next_one_is_told(heard: demo.RunningSlack) -> None:
    beat(ONE, accepted=10, waiting=0)
    Spool.objects.create(id=ONE, accepted=10, stored=9)
    loss_check.watch()
    Spool.objects.update(stored=10)
    loss_check.watch()
    assert (Spool.objects.get().lost, Spool.objects.get().told) == (0, 0)

    pass_time(loss_check.PAUSE)
    beat(ONE, accepted=12, waiting=1)
    loss_check.watch()

    assert len(reported(heard)) == 2


def test_a_redis_that_was_wiped_does_not_make_a_gap_new(heard: demo.RunningSlack) -> None:
    Spool.objects.create(id=ONE, accepted=10, stored=9)
    beat(ONE, accepted=10, waiting=0)
    loss_check.watch()
    connection().delete(SPOOLS_KEY)
    loss_check.watch()
    pass_time(loss_check.PAUSE)
    beat(ONE, accepted=10, waiting=0)

    loss_check.watch()

    assert len(reported(heard)) == 1


def test_without_a_webhook_it_is_noted_and_nothing_waits(
    settings: Settings, heard: demo.RunningSlack
) -> None:
    settings.SLACK_WEBHOOK_URL = ""
    beat(ONE, accepted=3, dropped=1, waiting=2)

    loss_check.watch()

    assert connection().llen(post_queue._queue(OPERATORS)) == 0
    assert (Spool.objects.get().lost, Spool.objects.get().told) == (1, 1)


def test_what_cannot_be_queued_is_told_later(settings: Settings, heard: demo.RunningSlack) -> None:
    Spool.objects.create(id=ONE, accepted=3, stored=2, dropped=1)
    address = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(RedisError):
        loss_check.watch()
    settings.REDIS_URL = address

    loss_check.watch()

    assert len(reported(heard)) == 1


def test_a_hundred_spools_are_not_a_hundred_lines(heard: demo.RunningSlack) -> None:
    for number in range(100):
        beat(UUID(int=number + 1), accepted=1, dropped=1)

    loss_check.watch()

    [text] = reported(heard)
    assert "... and 90 more spools" in text
    assert len(text.splitlines()) == 12
