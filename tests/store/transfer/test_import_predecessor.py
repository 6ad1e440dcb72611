import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from io import StringIO
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from dashboard.filters.filter import Filter
from dashboard.queries import conversations
from dashboard.reading import EVERYTHING, reads
from nexus_project import env
from proxy.store.bodies.blobs import body_of
from proxy.store.bodies.headers import headers_of
from proxy.store.models import DomainTotal, Exchange, ExchangeBody, FormerConversation, Rollup, Spool
from proxy.store.predecessor import reading
from proxy.store.predecessor.rows import SPOOL
from tests.roles import OWNER
from tests.store import predecessors
from tests.store.predecessors import ERAS, SECRET, make_row

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER), pytest.mark.usefixtures("prices")]

Make = Callable[..., str]


@pytest.fixture
def source() -> Iterator[Make]:
    """Make databases of the predecessor, which end with the test."""
    address = env.secret("DATABASE_URL")
    names: list[str] = []
    with psycopg.connect(address, autocommit=True) as server:

        def make(era: str, *rows: dict[str, Any]) -> str:
            names.append(f"predecessor_{uuid4().hex[:12]}")
            server.execute(f"CREATE DATABASE {names[-1]}".encode())
            found = urlsplit(address)._replace(path=f"/{names[-1]}").geturl()
            predecessors.fill(found, era, rows or predecessors.rows())
            return found

        yield make
        for name in names:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def run(address: str, **options: Any) -> dict[str, Any]:
    output = StringIO()
    call_command("import_predecessor", address, json=True, stdout=output, **options)
    done: dict[str, Any] = json.loads(output.getvalue())
    return done


def by_number(number: int) -> Exchange:
    """The exchange of a row: they are an hour apart."""
    return Exchange.objects.get(started_at=make_row(number)["timestamp"])


SUMS = """
SELECT coalesce({tenant}, 'unknown'), to_char(timestamp, 'YYYY-MM-DD'), count(*),
    coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0)
FROM api_requests GROUP BY 1, 2 ORDER BY 1, 2
"""
OURS = """
SELECT domain, to_char(hour, 'YYYY-MM-DD'), sum(requests)::bigint, sum(input_tokens)::bigint, sum(output_tokens)::bigint
FROM proxy_rollup GROUP BY 1, 2 ORDER BY 1, 2
"""


@pytest.mark.parametrize("era", ERAS)
def test_requests_and_tokens_per_domain_and_day_are_those_of_the_source(source: Make, era: str) -> None:
    address = source(era)

    assert run(address)["stored"] == 15

    tenant = "project_id" if era == "e2" else "domain"
    with psycopg.connect(address, options="-c TimeZone=UTC") as there, connection.cursor() as here:
        here.execute(OURS)
        assert here.fetchall() == there.execute(SUMS.format(tenant=tenant).encode()).fetchall()
    assert DomainTotal.objects.count() == 3


@pytest.mark.parametrize("era", ERAS)
def test_an_import_that_is_repeated_changes_nothing(source: Make, era: str) -> None:
    address = source(era)
    run(address)
    before = list(Exchange.objects.order_by("id").values()), list(Rollup.objects.order_by("id").values())

    done = run(address, batch=4)

    assert (done["stored"], done["known"], done["bad"]) == (0, 15, 0)
    assert (
        list(Exchange.objects.order_by("id").values()),
        list(Rollup.objects.order_by("id").values()),
    ) == before
    assert Spool.objects.get(id=SPOOL).stored == 15


@pytest.mark.parametrize(
    ("era", "name"),
    [
        ("e0", "E0: as init-database.sql made it"),
        ("e0-trap", "E0: as the writer made it"),
        ("e1", "E1: domains and accounts"),
        ("e2", "E2: projects"),
    ],
)
def test_a_dry_run_tells_schema_and_months_and_stores_nothing(source: Make, era: str, name: str) -> None:
    assert run(source(era), dry_run=True) == {"schema": name, "months": {"2025-07": 15}}
    assert not Exchange.objects.exists()


def test_a_row_becomes_an_exchange_with_bodies_of_compact_json(source: Make) -> None:
    run(source("e1"))

    row = by_number(2)
    assert (row.domain, row.account, row.model, row.status) == ("a.example", "acc_1", predecessors.MODEL, 200)
    assert (row.outcome, row.streamed, row.message_id, row.duration_ms) == ("complete", True, "msg_2", 1200)
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (20, 2, 7)
    assert (row.cost_usd, row.cost_state) == (Decimal("0.0000921"), "exact")
    assert row.upstream_request_id == "req_2"
    request = body_of(row.id, "request")
    assert json.loads(request) == make_row(2)["body"]
    assert b": " not in request
    assert json.loads(body_of(row.id, "response")) == make_row(2)["response_body"]


