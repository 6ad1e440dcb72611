"""A model without a price is reported to the global webhook, once for ever."""

import uuid
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from nexus_project.demo import slack as demo
from proxy.record import Record
from proxy.store.ingest import batch as ingest
from proxy.store.notifications import notify, post_queue, tasks
from proxy.store.notifications.redis_link import connection
from proxy.store.notifications.slack_config import EVERYBODY
from tests.notifications.conftest import Published, posted
from tests.notifications.stored import exchange
from tests.store.records import ask, make_batch, make_head, make_record, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    """This queue is the same for all tests."""
    connection().delete(post_queue._queue(EVERYBODY))
    yield
    connection().delete(post_queue._queue(EVERYBODY))


def quiet_exchange(model: str) -> Record:
    """No inference, so that nothing else is reported of it."""
    return make_record(
        ask(model="fast"), say(model=model), head=make_head(domain=f"{uuid.uuid4().hex}.example")
    )


def test_it_is_posted_once_whatever_comes_twice_and_with_redis_wiped(
    global_slack: demo.RunningSlack, settings: Settings, published: list[Published]
) -> None:
    settings.DASHBOARD_URL = "https://nexus.example"
    batch = make_batch(quiet_exchange("claude-next-1"))

    ingest.ingest(batch)
    tasks.deliver_slack(EVERYBODY)
    connection().delete(*connection().keys("nexus:slack:*"))
    ingest.ingest(batch)
    ingest.ingest(make_batch(quiet_exchange("claude-next-1")))
    tasks.deliver_slack(EVERYBODY)

    [post] = posted(global_slack)
    text = post["attachments"][0]["text"]
    assert "No price for claude-next-1" in text
    assert "https://nexus.example/admin/proxy/price/add/" in text
    assert "manage.py reprice" in text
    assert [task.args for task in published] == [[EVERYBODY]]


def test_it_says_nothing_of_the_domain_that_met_it(global_slack: demo.RunningSlack) -> None:
    notify([exchange("secret.example", request_type="quota", account="acc_secret", unpriced_model="m")])

    tasks.deliver_slack(EVERYBODY)

    assert "secret" not in str(posted(global_slack))


def test_a_name_from_outside_has_no_meaning_to_slack(global_slack: demo.RunningSlack) -> None:
    notify([exchange(request_type="quota", unpriced_model="<!channel> sk-ant-api03-PLANTED0000")])

    tasks.deliver_slack(EVERYBODY)

    assert "<!channel>" not in str(posted(global_slack))
    assert "PLANTED" not in str(posted(global_slack))


def test_without_a_global_webhook_nothing_waits(published: list[Published]) -> None:
    notify([exchange(request_type="quota", unpriced_model="m")])

    assert connection().llen(post_queue._queue(EVERYBODY)) == 0
    assert published == []
