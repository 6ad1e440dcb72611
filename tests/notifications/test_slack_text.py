from typing import Any

import pytest

from proxy.store.notifications import slack_text
from proxy.store.notifications.slack_text import conversation
from tests.notifications.stored import STARTED_AT, call, exchange, failure, response


def test_a_post_tells_user_claude_and_tools() -> None:
    calls = (call("Read", file_path="/src/a.py"), call("Bash", command="ls"))

    post = conversation(exchange(calls=calls, message=response("I look.", *calls)))

    assert post["text"].splitlines() == [
        ":bust_in_silhouette: User: Where is Lisbon?",
        ":robot_face: Claude: I look.",
        "    :wrench: Read - src/a.py",
        "    :wrench: Bash - `ls`",
    ]


def test_the_footer_names_domain_model_account_and_tokens() -> None:
    attachment = conversation(exchange())["attachments"][0]

    assert attachment["footer"] == "api.example.com | claude-sonnet-4-5 | acc_team | Tokens: 12/34"
    assert attachment["ts"] == int(STARTED_AT.timestamp())


def test_unknown_tokens_and_accounts_leave_the_footer() -> None:
    attachment = conversation(exchange(account="", counts=None))["attachments"][0]

    assert attachment["footer"] == "api.example.com | claude-sonnet-4-5"


def test_an_answer_of_tools_alone_has_no_line_of_claude() -> None:
    post = conversation(exchange(calls=(call("TodoRead"),), message={"content": []}))

    assert post["text"] == ":bust_in_silhouette: User: Where is Lisbon?\n    :wrench: TodoRead"


@pytest.mark.parametrize(
    "message", [None, {}, {"content": "x"}, {"content": [1, {"type": "thinking", "thinking": "hm"}]}]
)
def test_an_answer_without_text_is_told_without_it(message: dict[str, object] | None) -> None:
    assert conversation(exchange(message=message))["text"] == ":bust_in_silhouette: User: Where is Lisbon?"


def test_the_20th_line_of_an_answer_is_the_last() -> None:
    post = conversation(exchange(message=response("\n".join(str(line) for line in range(30)))))

    assert post["text"].endswith("19... (truncated)")


def test_many_tools_are_counted() -> None:
    post = conversation(exchange(calls=(call("TodoRead"),) * 25))

    assert post["text"].count(":wrench:") == 21
    assert post["text"].endswith(":wrench: ... and 5 more")


def test_an_error_is_red_with_request_domain_and_time() -> None:
    failed = failure()

    post = slack_text.error(failed)

    attachment = post["attachments"][0]
    assert "text" not in post
    assert attachment["color"] == "#ff0000"
    assert attachment["title"] == f"Request {failed.exchange_id}"
    assert attachment["text"] == "Error: overloaded_error: Overloaded"
    assert attachment["fields"] == [
        {"title": "Domain", "value": "api.example.com", "short": True},
        {"title": "Time", "value": "2026-11-23 10:20:30 UTC", "short": True},
    ]


def test_an_error_without_words_says_how_the_request_ended() -> None:
    post = slack_text.error(failure(outcome="upstream_cut", status=200, error_type="", error_message=""))

    assert post["attachments"][0]["text"] == "Error: the request ended as upstream_cut, status 200"


def test_an_error_before_any_answer_names_no_status() -> None:
    post = slack_text.error(failure(outcome="aborted", status=0, error_type="", error_message=""))

    assert post["attachments"][0]["text"] == "Error: the request ended as aborted, without an answer"


HOSTILE = "<!channel> <https://evil.example|click> sk-ant-api03-PLANTED0000000000"


@pytest.mark.parametrize(
    "fields",
    [
        {"user_text": HOSTILE},
        {"message": response(HOSTILE)},
        {"calls": (call("Bash", command=HOSTILE),)},
        {"calls": (call(HOSTILE),)},
        {"calls": (call("Task", prompt=HOSTILE),)},
        {"model": HOSTILE},
        {"domain": HOSTILE},
        {"account": HOSTILE},
    ],
)
def test_nothing_of_a_stranger_carries_markup_or_secrets(fields: dict[str, Any]) -> None:
    post = str(conversation(exchange(**fields)))

    assert "<" not in post
    assert "PLANTED" not in post


@pytest.mark.parametrize("name", ["error_message", "error_type", "domain", "model"])
def test_nothing_of_an_error_carries_markup_or_secrets(name: str) -> None:
    post = str(slack_text.error(failure(**{name: HOSTILE})))

    assert "<" not in post
    assert "PLANTED" not in post


def test_slack_is_asked_to_find_no_names_and_fetch_no_links() -> None:
    post = conversation(exchange())

    assert (post["parse"], post["link_names"]) == ("none", False)
    assert (post["unfurl_links"], post["unfurl_media"]) == (False, False)
