import ssl
import time
from collections.abc import Iterator

import httpx
import pytest

from nexus_project.demo import slack
from nexus_project.demo.script import Script
from nexus_project.demo.slack import RunningSlack


@pytest.fixture
def workspace() -> Iterator[RunningSlack]:
    with slack.serve() as running:
        yield running


@pytest.fixture
def http(workspace: RunningSlack) -> Iterator[httpx.Client]:
    trust = ssl.create_default_context(cafile=str(workspace.ca_file))
    with httpx.Client(verify=trust, trust_env=False) as client:
        yield client


def test_a_post_is_kept_exactly(workspace: RunningSlack, http: httpx.Client) -> None:
    body = '{"text":"héllo"}'.encode()

    response = http.post(workspace.webhook_url, content=body)

    assert workspace.webhook_url.startswith("https://localhost:")
    assert (response.status_code, response.text) == (200, "ok")
    assert [post.body for post in workspace.posts] == [body]


@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        (slack.rate_limited(3), 429, "rate_limited"),
        (slack.SERVER_ERROR, 500, "rollup_error"),
        (slack.NO_SERVICE, 404, "no_service"),
        (slack.redirect("https://elsewhere.example/"), 302, ""),
    ],
)
def test_the_next_answer_can_be_scripted(
    workspace: RunningSlack, http: httpx.Client, script: Script, status: int, text: str
) -> None:
    workspace.app.responses.append(script)

    first, second = (http.post(workspace.webhook_url, content=b"{}") for _ in range(2))

    assert (first.status_code, first.text) == (status, text)
    assert second.text == "ok"
    assert first.headers.get("retry-after") == ("3" if status == 429 else None)


def test_a_slow_answer_takes_its_time(workspace: RunningSlack, http: httpx.Client) -> None:
    workspace.app.responses.append(slack.slow(0.2))
    started = time.monotonic()

    http.post(workspace.webhook_url, content=b"{}")

    assert time.monotonic() - started >= 0.2


def test_only_webhooks_are_served(workspace: RunningSlack, http: httpx.Client) -> None:
    assert http.get(workspace.webhook_url).status_code == 404
    assert http.post(workspace.webhook_url.replace("services", "api"), content=b"").status_code == 404


def test_a_client_that_trusts_nobody_new_is_kept_out(workspace: RunningSlack) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.post(workspace.webhook_url, content=b"{}", trust_env=False)
