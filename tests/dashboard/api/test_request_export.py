"""Exports of requests: every one of a filter, in three forms, streamed."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import OperationalError, connection
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard import table_files
from dashboard.api.resources.request_export import columns, forms
from dashboard.api.resources.request_export.streaming import download
from dashboard.filters.filter import parse
from dashboard.queries import exchanges, filtering
from tests import people
from tests.accounts.people import make_client_key
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db
NAMES = (
    "requestId,timestamp,domain,accountId,clientKey,sessionId,agentId,model,requestType,outcome,responseStatus,errorType,"
    "stopReason,firstByteMs,inputTokens,outputTokens,totalTokens,cacheReadInputTokens,cacheCreationInputTokens,durationMs,"
    "toolCallCount,costUsd,cost,costState"
)
ODD = ["=1+1", "+1", "-1", "@a", "\ta", "\ra", 'a "b", c', "line\nline", "Ünï"]


def export(form: str, query: str = "") -> tuple[dict[str, str], bytes]:
    """The headers and all bytes of an export."""

    async def read() -> tuple[dict[str, str], bytes]:
        key = {"X-API-Key": settings.DASHBOARD_API_KEY}
        response = await AsyncClient().get(f"/api/requests.{form}?{query}", headers=key)
        assert response.status_code == 200, response.content
        chunks = cast(StreamingHttpResponse, response).streaming_content
        return dict(response.headers), b"".join([chunk async for chunk in cast(AsyncIterator[bytes], chunks)])

    return async_to_sync(read)()


def rows(query: str = "") -> list[dict[str, Any]]:
    return [json.loads(line) for line in export("jsonl", query)[1].splitlines()]


def ids(query: str = "") -> list[str]:
    return [row["requestId"] for row in rows(query)]


def test_a_line_of_csv_has_what_the_list_shows_and_nothing_of_a_body() -> None:
    key, _ = make_client_key(name="ci")
    row = people.make_exchange(
        at=datetime(2026, 11, 29, 10, tzinfo=UTC),
        client_key=str(key.pk),
        session_id="s-1",
        cost_usd=Decimal("0.000005"),
        error_message="messages.0: “my own words” is wrong",
    )
    headers, content = export("csv", "from=2026-11-29&to=2026-11-30")

    assert content.decode() == (
        f"{NAMES}\r\n{row.id},2026-11-29T10:00:00Z,api.example.com,team,ci,s-1,,claude-sonnet-4-5,inference,complete,200,,"
        "end_turn,310,12,5,17,100,20,1450,0,0.000005,0.000005,exact\r\n"
    )
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"].startswith('attachment; filename="requests-')
    assert headers["Cache-Control"] == "private, no-cache"


def test_lines_of_json_say_what_the_list_says_by_the_same_names(program: Client) -> None:
    people.make_exchange(
        cost_usd=None, cost_state="unpriced", output_tokens=None, error_type="overloaded_error"
    )
    [row] = rows()
    [listed] = program.get("/api/requests").json()["requests"]

    assert [*row] == NAMES.split(",")
    shared = row.keys() & listed.keys()
    assert shared == listed.keys() - {"error"}
    assert {name: row[name] for name in shared - {"timestamp"}} == {
        name: listed[name] for name in shared - {"timestamp"}
    }
    assert row["timestamp"].startswith(listed["timestamp"].removesuffix("Z"))  # the list has milliseconds
    assert (row["cost"], row["outputTokens"], row["errorType"]) == (None, None, "overloaded_error")


def test_parquet_has_the_same_rows_with_types() -> None:
    row = people.make_exchange(cost_usd=Decimal("0.25"))
    people.make_exchange(cost_usd=None)
    table = pq.read_table(io.BytesIO(export("parquet")[1]))

    assert table.column_names == NAMES.split(",")
    assert [str(table.schema.field(name).type) for name in ("timestamp", "inputTokens", "costUsd")] == [
        "timestamp[us, tz=UTC]",
        "int64",
        "double",
    ]
    found = table.to_pylist()
    assert found[1] | {"timestamp": None} == rows()[1] | {"timestamp": None}
    assert found[1]["timestamp"] == row.started_at
    assert found[0]["costUsd"] is None


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_has_the_columns_that_were_asked_for_in_their_order(form: str) -> None:
    row = people.make_exchange()
    content = export(form, "columns=model,requestId")[1]

    if form == "parquet":
        assert pq.read_table(io.BytesIO(content)).column_names == ["model", "requestId"]
    else:
        assert (
            content.decode().splitlines()[-1]
            == {
                "csv": f"claude-sonnet-4-5,{row.id}",
                "jsonl": f'{{"model":"claude-sonnet-4-5","requestId":"{row.id}"}}',
            }[form]
        )


def test_no_value_is_a_formula_to_a_spreadsheet_and_every_value_comes_back() -> None:
    for value in ODD:
        people.make_exchange(session_id=value)
    content = export("csv")[1].decode()
    read = [line["sessionId"] for line in csv.DictReader(io.StringIO(content, newline=""))]

    assert read[::-1] == [f"'{value}" if value.startswith(table_files.FORMULA) else value for value in ODD]
    assert [value for value in read if value[0] in "=+-@\t\r"] == []
    assert [row["sessionId"] for row in rows()][::-1] == ODD  # an object's texts are no formulas


FIELDS = {
    "model": "claude-other",
    "account": "acc-2",
    "session": "s-2",
    "agent": "a-2",
    "type": "other",
    "outcome": "client_left",
    "errorType": "overloaded_error",
    "stopReason": "max_tokens",
    "person": "p-2",
    "clientKey": "old-name",
    "status": "5xx",
    "tool": "Bash",
    "minCostUsd": "2",
    "minDurationMs": "9000",
    "minFirstByteMs": "9000",
    "domain": "other.ex",
    "from": "2026-11-01",
}


@pytest.mark.parametrize(("name", "value"), [*FIELDS.items(), ("status", "529"), ("to", "2099-01-01")])
def test_it_takes_every_filter_of_the_list(program: Client, name: str, value: str) -> None:
    people.make_exchange(at=datetime(2026, 10, 20, tzinfo=UTC))
    people.make_exchange()
    people.make_exchange(
        domain="other.example",
        model="claude-other",
        account="acc-2",
        session_id="s-2",
        agent_id="a-2",
        request_type="other",
        outcome="client_left",
        error_type="overloaded_error",
        stop_reason="max_tokens",
        user_id="p-2",
        client_key="old-name",
        status=529,
        tool_names=["Bash"],
        cost_usd=Decimal(3),
        duration_ms=9000,
        first_byte_ms=9000,
    )
    query = f"{name}={value}" + ("" if name in ("from", "to") else "&from=2026-01-01")
    listed = [row["requestId"] for row in program.get(f"/api/requests?{query}").json()["requests"]]

    assert ids(query) == listed
    assert len(listed) == {"from": 2, "to": 3}.get(name, 1)


def test_no_bound_of_a_list_cuts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "LOOKED_AT", 2)
    monkeypatch.setattr(filtering, "STEP", 1)
    monkeypatch.setattr(filtering, "MOST_ROWS", 1)
    monkeypatch.setattr(filtering, "MOST_DOMAINS", 1)
    made = [
        people.make_exchange(
            at=people.hours_ago(30 - hour), model=f"m-{hour % 4}", domain=f"d{hour % 3}.example"
        )
        for hour in range(7)
    ][::-1]

    assert ids("from=2020-01-01") == [str(row.id) for row in made]
    assert ids("from=2020-01-01&model=m-0") == [str(row.id) for row in made if row.model == "m-0"]
    assert ids("from=2020-01-01&domain=.exam") == [str(row.id) for row in made]
    assert ids("from=2020-01-01&domain=d1.example") == [
        str(row.id) for row in made if row.domain == "d1.example"
    ]
    assert ids("from=2020-01-01&domain=none") == []


def test_without_a_period_it_is_the_last_24_hours() -> None:
    people.make_exchange(at=people.hours_ago(25))
    newer = people.make_exchange(at=people.hours_ago(23))

    assert ids() == [str(newer.id)]
    assert len(ids("period=7d")) == 2


@pytest.mark.parametrize("write", [forms.as_csv, forms.as_json_lines, forms.as_parquet])
def test_the_first_piece_comes_before_the_database_is_asked_and_each_further_one_reads_one_part(
    monkeypatch: pytest.MonkeyPatch, write: Callable[[Any], Any]
) -> None:
    monkeypatch.setattr(exchanges, "LOOKED_AT", 3)
    for _ in range(10):
        people.make_exchange()
    chunks = write(columns.rows(exchanges.parts(parse({}), columns.READ, timezone.now())))

    with CaptureQueriesContext(
        connection,
    ) as asked:
        next(chunks)
    assert len(asked) == 0
    with CaptureQueriesContext(connection) as asked:
        next(chunks)
    assert [query["sql"].count("LIMIT 1") for query in asked] == [1, 0]


def test_who_leaves_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "LOOKED_AT", 1)
    for _ in range(5):
        people.make_exchange()
    asked = 0

    def parts() -> Any:
        nonlocal asked
        for part in exchanges.parts(parse({}), columns.READ, timezone.now()):
            asked += 1
            yield part

    async def leave() -> None:
        response = download(forms.as_json_lines(columns.rows(parts())), b"", "text/plain", "txt")
        sent = cast(Any, response.streaming_content)
        await anext(sent)
        await anext(sent)
        await sent.aclose()

    async_to_sync(leave)()

    assert asked == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_that_breaks_off_says_so(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    people.make_exchange()

    def some(*_: Any) -> Any:
        yield [people.make_exchange()]
        raise OperationalError("the database went away")

    monkeypatch.setattr(exchanges, "parts", some)
    content = export(form)[1]

    if form == "parquet":
        with pytest.raises(pa.ArrowInvalid):
            pq.read_table(io.BytesIO(content))
    else:
        assert len(content.splitlines()) == {"csv": 3, "jsonl": 2}[form]
        assert forms.BROKEN_OFF in content.splitlines()[-1].decode()


def test_what_it_cannot_filter_by_is_refused_before_anything_is_sent(program: Client) -> None:
    for query in (
        "status=abc",
        "columns=nonsense",
        "limit=5",
        "q=words",
        "period=ever",
        "from=2026-01-02&to=2026-01-01",
    ):
        assert program.get(f"/api/requests.csv?{query}").status_code == 422


def test_figures_alone_open_it(client: Client) -> None:
    client.force_login(people.reader("bob"))
    assert client.get("/api/requests.csv").status_code == 403

    client.force_login(people.reader("ann", "view_figures"))
    response = client.get("/api/requests.csv")
    assert (response.status_code, response.streaming) == (200, True)


def test_the_page_leads_to_its_own_requests(signed_in: Client) -> None:
    people.make_exchange(status=529)
    page = text(signed_in, "/dashboard/requests?status=5xx&period=7d")

    for form in ("csv", "jsonl"):
        assert f'href="/api/requests.{form}?period=7d&amp;status=5xx" download' in page
    assert "Last 24 hours:" not in page
    assert "Last 24 hours:" in text(signed_in, "/dashboard/requests")
