import email.utils
import ipaddress
import json
import socket
import time
from contextlib import closing
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from nexus_project.demo import slack as demo
from nexus_project.demo.script import Script
from nexus_project.demo.serving import free_socket
from proxy.store.notifications.slack_post import NotNow, Undeliverable, send

POST = {"text": "Olá \U0001f44d"}


class NameServer:
    """Plays a rebinding name server: each look-up of a name gets the next addresses. Literals need no server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *responses: list[str]) -> None:
        self.responses = list(responses)
        self.asked = 0
        self.real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            found = self.responses[min(self.asked, len(self.responses) - 1)]
            self.asked += 1
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]
        return self.real(host, port, *rest, **options)


def test_a_post_arrives_as_json_under_the_webhooks_own_name(slack: demo.RunningSlack) -> None:
    send(slack.webhook_url, POST)

    (entry,) = slack.posts
    assert json.loads(entry.body) == POST
    assert entry.path == demo.WEBHOOK_PATH
    assert entry.value("host").startswith("localhost:")
    assert entry.value("content-type") == "application/json"


@pytest.mark.parametrize(
    "webhook",
    ["http://localhost:1/services/x", "ftp://a.b/c", "", "https://", "https://a:99999/", "https://a:0/"],
)
def test_what_is_not_https_is_refused(webhook: str) -> None:
    with pytest.raises(Undeliverable, match="not an https address"):
        send(webhook, POST)


def test_a_webhook_with_a_control_character_is_refused(slack: demo.RunningSlack) -> None:
    with pytest.raises(Undeliverable, match="copy it from Slack"):
        send(slack.webhook_url + "\x01", POST)


def test_a_redirect_is_not_followed(slack: demo.RunningSlack) -> None:
    slack.app.responses.append(demo.redirect(slack.webhook_url + "/next"))

    with pytest.raises(Undeliverable, match="redirects"):
        send(slack.webhook_url, POST)

    assert len(slack.posts) == 1


def test_a_private_address_is_refused_before_anything_is_sent(
    slack: demo.RunningSlack, settings: Settings
) -> None:
    settings.SLACK_ALLOW_PRIVATE_ADDRESSES = False

    with pytest.raises(Undeliverable, match="private address"):
        send(slack.webhook_url, POST)

    assert slack.posts == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    NameServer(monkeypatch, ["8.8.8.8", "10.0.0.1"])

    with pytest.raises(Undeliverable, match="private address"):
        send("https://hooks.example.com/services/x", POST)


def test_a_name_that_changes_after_the_check_changes_nothing(
    slack: demo.RunningSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = NameServer(monkeypatch, ["127.0.0.1"], ["127.0.0.66"])

    send(slack.webhook_url, POST)

    assert len(slack.posts) == 1
    assert names.asked == 1


def test_the_second_address_is_tried_when_the_first_does_not_answer(
    slack: demo.RunningSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    NameServer(monkeypatch, ["127.0.0.66", "127.0.0.1"])

    send(slack.webhook_url, POST)

    assert len(slack.posts) == 1


def test_a_webhook_on_this_machine_is_never_posted_through_a_proxy(
    slack: demo.RunningSlack, settings: Settings
) -> None:
    settings.UPSTREAM_PROXY = "http://127.0.0.1:1"

    send(slack.webhook_url, POST)

    assert len(slack.posts) == 1


def test_a_certificate_of_an_unknown_authority_is_refused(
    slack: demo.RunningSlack, settings: Settings
) -> None:
    settings.SLACK_CA_FILE = ""

    with pytest.raises(NotNow, match="CERTIFICATE_VERIFY_FAILED"):
        send(slack.webhook_url, POST)

    assert slack.posts == []


def test_a_certificate_for_another_name_is_refused(slack: demo.RunningSlack) -> None:
    with pytest.raises(NotNow, match="CERTIFICATE_VERIFY_FAILED"):
        send(slack.webhook_url.replace("localhost", "127.0.0.1"), POST)


def test_a_ca_file_that_is_missing_is_named(slack: demo.RunningSlack, settings: Settings) -> None:
    settings.SLACK_CA_FILE = "/nowhere/ca.pem"

    with pytest.raises(Undeliverable, match="SLACK_CA_FILE"):
        send(slack.webhook_url, POST)


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        (demo.rate_limited(7), 7.0),
        (demo.rate_limited(0), 1.0),
        (demo.rate_limited(99_999), 3600.0),
        (demo.plain("", status=429), 30.0),
        (demo.plain("", status=429, headers=(("retry-after", "soon"),)), 30.0),
        (demo.plain("", status=429, headers=(("retry-after", "nan"),)), 30.0),
    ],
)
def test_the_wait_is_what_slack_asks_for(slack: demo.RunningSlack, response: Script, seconds: float) -> None:
    slack.app.responses.append(response)

    with pytest.raises(NotNow) as reported:
        send(slack.webhook_url, POST)

    assert reported.value.wait_seconds == seconds


def test_the_wait_may_be_a_date(slack: demo.RunningSlack) -> None:
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    slack.app.responses.append(demo.plain("", status=429, headers=(("retry-after", date),)))

    with pytest.raises(NotNow) as reported:
        send(slack.webhook_url, POST)

    assert reported.value.wait_seconds == pytest.approx(100, abs=3)


@pytest.mark.parametrize(
    "response", [demo.SERVER_ERROR, demo.plain("", status=408), Script(end="no_head"), Script(end="cut")]
)
def test_trouble_that_may_pass_is_not_now(slack: demo.RunningSlack, response: Script) -> None:
    slack.app.responses.append(response)

    with pytest.raises(NotNow) as reported:
        send(slack.webhook_url, POST)

    assert reported.value.wait_seconds is None


def test_a_closed_port_is_not_now(slack: demo.RunningSlack) -> None:
    with closing(free_socket()) as reserved:
        port = reserved.getsockname()[1]

    with pytest.raises(NotNow, match="no connection"):
        send(f"https://localhost:{port}/services/x", POST)


def test_a_name_without_an_address_is_not_now() -> None:
    with pytest.raises(NotNow, match="no address"):
        send("https://nowhere.invalid/services/x", POST)


@pytest.mark.parametrize(
    ("response", "advice"),
    [
        (demo.NO_SERVICE, "make a new one in Slack"),
        (demo.plain("invalid_token", status=403), "copy it from Slack again"),
        (demo.plain("channel_is_archived", status=410), "choose another one"),
        (demo.plain("<b>x</b>", status=400), "check the webhook"),
    ],
)
def test_a_refusal_says_what_to_do(slack: demo.RunningSlack, response: Script, advice: str) -> None:
    slack.app.responses.append(response)

    with pytest.raises(Undeliverable, match=advice):
        send(slack.webhook_url, POST)


@pytest.mark.parametrize("response", [demo.NO_SERVICE, demo.SERVER_ERROR, demo.redirect("https://a.b")])
def test_no_failure_tells_the_webhook(slack: demo.RunningSlack, response: Script) -> None:
    slack.app.responses.append(response)

    with pytest.raises((Undeliverable, NotNow)) as reported:
        send(slack.webhook_url, POST)

    assert "abcdefghij" not in str(reported.value)
