"""What the page of one request shows."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from dashboard.templatetags.nexus import NOTHING
from proxy.store.models import Exchange, ExchangeBody
from tests import people
from tests.dashboard.pages.shown import text
from tests.dashboard.talk import session, stored
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


def test_an_unknown_exchange_is_not_found(signed_in: Client) -> None:
    response = signed_in.get(f"/dashboard/request/{uuid4()}")

    assert response.status_code == 404
    assert b"Not found" in response.content


def test_what_was_counted_stands_in_the_order_of_the_table_with_its_help(signed_in: Client) -> None:
    row = people.make_exchange(input_tokens=1234, output_tokens=5, cache_read_tokens=None, streamed=False)
    page = text(signed_in, f"/dashboard/request/{row.id}")
    facts = re.findall(r'<div title="([^"]+)"><dt>([^<]+)</dt><dd>([^<]+)</dd></div>', page)

    assert [fact[1:] for fact in facts[:4]] == [
        ("Input", "1,234"),
        ("Output", "5"),
        ("Cache read", NOTHING),
        ("Cache write", "20"),
    ]
    assert facts[1][0] == "Tokens that models wrote"


def test_e0_the_request_page_shows_what_is_known(signed_in: Client) -> None:
    price = people.make_price()
    row = people.make_exchange(
        price_id=price.id, tool_names=["Bash", "Read", "Bash"], tool_calls=3, session_id="session-1",
        passed_over="file:dead", streamed=True, duration_ms=1310, left_organisation="org-a",
    )  # fmt: skip

    page = text(signed_in, f"/dashboard/request/{row.id}")

    for expected in (
        str(row.id), "database:team", "instead of file:dead", "1.3 s, first byte 310 ms", "$0.0002", "session-1",
        "Bash \u00d7 2", "claude-sonnet-4-5 from 2025-01-01 (an operator", "Hello there.", "5/s",
        "The organisation org-a served this session before", "session changed organisation",
    ):  # fmt: skip
        assert expected in page
    assert "session changed" not in text(signed_in, f"/dashboard/request/{people.make_exchange().id}")


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("client_left", "The client left before an answer came."),
        ("aborted", "The proxy stopped or was killed before an answer came."),
        ("upstream_error", "No answer came; it ended as upstream error."),
    ],
)
def test_without_an_answer_a_sentence_stands_for_the_status(
    signed_in: Client, outcome: str, sentence: str
) -> None:
    row = people.make_exchange(outcome=outcome, status=0)

    assert f"<dt>Status</dt><dd>{sentence}" in text(signed_in, f"/dashboard/request/{row.id}")


def test_a_body_that_was_dropped_is_named(signed_in: Client) -> None:
    row = people.make_exchange()
    with as_owner():
        ExchangeBody.objects.filter(id=row.id).update(request_dropped=True, response_dropped=True)

    assert text(signed_in, f"/dashboard/request/{row.id}").count("spool was full") == 2
    assert text(signed_in, f"/dashboard/request/{row.id}?view=raw").count("spool was full") == 2


def test_a_body_that_is_not_kept_is_named_with_its_size(signed_in: Client) -> None:
    row = people.make_exchange()
    with as_owner():
        ExchangeBody.objects.filter(id=row.id).update(response_not_kept=True)
        Exchange.objects.filter(id=row.id).update(response_bytes=314_572_800)

    for view in ("conversation", "raw"):
        shown = text(signed_in, f"/dashboard/request/{row.id}?view={view}")
        assert "was not kept (size 314,572,800 bytes" in shown
        assert "dropped" not in shown
        assert "damaged" not in shown


def test_headers_that_cannot_be_read_are_told(signed_in: Client) -> None:
    row = people.make_exchange()
    with as_owner():
        ExchangeBody.objects.filter(id=row.id).update(headers=b"x", headers_dictionary=b"d" * 16)

    shown = text(signed_in, f"/dashboard/request/{row.id}?view=headers")

    assert f"need a piece of {row.month:%Y-%m} that is missing or damaged" in shown
    assert (shown.count("They cannot be read."), shown.count("None were kept.")) == (2, 0)
    assert "Conversation" in text(signed_in, f"/dashboard/request/{row.id}")


def test_an_exchange_without_bodies_still_has_a_page(signed_in: Client) -> None:
    row = people.make_exchange()
    with as_owner():
        ExchangeBody.objects.all().delete()

    for view in ("conversation", "raw", "headers"):
        assert str(row.id) in text(signed_in, f"/dashboard/request/{row.id}?view={view}")


def test_the_raw_view_masks_and_links_to_the_exact_bytes(signed_in: Client) -> None:
    row = people.make_exchange(
        request={"messages": [{"role": "user", "content": "sk-ant-api03-abcdefghijklmnop"}]}
    )

    page = text(signed_in, f"/dashboard/request/{row.id}?view=raw")

    assert "sk-ant-api03-abcdefghijklmnop" not in page
    assert "sk-ant-****" in page
    assert f"/api/requests/{row.id}/raw/request" in page


def test_the_raw_view_puts_a_stream_together(signed_in: Client) -> None:
    stream = (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
        b'"model":"x","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"Streamed words"}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    row = people.make_exchange(
        response=stream, response_headers=[("content-type", "text/event-stream")], streamed=True
    )

    assert "Streamed words" in text(signed_in, f"/dashboard/request/{row.id}")
    assert "put together from the stream" in text(signed_in, f"/dashboard/request/{row.id}?view=raw")


def test_the_headers_view_draws_the_stream(signed_in: Client) -> None:
    row = people.make_exchange(
        chunks=[(100.0, 50), (150.0, 70), (2500.0, 60)],
        duration_ms=2600,
        request_headers=[("x-app", "cli"), ("x-app", "two")],
    )

    page = text(signed_in, f"/dashboard/request/{row.id}?view=headers")

    assert page.count('<th scope="row">x-app</th>') == 2
    assert "2.4 s without a byte" in page
    assert "3 pieces between 100 ms and 2.5 s" in page


def deep(size: int = 100) -> dict[str, Any]:
    """A request with history, the last words of which are new."""
    exchange = [{"role": "user", "content": "old " * size}, {"role": "assistant", "content": "known " * size}]
    return {
        "system": "Be brief.",
        "tools": [{"name": "Bash"}],
        "messages": [*exchange * 20, {"role": "user", "content": "And now?"}],
    }


def test_what_is_new_comes_first_and_the_history_is_folded(signed_in: Client) -> None:
    row = people.make_exchange(request=deep(1))

    page = text(signed_in, f"/dashboard/request/{row.id}")

    assert page.index("New in this turn") < page.index("And now?") < page.index('id="answer"')
    assert (
        page.index('id="answer"') < page.index("Before this turn: 40 messages") < page.index('id="message-1"')
    )
    assert "Be brief." in page
    assert 'id="message-41"' in page


def test_the_history_of_a_large_request_is_read_on_demand(signed_in: Client) -> None:
    row = people.make_exchange(request=deep(2000))

    page = text(signed_in, f"/dashboard/request/{row.id}")
    history = signed_in.get(f"/dashboard/request/{row.id}?part=history")

    assert "And now?" in page
    assert "Before this turn: 40 messages, system prompt, 1 tool" in page
    assert "old old" not in page
    assert len(page) < 30_000
    assert history.headers["Cache-Control"] == "no-store"
    assert history.text.count("<article") == 40
    assert "Be brief." in history.text
    assert "And now?" not in history.text


def test_a_result_is_named_by_its_call(signed_in: Client) -> None:
    used = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "pytest -x"}}
    given = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "3 passed"}
    messages = [
        {"role": "user", "content": "test it"},
        {"role": "assistant", "content": [used]},
        {"role": "user", "content": [given]},
    ]
    row = people.make_exchange(request={"messages": messages})

    page = text(signed_in, f"/dashboard/request/{row.id}")

    assert '<span>Result of Bash</span> <span class="dim">pytest -x</span>' in page


def test_the_history_is_for_readers_of_bodies(client: Client) -> None:
    row = people.make_exchange(request=deep(2000))
    client.force_login(people.reader("ann", "view_figures"))

    part = text(client, f"/dashboard/request/{row.id}?part=history")

    assert "read_bodies" in part
    assert "old old" not in part


def test_a_turn_leads_to_its_session_to_the_turn_before_and_to_the_next(signed_in: Client) -> None:
    sent = session()
    row = stored(sent)

    page = text(signed_in, f"/dashboard/request/{sent[4].id}")
    part = text(signed_in, f"/dashboard/request/{sent[1].id}?part=position")
    called = text(signed_in, f"/dashboard/request/{sent[2].id}?part=position")
    repeat = text(signed_in, f"/dashboard/request/{sent[7].id}?part=position")

    assert f'href="/dashboard/session/{row.id}?at={sent[4].id}#turn-{sent[4].id}"' in page
    assert f"Turn 2 of {len(sent)}" in part
    assert f'rel="prev" href="/dashboard/request/{sent[0].id}"' in part
    assert f'rel="next" href="/dashboard/request/{sent[5].id}"' in part
    assert "The turn that called it" in called
    assert "a-outer" in called
    assert f'href="/dashboard/request/{sent[6].id}">First attempt' in repeat


def test_what_is_no_turn_leads_to_no_session(signed_in: Client) -> None:
    row = people.make_exchange()

    assert "In its session" not in text(signed_in, f"/dashboard/request/{row.id}")
    assert "Turn " not in text(signed_in, f"/dashboard/request/{row.id}?part=position")
