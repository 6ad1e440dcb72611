"""The test message of a domain's page: sent as every post is, and its result says what to do."""

from collections.abc import Iterator

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from accounts.models import Domain
from dashboard.models import AuditEntry
from nexus_project.demo import slack as demo
from proxy.store.admin.webhook import MOST
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def slack(settings: Settings) -> Iterator[demo.RunningSlack]:
    with demo.serve() as running:
        settings.SLACK_CA_FILE = str(running.ca_file)
        settings.SLACK_ALLOW_PRIVATE_ADDRESSES = True
        settings.SLACK_WEBHOOK_URL = ""
        yield running


@pytest.fixture
def operator(client: Client, real_redis: redis.Redis) -> Client:
    user = User.objects.create_superuser("olga")
    real_redis.delete(f"nexus:slack:tests:{user.pk}")
    client.force_login(user)
    return client


def posted(client: Client, domain: Domain) -> str:
    """The page that says what became of it."""
    return client.post(f"/admin/accounts/domain/{domain.pk}/test-webhook/", follow=True).text


def test_a_message_arrives_with_the_domains_looks(operator: Client, slack: demo.RunningSlack) -> None:
    domain = people.make_domain(slack_webhook_url=slack.webhook_url, slack_channel="#team")
    shown = posted(operator, domain)
    [post] = slack.posts

    assert "Delivered: look for it in the channel" in shown
    assert b"A test message for api.example.com" in post.body
    assert b'"#team"' in post.body
    assert slack.webhook_url not in shown
    assert "Test webhook" in shown
    assert AuditEntry.objects.get(kind="accounts.domain").message == "Tested the webhook: delivered."


def test_what_slack_says_comes_with_what_to_do(operator: Client, slack: demo.RunningSlack) -> None:
    domain = people.make_domain(slack_webhook_url=slack.webhook_url)
    slack.app.responses.append(demo.NO_SERVICE)
    assert "the webhook was removed: make a new one in Slack and set it" in posted(operator, domain)
    slack.app.responses.append(demo.rate_limited(7))

    assert "Slack asks to wait 7 seconds" in posted(operator, domain)


def test_without_a_webhook_it_says_where_to_set_one(operator: Client, slack: demo.RunningSlack) -> None:
    assert "it has no webhook, or Slack is off for it" in posted(operator, people.make_domain())
    assert slack.posts == []


def test_so_many_in_a_while_and_no_more(operator: Client, slack: demo.RunningSlack) -> None:
    domain = people.make_domain(slack_webhook_url=slack.webhook_url)
    shown = [posted(operator, domain) for _ in range(MOST + 1)]

    assert len(slack.posts) == MOST
    assert "Too many tests: wait" in shown[-1]


def test_it_needs_the_right_and_is_never_sent_by_a_link(
    client: Client, operator: Client, slack: demo.RunningSlack
) -> None:
    domain = people.make_domain(slack_webhook_url=slack.webhook_url)
    path = f"/admin/accounts/domain/{domain.pk}/test-webhook/"
    assert operator.get(path).status_code == 405
    client.force_login(people.reader("carl", "view_figures", is_staff=True))

    assert client.post(path).status_code == 403
    assert Client(enforce_csrf_checks=True).post(path).status_code in (302, 403)
    assert slack.posts == []
