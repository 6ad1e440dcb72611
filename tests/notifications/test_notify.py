import logging
import re
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from nexus_project.demo import slack as demo
from proxy.store.announce import announce
from proxy.store.notifications import notify, post_queue, tasks
from proxy.store.notifications.redis_link import connection
from tests.notifications.conftest import Published, posted
from tests.notifications.stored import STARTED_AT, exchange, failure

pytestmark = pytest.mark.django_db


def named(published: list[Published], name: str) -> list[Published]:
    return [task for task in published if task.name == f"notifications.{name}"]


def test_what_is_announced_after_a_commit_reaches_slack(
    global_slack: demo.RunningSlack, domain: str, published: list[Published]
) -> None:
    announce([exchange(domain)])

    (task,) = named(published, "deliver_slack")
    tasks.deliver_slack(*task.args)

    (post,) = posted(global_slack)
    assert post["text"] == ":bust_in_silhouette: User: Where is Lisbon?\n:robot_face: Claude: In Portugal."


def test_a_batch_queues_one_task_a_domain_and_keeps_the_order(
    global_slack: demo.RunningSlack, domain: str, published: list[Published]
) -> None:
    batch = [
        exchange(domain, user_text=f"question {number}", started_at=STARTED_AT + timedelta(seconds=number))
        for number in (2, 0, 1)
    ]

    notify(batch)

    assert named(published, "deliver_slack") == [
        Published("notifications.deliver_slack", "nexus", [domain], is_later=False)
    ]
    tasks.deliver_slack(domain)
    questions = [re.findall(r"question (\d)", str(post)) for post in posted(global_slack)]
    assert questions == [["0"], ["1"], ["2"]]


def test_an_error_is_a_message_of_its_own(
    global_slack: demo.RunningSlack, domain: str, published: list[Published]
) -> None:
    notify([failure(domain)])

    tasks.deliver_slack(domain)

    (post,) = posted(global_slack)
    assert "text" not in post
    assert post["attachments"][0]["color"] == "#ff0000"
    assert len(published) == 1


def test_a_domain_that_nobody_hears_leaves_no_trace(domain: str, published: list[Published]) -> None:
    notify([exchange(domain)])

    assert published == []
    assert connection().llen(post_queue._queue(domain)) == 0


def test_no_task_carries_a_text_or_a_webhook(
    global_slack: demo.RunningSlack, domain: str, published: list[Published]
) -> None:
    notify([exchange(domain, user_text="sk-ant-api03-PLANTED0000")])

    waiting = connection().lrange(post_queue._queue(domain), 0, -1)

    assert len(published) == len(waiting) == 1
    assert "PLANTED" not in f"{published} {waiting}"
    assert "abcdefghijklmnop" not in f"{published} {waiting}"


def test_a_post_that_must_wait_has_one_task_come_again(
    global_slack: demo.RunningSlack, domain: str, published: list[Published]
) -> None:
    global_slack.app.responses.append(demo.rate_limited(30))
    post_queue.put(domain, "id", {"text": "one"})

    tasks.deliver_slack(domain)
    tasks.deliver_slack(domain)

    again = Published("notifications.deliver_slack", "nexus", [domain, True], is_later=True)
    assert published == [again]

    tasks.deliver_slack(domain, woken=True)

    assert published == [again, again]


def test_a_long_wait_is_made_in_steps_that_redis_does_not_repeat(
    global_slack: demo.RunningSlack, domain: str, published: list[Published]
) -> None:
    global_slack.app.responses.append(demo.rate_limited(3000))
    post_queue.put(domain, "id", {"text": "one"})

    tasks.deliver_slack(domain)

    assert connection().ttl(f"nexus:slack:due:{domain}") <= tasks.LONGEST_COUNTDOWN_SECONDS
    assert len(published) == 1


def test_telemetry_is_queued_for_all_kinds_of_requests(
    settings: Settings, domain: str, published: list[Published]
) -> None:
    settings.TELEMETRY_ENDPOINT = "http://127.0.0.1:1/collect"

    notify([exchange(domain), failure(domain), exchange(domain, request_type="count_tokens")])

    (task,) = named(published, "send_telemetry")
    assert task.queue == "nexus"
    assert [reported["requestType"] for reported in task.args[0]] == [
        "inference",
        "inference",
        "count_tokens",
    ]


def test_without_an_endpoint_no_telemetry_is_queued(domain: str, published: list[Published]) -> None:
    notify([exchange(domain)])

    assert named(published, "send_telemetry") == []


def test_redis_down_is_logged_and_never_raised(
    settings: Settings, domain: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.SLACK_WEBHOOK_URL = "https://hooks.slack.com/services/x"
    settings.SLACK_ENABLED = True

    with caplog.at_level(logging.ERROR):
        notify([exchange(domain)])

    assert "notify.failed" in caplog.messages
