"""The data API in the predecessor's shapes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from proxy.store.models import DomainTotal, ExchangeBody
from tests import people
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
LIST_FIELDS = {
    "requestId", "domain", "accountId", "model", "timestamp", "inputTokens", "outputTokens", "totalTokens",
    "cacheReadInputTokens", "cacheCreationInputTokens", "durationMs", "responseStatus", "outcome", "error", "requestType",
    "toolCallCount", "costUsd", "cost", "costState",
}  # fmt: skip


def read(client: Client, path: str, status: int = 200) -> Any:
    response = client.get(path)
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.status_code == status, response.content
    return response.json()


def test_e0_stats_of_the_last_day(program: Client) -> None:
    people.make_exchange(duration_ms=1000)
    people.make_exchange(
        model="claude-haiku-4-5", request_type="quota", outcome="upstream_cut", duration_ms=2000
    )
    people.make_exchange(at=people.hours_ago(25), domain="old.example")

    assert read(program, "/api/stats") | {"since": ""} == {
        "totalRequests": 2,
        "totalTokens": 34,
        "totalInputTokens": 24,
        "totalOutputTokens": 10,
        "totalCacheCreationTokens": 40,
        "totalCacheReadTokens": 200,
        "averageResponseTime": 1500.0,
        "errorCount": 1,
        "activeDomains": 1,
        "requestsByModel": {"claude-sonnet-4-5": 1, "claude-haiku-4-5": 1},
        "requestsByType": {"inference": 1, "quota": 1},
        "totalCostUsd": 0.000432,
        "totalCost": "0.000432",
        "costState": "exact",
        "unpricedRequests": 0,
        "partialRequests": 0,
        "notionalRequests": 0,
        "since": "",
    }


@pytest.mark.parametrize(("status", "reported"), [(0, None), (200, 200), (529, 529)])
def test_without_an_answer_there_is_no_status(program: Client, status: int, reported: int | None) -> None:
    row = people.make_exchange(outcome="client_left", status=status)

    [listed] = read(program, "/api/requests")["requests"]
    assert listed["responseStatus"] == reported
    assert read(program, f"/api/requests/{row.id}")["responseStatus"] == reported


def test_stats_of_nothing_are_zero(program: Client) -> None:
    stats = read(program, "/api/stats")

    assert (stats["totalRequests"], stats["averageResponseTime"], stats["requestsByModel"]) == (0, 0.0, {})


@pytest.mark.parametrize(
    "since", ["2026-01-01T10:40:00Z", "2026-01-01T10:40:00", "2026-01-01T16:10:00%2B05:30"]
)
def test_stats_since_a_time_count_whole_hours(program: Client, since: str) -> None:
    people.make_exchange(at=datetime(2026, 1, 1, 10, 5, tzinfo=UTC))
    people.make_exchange(at=datetime(2026, 1, 1, 9, 59, tzinfo=UTC))

    stats = read(program, f"/api/stats?since={since}")

    assert stats["totalRequests"] == 1
    assert stats["since"] == "2026-01-01T10:00:00Z"


def test_stats_of_one_domain(program: Client) -> None:
    people.make_exchange(domain="a.example")
    people.make_exchange(domain="b.example")

    assert read(program, "/api/stats?domain=A.example")["totalRequests"] == 1


def test_e0_the_list_has_the_predecessors_shape(program: Client) -> None:
    row = people.make_exchange(
        outcome="upstream_error", status=529, error_type="overloaded_error", error_message="Overloaded"
    )

    response = read(program, "/api/requests")

    (found,) = response["requests"]
    assert found.keys() == LIST_FIELDS
    assert found["requestId"] == str(row.id)
    assert found["totalTokens"] == 17
    assert found["cacheReadInputTokens"] == 100
    assert found["cacheCreationInputTokens"] == 20
    assert found["responseStatus"] == 529
    assert (found["outcome"], found["error"]) == ("upstream_error", "Overloaded")
    assert response["pagination"] == {
        "total": 1,
        "limit": 100,
        "offset": 0,
        "hasMore": False,
        "lookedBackTo": None,
        "nextBefore": None,
    }


def test_a_failure_without_words_is_named_by_its_outcome(program: Client) -> None:
    people.make_exchange(outcome="client_left")
    people.make_exchange(outcome="complete")

    assert [row["error"] for row in read(program, "/api/requests")["requests"]] == [None, "client_left"]


def test_the_list_is_read_in_pieces(program: Client) -> None:
    rows = [people.make_exchange(at=people.hours_ago(hour)) for hour in range(5)]

    by_offset = read(program, "/api/requests?limit=2&offset=2")
    by_key = read(program, f"/api/requests?limit=2&before={rows[1].id}")

    assert [row["requestId"] for row in by_offset["requests"]] == [str(rows[2].id), str(rows[3].id)]
    assert by_key["requests"] == by_offset["requests"]
    assert by_key["pagination"]["hasMore"] is True
    assert by_key["pagination"]["nextBefore"] == str(rows[3].id)


def test_the_total_comes_from_counters(program: Client) -> None:
    people.make_exchange()
    with as_owner():
        DomainTotal.objects.update(stored=12_345)

    assert read(program, "/api/requests")["pagination"]["total"] == 12_345


def test_the_list_asks_two_questions(
    program: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        people.make_exchange()

    with django_assert_num_queries(2) as captured:
        program.get("/api/requests")

    assert "exchangebody" not in str(captured.captured_queries)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "offset=-1", "offset=10001", "before=x"]
)
def test_a_bad_parameter_is_named(program: Client, query: str) -> None:
    error = read(program, f"/api/requests?{query}", status=422)["error"]

    assert error["code"] == "invalid_request"
    assert query.partition("=")[0] in error["message"]


@pytest.mark.parametrize("since", ["yesterday", "0001-01-01T00:00:00%2B14:00"])
def test_a_time_that_is_none_is_refused(program: Client, since: str) -> None:
    assert read(program, f"/api/stats?since={since}", status=422)["error"]["message"].startswith("since: ")


def test_e0_one_exchange_with_everything(program: Client) -> None:
    row = people.make_exchange(
        request=people.REQUEST | {"metadata": {"key": "sk-ant-api03-abcdefghijklmnop"}},
        request_headers=[("x-app", "a"), ("x-app", "b")],
        chunks=[(100.5, 64)],
        left_organisation="org-a",
    )

    found = read(program, f"/api/requests/{row.id}")

    assert found.keys() > LIST_FIELDS
    assert found["requestBody"] == people.REQUEST | {"metadata": {"key": "sk-ant-****"}}
    assert found["responseBody"] == people.RESPONSE
    assert found["requestHeaders"] == [["x-app", "a"], ["x-app", "b"]]
    assert found["usageData"] == {"input_tokens": 12, "output_tokens": 5}
    assert found["streamingChunks"] == [{"chunkIndex": 0, "offsetMs": 100.5, "bytes": 64}]
    assert (found["paidBy"], found["leftOrganisation"]) == ("database:team", "org-a")
    assert read(program, f"/api/requests/{people.make_exchange().id}")["leftOrganisation"] is None


def test_headers_that_cannot_be_read_say_why(program: Client) -> None:
    row = people.make_exchange()
    assert read(program, f"/api/requests/{row.id}")["headersMissing"] is None
    with as_owner():
        ExchangeBody.objects.update(headers=b"x")

    found = read(program, f"/api/requests/{row.id}")

    assert (found["requestHeaders"], found["responseHeaders"]) == ([], [])
    assert "are damaged: restore the row" in found["headersMissing"]


def test_a_body_that_is_no_json_comes_as_text(program: Client) -> None:
    row = people.make_exchange(request=b"plain sk-ant-api03-abcdefghijklmnop", response=b"")

    found = read(program, f"/api/requests/{row.id}")

    assert (found["requestBody"], found["responseBody"]) == ("plain sk-ant-****", None)


def test_a_stream_comes_as_its_message(program: Client) -> None:
    stream = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","content":[]}}\n\n'
    row = people.make_exchange(response=stream, response_headers=[("content-type", "text/event-stream")])

    assert read(program, f"/api/requests/{row.id}")["responseBody"]["id"] == "m"


def test_raw_bodies_are_exact(program: Client) -> None:
    sent, got = b'{"a" : 1.0, "k":"sk-ant-api03-abcdefghijklmnop"}\r\n', b"\x00\xff" + b"x" * 70_000
    row = people.make_exchange(request=sent, response=got)

    responses = [program.get(f"/api/requests/{row.id}/raw/{side}") for side in ("request", "response")]

    assert [response.content for response in responses] == [sent, got]
    assert {response.headers["Content-Type"] for response in responses} == {"application/octet-stream"}
    assert {response.headers["X-Content-Type-Options"] for response in responses} == {"nosniff"}
    assert responses[0].headers["Content-Disposition"] == f'attachment; filename="{row.id}.request"'


def test_a_raw_body_that_was_dropped_says_why(program: Client) -> None:
    row = people.make_exchange()
    with as_owner():
        ExchangeBody.objects.update(request_dropped=True)

    error = read(program, f"/api/requests/{row.id}/raw/request", status=404)["error"]

    assert "spool was full" in error["message"]


def test_a_raw_body_that_is_not_kept_says_so_with_its_size(program: Client) -> None:
    row = people.make_exchange()
    with as_owner():
        ExchangeBody.objects.update(response_not_kept=True)

    error = read(program, f"/api/requests/{row.id}/raw/response", status=404)["error"]

    assert f"was not kept (size {row.response_bytes} bytes" in error["message"]


def test_e0_domains_of_the_last_week(program: Client) -> None:
    people.make_exchange(domain="a.example", at=people.hours_ago(100))
    people.make_exchange(domain="b.example")
    people.make_exchange(domain="b.example")
    people.make_exchange(domain="old.example", at=people.hours_ago(24 * 8))

    assert read(program, "/api/domains") == {
        "domains": [{"domain": "b.example", "requestCount": 2}, {"domain": "a.example", "requestCount": 1}]
    }


def test_domains_of_a_filter(program: Client) -> None:
    people.make_exchange(domain="a.example", at=people.hours_ago(100))
    people.make_exchange(domain="b.example", model="model-b")
    people.make_exchange(domain="old.example", at=people.hours_ago(24 * 8))

    def names(query: str) -> list[str]:
        return [found["domain"] for found in read(program, f"/api/domains?{query}")["domains"]]

    assert names("period=24h") == ["b.example"]
    assert names("model=model-b") == ["b.example"]
    assert sorted(names("period=30d")) == ["a.example", "b.example", "old.example"]
    assert read(program, "/api/domains?tool=Bash", status=422)["error"]["message"].startswith("tool: ")


@pytest.mark.parametrize(
    "path",
    [
        "/api/requests/01a206c2-0000-7000-8000-000000000000",
        "/api/requests/01a206c2-0000-7000-8000-000000000000/raw/request",
        "/api/requests/x",
        "/api/nothing",
        "/api/",
        "/api/requests/",
    ],
)
def test_what_is_not_there_is_json_too(program: Client, path: str) -> None:
    assert read(program, path, status=404)["error"]["code"] == "not_found"


@pytest.mark.parametrize("debug", [True, False])
def test_an_unknown_path_is_json_with_debug_too(program: Client, settings: Any, debug: bool) -> None:
    settings.DEBUG = debug

    assert read(program, "/api/nothing", status=404)["error"]["code"] == "not_found"


def test_another_method_is_refused_in_json(program: Client) -> None:
    response = program.post("/api/stats")

    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_failure_inside_is_json(
    program: Client, monkeypatch: pytest.MonkeyPatch, settings: Any, debug: bool
) -> None:
    settings.DEBUG = debug
    program.raise_request_exception = False

    def fail(*_: object) -> None:
        raise RuntimeError("a detail that nobody outside needs")

    monkeypatch.setattr("dashboard.queries.sums.figures.summary", fail)

    assert read(program, "/api/stats", status=500)["error"]["code"] == "internal_error"


def test_predecessor_defect_27_the_openapi_page_needs_nothing_from_outside(signed_in: Client) -> None:
    page = signed_in.get("/api/docs")

    assert b"https://" not in page.content
    assert "style-src 'self' 'unsafe-inline'" in page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in page.headers["Content-Security-Policy"] + ";"


def test_openapi_describes_every_endpoint(program: Client) -> None:
    paths = read(program, "/api/openapi.json")["paths"]

    assert set(paths) == {
        "/api/stats",
        "/api/breakdown",
        "/api/series",
        "/api/explain",
        "/api/performance",
        "/api/accounts",
        "/api/audit",
        "/api/live",
        "/api/tools",
        "/api/requests.csv",
        "/api/requests.jsonl",
        "/api/requests.parquet",
        "/api/requests",
        "/api/requests/{exchange_id}",
        "/api/requests/{exchange_id}/diff",
        "/api/requests/{exchange_id}/raw/{side}",
        "/api/conversations/{conversation_id}/export",
        "/api/cache-breaks",
        "/api/conversations",
        "/api/conversations/{conversation_id}",
        "/api/findings",
        "/api/search",
        "/api/batches",
        "/api/domains",
        "/api/limits",
        "/api/pipeline",
        "/api/storage",
        "/api/stops",
        "/api/stops/{stop_id}",
    }