def test_odd_rows_are_what_their_columns_say(source: Make) -> None:
    run(source("e1"))

    text, bare, aborted, refused = (by_number(number) for number in (6, 7, 8, 9))
    assert (text.input_tokens, text.tool_calls, text.tool_names, text.cost_state) == (60, 2, [], "exact")
    assert (bare.request_type, bare.input_tokens, bare.request_bytes) == ("query_evaluation", 70, 0)
    assert (aborted.outcome, aborted.status, aborted.cost_state) == ("aborted", 0, "partial")
    assert (refused.outcome, refused.error_type) == ("upstream_error", "overloaded_error")
    assert by_number(10).domain == "unknown"
    assert by_number(12).session_id == "s-12"
    assert by_number(13).session_id == "5e55"
    assert (by_number(15).duration_ms, by_number(15).outcome) == (0, "upstream_error")


def test_no_credential_of_the_source_comes_along(source: Make) -> None:
    run(source("e1"))

    texts = repr([*Exchange.objects.values(), *headers_of(ExchangeBody.objects.all()).values()])
    assert "x-api-key" in texts
    assert SECRET not in texts
    assert "aB3xYz" not in texts
    assert "wxyz" not in texts
    assert by_number(11).query == "api_key=****"


def test_rows_that_have_no_place_in_time_are_told_and_the_others_stored(source: Make) -> None:
    odd = [
        make_row(1, timestamp=None),
        make_row(2, timestamp="infinity"),
        make_row(3, timestamp="0044-03-15 BC"),
    ]
    output = StringIO()

    with pytest.raises(SystemExit):
        call_command(
            "import_predecessor",
            source("e0", *odd, make_row(4)),
            stdout=output,
            stderr=(reported := StringIO()),
        )

    assert "1 stored, 0 known already, 3 bad rows" in output.getvalue()
    assert reported.getvalue().count("its timestamp is no time that an id could hold") == 3


def test_domains_and_times_choose(source: Make) -> None:
    address = source("e2")

    assert (
        run(address, domains=["a.example"], since=make_row(3)["timestamp"], until=make_row(8)["timestamp"])[
            "stored"
        ]
        == 2
    )


def test_a_database_that_is_none_of_the_predecessors_is_refused_without_its_password(source: Make) -> None:
    address = source("e0")
    with psycopg.connect(address) as there:
        there.execute("ALTER TABLE api_requests DROP COLUMN domain")
    with pytest.raises(CommandError, match="no column domain"):
        run(address)
    with psycopg.connect(address) as there:
        there.execute("DROP TABLE api_requests")
    with pytest.raises(CommandError, match="there is no table api_requests"):
        run(address)

    wrong = urlsplit(address)
    with pytest.raises(CommandError, match="cannot be read") as caught:
        run(wrong._replace(netloc=f"nobody:hunter2secret@{wrong.hostname}:{wrong.port}").geturl())
    assert "hunter2secret" not in str(caught.value)


def test_the_source_is_only_read(source: Make) -> None:
    address = source("e1")
    with psycopg.connect(address) as there:
        rows = there.execute("SELECT * FROM api_requests ORDER BY request_id").fetchall()

    with (
        reading.opened(address, reading.Choice()) as opened,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        opened._connection.execute("DELETE FROM api_requests")
    run(address)

    with psycopg.connect(address) as there:
        assert there.execute("SELECT * FROM api_requests ORDER BY request_id").fetchall() == rows


@pytest.fixture
def somebody_reads() -> Iterator[None]:
    with reads(EVERYTHING):
        yield


@pytest.mark.usefixtures("somebody_reads")
@pytest.mark.parametrize("era", ["e1", "e2"])
def test_conversations_are_found_by_the_id_that_the_predecessor_gave_them(source: Make, era: str) -> None:
    known, other = uuid4(), uuid4()
    address = source(
        era,
        make_row(1, conversation_id=known, domain="a.example"),
        make_row(3, conversation_id=known, domain="a.example"),
        make_row(5, conversation_id=other, domain="a.example"),
        make_row(7),
    )

    run(address)
    run(address)  # again: each once

    [single] = conversations.named(str(other))
    assert single.first_at == make_row(5)["timestamp"]
    both = conversations.page(Filter(session=str(known))).rows  # two questions are two conversations here
    assert {row.first_at for row in both} == {make_row(number)["timestamp"] for number in (1, 3)}
    assert FormerConversation.objects.count() == 3


@pytest.mark.usefixtures("somebody_reads")
def test_rows_that_were_imported_before_get_their_former_ids(source: Make) -> None:
    address = source("e1", make_row(1, conversation_id=(former := uuid4())))
    run(address)
    FormerConversation.objects.all().delete()

    assert run(address)["known"] == 1
    assert len(conversations.named(str(former))) == 1
