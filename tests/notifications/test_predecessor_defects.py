"""Each Slack defect of the predecessor does not come back (docs/predecessor.md#defects-that-must-not-come-back)."""

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from nexus_project.demo import slack as demo
from proxy.store.notifications import notify, tasks
from proxy.store.notifications.slack_config import recipient_of
from proxy.wire.messages import read_response
from tests.notifications.conftest import posted, write_credential_file
from tests.notifications.stored import call, exchange, failure, response
from tests.people import make_domain

pytestmark = pytest.mark.django_db

STREAM = b"""event: message_start
data: {"type":"message_start","message":{"type":"message","role":"assistant","content":[]}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"In Portugal."}}

event: message_stop
data: {"type":"message_stop"}

"""
WHOLE = b'{"type":"message","role":"assistant","content":[{"type":"text","text":"In Portugal."}]}'


def report(domain: str, *fields: dict[str, Any]) -> None:
    notify([exchange(domain, **field) for field in fields])
    tasks.deliver_slack(domain)


def test_predecessor_defect_14_e0_the_webhook_of_a_credential_file_is_used(
    slack: demo.RunningSlack, domain: str, tmp_path: Path
) -> None:
    write_credential_file(tmp_path, domain, {"webhook_url": slack.webhook_url, "channel": "#team"})

    report(domain, {})

    assert [post["channel"] for post in posted(slack)] == ["#team"]


def test_predecessor_defect_14_e0_the_webhook_of_a_domain_wins_over_the_global_one(
    global_slack: demo.RunningSlack, domain: str
) -> None:
    with demo.serve() as unused:
        make_domain(domain, slack_webhook_url=unused.webhook_url)

        found = recipient_of(domain)

    assert found is not None
    assert found.webhook_url == unused.webhook_url != global_slack.webhook_url


def test_predecessor_defect_14_e2_the_global_webhook_is_used(
    global_slack: demo.RunningSlack, domain: str
) -> None:
    report(domain, {})

    assert len(global_slack.posts) == 1


@pytest.mark.parametrize(("kind", "body"), [("application/json", WHOLE), ("text/event-stream", STREAM)])
def test_predecessor_defect_14_e1_streamed_and_whole_answers_are_told_alike(
    global_slack: demo.RunningSlack, domain: str, kind: str, body: bytes
) -> None:
    report(domain, {"message": read_response(200, kind, body).message})

    (post,) = posted(global_slack)
    assert ":robot_face: Claude: In Portugal." in post["text"]


def test_predecessor_defect_of_slack_two_parallel_users_of_a_domain_do_not_flood_the_channel(
    global_slack: demo.RunningSlack, domain: str
) -> None:
    turns = [{"session_id": "ann", "user_text": "Fix"}, {"session_id": "bob", "user_text": "Test"}] * 5

    report(domain, *turns)

    assert len(global_slack.posts) == 2


def test_predecessor_defect_of_slack_a_limited_rate_is_obeyed(
    global_slack: demo.RunningSlack, domain: str
) -> None:
    global_slack.app.responses.append(demo.rate_limited(60))

    report(domain, {"user_text": "one"}, {"user_text": "two"})
    tasks.deliver_slack(domain)

    assert len(global_slack.posts) == 1


def test_predecessor_defect_of_slack_secrets_in_texts_are_masked(
    global_slack: demo.RunningSlack, domain: str
) -> None:
    secret = "sk-ant-api03-PLANTED" + "0" * 80
    tools = (call("Bash", command=f"curl -H 'Authorization: Bearer {secret}' https://a.b"),)

    report(
        domain,
        {
            "user_text": f"my key is {secret}",
            "message": response(f"You said {secret}", *tools),
            "calls": tools,
        },
    )
    notify([failure(domain, error_message=f"invalid x-api-key {secret}")])
    tasks.deliver_slack(domain)

    reported = b"".join(entry.body for entry in global_slack.posts)
    assert len(global_slack.posts) == 2
    assert reported.count(b"****") >= 4
    assert b"PLANTED" not in reported


def test_predecessor_defect_of_slack_errors_are_told(global_slack: demo.RunningSlack, domain: str) -> None:
    report(domain, {"outcome": "upstream_error", "status": 500, "error_type": "api_error", "message": None})

    (post,) = posted(global_slack)
    assert post["attachments"][0]["title"].startswith("Request ")


def test_predecessor_defect_of_slack_e0_only_inference_is_told(
    global_slack: demo.RunningSlack, domain: str
) -> None:
    report(domain, {"request_type": "query_evaluation"}, {"request_type": "count_tokens"})

    assert global_slack.posts == []


def test_a_personal_domain_is_never_told(global_slack: demo.RunningSlack, settings: Settings) -> None:
    make_domain("personal.example.com", slack_webhook_url=settings.SLACK_WEBHOOK_URL)

    report("personal.example.com", {})

    assert global_slack.posts == []
