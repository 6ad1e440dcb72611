import time
from datetime import timedelta

import pytest
import time_machine
from pytest_django.fixtures import Settings

from nexus_project.demo import slack as demo
from proxy.store.notifications import post_queue
from proxy.store.notifications.redis_link import connection
from tests.notifications.conftest import counted, posted

pytestmark = pytest.mark.django_db


def put(domain: str, *texts: str) -> None:
    for text in texts:
        assert post_queue.put(domain, "id", {"text": text})


def texts(slack: demo.RunningSlack) -> list[str]:
    return [str(post["text"]) for post in posted(slack)]


def end_of_hold(slack: demo.RunningSlack) -> None:
    connection().delete(post_queue._hold_key(slack.webhook_url))


def test_what_waits_is_sent_in_its_order(global_slack: demo.RunningSlack, domain: str) -> None:
    put(domain, "one", "two", "three")

    assert post_queue.drain(domain) is None

    assert texts(global_slack) == ["one", "two", "three"]
    assert counted() == {"delivered": 3}


def test_a_post_has_the_looks_of_its_recipient(
    global_slack: demo.RunningSlack, domain: str, settings: Settings
) -> None:
    settings.SLACK_CHANNEL = "#nexus"
    put(domain, "one")

    post_queue.drain(domain)

    assert posted(global_slack) == [
        {
            "text": "one",
            "channel": "#nexus",
            "username": "Claude Nexus Proxy",
            "icon_emoji": ":robot_face:",
        }
    ]


def test_nothing_waiting_needs_no_visit(domain: str) -> None:
    assert post_queue.drain(domain) is None


def test_a_limited_rate_holds_every_post_to_that_webhook(
    global_slack: demo.RunningSlack, domain: str
) -> None:
    global_slack.app.responses.append(demo.rate_limited(7))
    put(domain, "one")
    put(f"other-{domain}", "two")

    assert post_queue.drain(domain) == 7.0
    held = post_queue.drain(f"other-{domain}")

    assert held is not None
    assert 6 < held <= 7
    assert len(global_slack.posts) == 1


def test_after_the_wait_the_held_post_comes_first(global_slack: demo.RunningSlack, domain: str) -> None:
    global_slack.app.responses.append(demo.rate_limited(1))
    put(domain, "one")
    assert post_queue.drain(domain) == 1.0
    put(domain, "two")
    time.sleep(1.05)

    assert post_queue.drain(domain) is None

    assert texts(global_slack) == ["one", "one", "two"]


def test_a_limited_rate_is_no_failed_try(global_slack: demo.RunningSlack, domain: str) -> None:
    global_slack.app.responses.extend([demo.rate_limited(1)] * (post_queue.MOST_TRIES + 2))
    put(domain, "one")

    for _ in range(post_queue.MOST_TRIES + 2):
        assert post_queue.drain(domain) == 1.0
        end_of_hold(global_slack)

    assert post_queue.drain(domain) is None


def test_a_longer_hold_is_not_shortened(global_slack: demo.RunningSlack) -> None:
    post_queue._hold(global_slack.webhook_url, 100)
    post_queue._hold(global_slack.webhook_url, 1)

    assert post_queue._held_seconds(global_slack.webhook_url) > 90


def test_failures_are_tried_ten_times_with_growing_pauses(
    global_slack: demo.RunningSlack, domain: str, caplog: pytest.LogCaptureFixture
) -> None:
    global_slack.app.responses.extend([demo.SERVER_ERROR] * post_queue.MOST_TRIES)
    put(domain, "one", "two")

    pauses = []
    while (pause := post_queue.drain(domain)) is not None:
        pauses.append(pause)
        end_of_hold(global_slack)

    assert len(pauses) == post_queue.MOST_TRIES - 1
    assert all(2**n / 2 <= pause <= 2**n for n, pause in enumerate(pauses[:7], start=1))
    assert max(pauses) <= post_queue.LONGEST_BACKOFF_SECONDS
    assert texts(global_slack)[-1] == "two"
    assert counted() == {"failed": 1, "delivered": 1}
    assert "slack.undeliverable" in caplog.messages


def test_a_refused_post_is_given_up_at_once_and_the_next_one_sent(
    global_slack: demo.RunningSlack, domain: str, caplog: pytest.LogCaptureFixture
) -> None:
    global_slack.app.responses.append(demo.NO_SERVICE)
    put(domain, "one", "two")

    assert post_queue.drain(domain) is None

    assert texts(global_slack) == ["one", "two"]
    assert counted() == {"failed": 1, "delivered": 1}
    assert any("make a new one in Slack" in str(record.__dict__.get("why")) for record in caplog.records)


def test_what_nobody_wants_any_more_is_dropped(domain: str) -> None:
    put(domain, "one")

    assert post_queue.drain(domain) is None

    assert counted() == {"dropped": 1}


def test_what_waited_a_day_is_dropped(global_slack: demo.RunningSlack, domain: str) -> None:
    put(domain, "old")

    with time_machine.travel(time.time() + timedelta(days=1, seconds=1).total_seconds()):
        assert post_queue.drain(domain) is None

    assert global_slack.posts == []
    assert counted() == {"dropped": 1}


def test_a_full_queue_takes_no_more_and_counts_it(domain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post_queue, "MOST_WAITING", 2)
    put(domain, "one", "two")

    assert not post_queue.put(domain, "id", {"text": "three"})

    assert counted() == {"dropped": 1}


def test_a_second_worker_comes_again_later(global_slack: demo.RunningSlack, domain: str) -> None:
    put(domain, "one")

    with connection().lock(f"nexus:slack:lock:{domain}", timeout=10):
        assert post_queue.drain(domain) == post_queue.LOCKED_WAIT_SECONDS

    assert global_slack.posts == []
    assert post_queue.drain(domain) is None


def test_a_lock_that_ran_out_under_a_slow_post_does_no_harm(
    global_slack: demo.RunningSlack, domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_queue, "LOCK_SECONDS", 0.1)
    global_slack.app.responses.append(demo.slow(0.3))
    put(domain, "one", "two")

    assert post_queue.drain(domain) is None

    assert texts(global_slack) == ["one", "two"]


def test_a_queue_emptied_by_another_worker_is_no_error(domain: str) -> None:
    assert post_queue._send_head(domain) == 0.0


def test_no_webhook_stands_in_redis(global_slack: demo.RunningSlack, domain: str) -> None:
    global_slack.app.responses.append(demo.rate_limited(5))
    put(domain, "one")
    post_queue.drain(domain)

    names = list(connection().scan_iter("nexus:slack*"))
    queue = connection().lrange(post_queue._queue(domain), 0, -1)

    assert any(domain in name for name in names)
    assert "abcdefghijklmnop" not in f"{names} {queue}"
