"""Slack, through real processes: a worker posts to a local TLS server that plays Slack; requests never wait for it."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from nexus_project.demo import slack as demo
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for

SYSTEM = [{"type": "text", "text": "You help."}, {"type": "text", "text": "Be brief."}]


@pytest.fixture(scope="module")
def running() -> Iterator[demo.RunningSlack]:
    with demo.serve() as running:
        yield running


@pytest.fixture(scope="module")
def reported(make_nexus: Callable[..., Nexus], running: demo.RunningSlack) -> Nexus:
    """A system without storage: it notifies all the same."""
    return make_nexus(
        STORAGE_ENABLED="false",
        SLACK_WEBHOOK_URL=running.webhook_url,
        SLACK_CA_FILE=str(running.ca_file),
        SLACK_ALLOW_PRIVATE_ADDRESSES="true",
    )


def ask(nexus: Nexus, text: str, host: str, *, system: object = SYSTEM, **headers: str) -> httpx.Response:
    body = {"model": "claude-sonnet-5", "max_tokens": 40, "system": system}
    body["messages"] = [{"role": "user", "content": text}]
    return nexus.client(host=host, **headers).post("/v1/messages", json=body)


def posts(running: demo.RunningSlack, word: str) -> list[dict[str, Any]]:
    """What was posted about the request whose text or domain holds this word."""
    return [json.loads(post.body) for post in running.posts if word in post.body.decode()]


def test_e0_an_inference_is_told_once_and_a_query_evaluation_never(
    reported: Nexus, running: demo.RunningSlack
) -> None:
    word, session = uuid4().hex, {"x-claude-code-session-id": uuid4().hex}

    ask(reported, f"quiet {word}", "slack.example", system="one", **session)
    ask(reported, f"first {word}", "slack.example", **session)
    ask(reported, f"first {word}", "slack.example", **session)
    ask(reported, f"second {word}", "slack.example", **session)

    wait_for(lambda: len(posts(running, word)) >= 2, 20)
    time.sleep(1)
    # Two workers may store the two batches in either order.
    first, second = sorted(post["text"] for post in posts(running, word))
    assert f":bust_in_silhouette: User: first {word}" in first
    assert ":robot_face: Claude: " in first
    assert f"second {word}" in second
    assert reported.rows("SELECT 1 FROM proxy_exchange") == []


def test_e0_an_error_is_told_as_its_own_message(reported: Nexus, running: demo.RunningSlack) -> None:
    domain = f"{uuid4().hex}.example"

    response = ask(reported, "hello", domain, **{"x-emulate": "status=529"})

    wait_for(lambda: posts(running, domain), 20)
    (post,) = posts(running, domain)
    assert post["attachments"][0]["color"] == "#ff0000"
    assert response.headers["x-nexus-id"] in json.dumps(post)


def test_e0_a_personal_domain_is_never_told(reported: Nexus, running: demo.RunningSlack) -> None:
    word, other = uuid4().hex, uuid4().hex

    ask(reported, word, "my-personal.example")
    ask(reported, other, "shared.example")

    wait_for(lambda: posts(running, other), 20)
    assert posts(running, word) == []


def test_a_domains_own_webhook_wins_and_a_secret_in_a_text_is_masked(
    reported: Nexus, running: demo.RunningSlack
) -> None:
    word = uuid4().hex
    own = running.webhook_url[:-4] + "mine"
    file = {"type": "api_key", "api_key": "sk-ant-api03-x", "slack": {"webhook_url": own, "enabled": True}}
    (reported.data_dir / "credentials" / "own.example.credentials.json").write_text(json.dumps(file))
    wait_for(lambda: _paid_by_file(reported), 5)

    ask(reported, f"{word} uses sk-ant-api03-very-secret-{word} now", "own.example")

    wait_for(lambda: posts(running, word), 20)
    (entry,) = [post for post in running.posts if word in post.body.decode()]
    assert entry.path.endswith("mine")
    assert f"very-secret-{word}" not in entry.body.decode()


def _paid_by_file(nexus: Nexus) -> bool:
    ask(nexus, "warm up", "own.example", system="one")
    return any(entry.credential == "sk-ant-api03-x" for entry in nexus.emulator.app.log)


def test_a_limited_rate_is_obeyed_and_no_request_waits_for_slack(
    reported: Nexus, running: demo.RunningSlack
) -> None:
    word = uuid4().hex
    running.app.responses.extend([demo.rate_limited(2), demo.slow(1)])
    started = time.monotonic()

    for number in range(5):
        ask(reported, f"{word} {number}", "limited.example", **{"x-claude-code-session-id": uuid4().hex})
    took = time.monotonic() - started

    wait_for(lambda: len({post["text"] for post in posts(running, word)}) == 5, 30)
    moments = [entry.started_at for entry in running.posts if word in entry.body.decode()]
    assert took < 2
    assert (moments[1] - moments[0]).total_seconds() >= 2
