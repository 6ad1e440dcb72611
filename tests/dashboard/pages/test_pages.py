"""What the pages show, and what they cost."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from proxy.store.models import Exchange, ExchangeBody
from tests import people
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_e0_the_overview_shows_the_last_day(signed_in: Client) -> None:
    people.make_exchange(input_tokens=1_500, output_tokens=500)
    people.make_exchange(domain="b.example", outcome="upstream_error", status=529)
    people.make_exchange(at=people.hours_ago(30), domain="old.example")

    page = text(signed_in, "/dashboard/overview-fragment")

    assert 'title="2 requests"' in page
    assert "1 failed" in page
    assert 'title="2,017 tokens"' in page
    assert "$0.0004" in page
    assert ">exact</span>" in page
    assert '<h2>Active domains</h2><p class="figure">2</p>' in page
    assert "529 upstream error" in page


def test_e0_the_overview_filters_by_domain(signed_in: Client) -> None:
    people.make_exchange(domain="a.example", model="model-a")
    people.make_exchange(domain="b.example", model="model-b")

    page = text(signed_in, "/dashboard?domain=B.example")

    assert "model-b" in page
    assert "model-a" not in page
    assert 'value="b.example"' in page


@pytest.mark.parametrize(("state", "label"), [("unpriced", "1 unpriced"), ("partial", "1 partial")])
def test_a_cost_says_how_far_it_can_be_trusted(signed_in: Client, state: str, label: str) -> None:
    people.make_exchange(cost_state=state, cost_usd=None)

    assert label in text(signed_in, "/dashboard")


def test_an_unpriced_request_is_not_shown_as_free(signed_in: Client) -> None:
    people.make_exchange(cost_state="unpriced", cost_usd=None)

    page = text(signed_in, "/dashboard/requests")

    assert "unpriced" in page
    assert "$0.00" not in page


def test_the_overview_shows_the_pipeline(signed_in: Client) -> None:
    people.make_spool(accepted=12, stored=9, dropped=1)

    page = text(signed_in, "/dashboard")

    assert "Records dropped" in page
    assert "<dt>Waiting</dt><dd>2</dd>" in page


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/requests", "/dashboard/usage"])
def test_an_empty_page_says_how_to_send_traffic(signed_in: Client, path: str) -> None:
    page = text(signed_in, path)

    assert "No traffic yet" in page
    assert "export ANTHROPIC_BASE_URL=http://testserver:" in page


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/requests", "/dashboard/usage"])
def test_an_empty_domain_leads_back_to_all(signed_in: Client, path: str) -> None:
    people.make_exchange()

    page = text(signed_in, f"{path}?domain=nobody.example")

    assert "Nothing from nobody.example yet" in page
    assert '<a href="?domain=">all domains</a>' in page


def test_with_storage_off_the_empty_page_says_so(signed_in: Client, settings: Any) -> None:
    settings.STORAGE_ENABLED = False

    assert "STORAGE_ENABLED=true" in text(signed_in, "/dashboard")


def test_the_list_goes_on_where_it_stopped(signed_in: Client) -> None:
    rows = [
        people.make_exchange(at=people.hours_ago(hour), model=f"model-{hour:03d}") for hour in range(1, 53)
    ]

    first = text(signed_in, "/dashboard/requests")
    second = text(signed_in, f"/dashboard/requests?before={rows[49].id}")

    assert f"?before={rows[49].id}" in first
    assert "52 stored" in first
    assert "model-050" in first
    assert "model-051" not in first
    assert "model-051" in second
    assert "model-050" not in second
    assert ">Newest<" in second
    assert ">Older<" not in second


def test_predecessor_defect_26_a_filter_looks_at_all_requests_and_not_at_one_page(signed_in: Client) -> None:
    people.make_exchange(at=people.hours_ago(100), domain="rare.example", model="model-rare")
    for hour in range(1, 60):
        people.make_exchange(at=people.hours_ago(hour))

    assert "model-rare" not in text(signed_in, "/dashboard/requests")
    assert "model-rare" in text(signed_in, "/dashboard/requests?domain=rare.example")


def test_the_end_of_the_list_is_named(signed_in: Client) -> None:
    row = people.make_exchange()

    assert "No older requests" in text(signed_in, f"/dashboard/requests?before={row.id}")


def test_an_id_that_is_none_is_not_found(signed_in: Client) -> None:
    assert signed_in.get("/dashboard/requests?before=x").status_code == 404


def test_an_unknown_exchange_is_not_found(signed_in: Client) -> None:
    response = signed_in.get(f"/dashboard/request/{uuid4()}")

    assert response.status_code == 404
    assert b"Not found" in response.content


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


def test_e0_the_usage_page_splits_by_model_and_domain(signed_in: Client) -> None:
    people.make_exchange(domain="a.example", model="model-a", cost_state="unpriced", cost_usd=None)
    people.make_exchange(domain="b.example", model="", at=people.hours_ago(2))

    by_model = text(signed_in, "/dashboard/usage")
    by_domain = text(signed_in, "/dashboard/usage?by=domain")

    assert "Requests per hour by model" in by_model
    assert "(none)" in by_model
    assert "Cost per hour by domain, USD" in by_domain
    assert '<th scope="row" class="name" title="a.example">a.example</th>' in by_domain


def test_the_usage_page_gathers_what_has_no_colour(signed_in: Client) -> None:
    for index in range(9):
        people.make_exchange(model=f"model-{index}")

    assert "everything else" in text(signed_in, "/dashboard/usage")


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/dashboard", 11),
        ("/dashboard/overview-fragment", 8),
        ("/dashboard/requests", 6),
        ("/dashboard/usage", 8),
    ],
)
def test_a_list_asks_few_questions_and_no_body(
    signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries, path: str, queries: int
) -> None:
    for index in range(30):
        people.make_exchange(model=f"model-{index % 3}", domain=f"{index % 4}.example")

    with django_assert_num_queries(queries) as captured:
        signed_in.get(path)

    asked = " ".join(query["sql"] for query in captured.captured_queries).lower()
    assert "exchangebody" not in asked
    assert "proxy_blob" not in asked
    assert "count(*)" not in asked


@pytest.mark.parametrize(
    "path", ["/dashboard", "/dashboard/requests", "/dashboard/usage", "/dashboard/login", "/nothing"]
)
def test_predecessor_defect_27_every_page_has_the_strict_policy(signed_in: Client, path: str) -> None:
    response = signed_in.get(path)

    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert b"style=" not in response.content
    assert response.content.count(b"<script") == response.content.count(b"<script src=")


def test_a_nul_in_a_filter_is_ignored(signed_in: Client) -> None:
    assert signed_in.get("/dashboard?domain=a%00b").status_code == 200
