"""A database of 0.1.0, with prices that an operator edited and added, is brought up to this version."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from nexus_project import env
from proxy.price_file import shipped
from tests.store.test_migration import run

ALWAYS = datetime(2023, 1, 1, tzinfo=UTC)
AHEAD = (datetime.now(UTC) + timedelta(days=400)).replace(hour=0, minute=0, second=0, microsecond=0)
MONTHS = ("2026-08-01", "2026-09-01", "2026-10-01")
# As an operator of 0.1.0 wrote them: input, output, cache read, cache write for 5 minutes and for an hour.
EDITED = {
    ("claude-haiku-4-5", ALWAYS): ("0.9", "4.5", "0.09", "1.1", "1.8"),
    ("claude-sonnet-5", ALWAYS): ("1.8", "9", "0.18", "2.2", "3.6"),
    ("claude-opus-4", ALWAYS): ("12", "60", "1.2", "15", "24"),
}
ADDED = {
    ("claude-opus-5-5", datetime(2026, 9, 20, tzinfo=UTC)): ("3", "15", "0.3", "4", "6"),
    ("claude-opus-4-8", AHEAD): ("4", "20", "0.4", "5", "8"),
    # What a row that ships now says, as far as 0.1.0 could say it.
    ("claude-3-haiku", datetime(2024, 3, 13, tzinfo=UTC)): ("0.25", "1.25", "0.03", "0.30", "0.50"),
}
OPERATORS = {"claude-haiku-4-5", "claude-sonnet-5", "claude-opus-4-0", "claude-opus-5-5", "claude-3-haiku"}
TABLE = """
SELECT model, valid_from, shipped, withdrawn_at IS NOT NULL, input, output, cache_read, cache_write_5m, cache_write_1h
FROM proxy_price ORDER BY 1, 2, 3, 4
"""
FILES = """
SELECT relid::regclass::text, pg_relation_filenode(relid) FROM pg_partition_tree('proxy_exchange') WHERE isleaf ORDER BY 1
"""
INDEXES = """
SELECT i.indrelid::regclass::text, i.indisvalid, h.inhparent::regclass::text
FROM pg_partition_tree('proxy_exchange') AS part
JOIN pg_index AS i ON i.indrelid = part.relid JOIN pg_inherits AS h ON h.inhrelid = i.indexrelid
WHERE part.isleaf AND h.inhparent = 'exchange_older_rule'::regclass ORDER BY 1
"""
HOUR = """
INSERT INTO proxy_rollup (hour, domain, account, model, request_type, requests, stored, errors, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, tool_calls, cost_usd, unpriced, partial, duration_ms, kept_bytes, durations, notional)
VALUES (%s, 'd', 'a', 'm', 'inference', 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, '{}', %s)
"""


@contextmanager
def made(template: str = "template1") -> Iterator[str]:
    """The address of a database, made as a copy."""
    address = env.secret("DATABASE_URL")
    name = f"prices_{uuid4().hex[:12]}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        try:
            yield urlsplit(address)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def migrate(database: str, *target: str) -> None:
    run(database, "manage.py", "migrate", "-v0", *target)


def asked(database: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def price_by_hand(database: str) -> None:
    """What the operator did with 0.1.0."""
    rates = "input, output, cache_read, cache_write_5m, cache_write_1h"
    for (model, valid_from), values in EDITED.items():
        asked(
            database,
            f"UPDATE proxy_price SET ({rates}) = ROW (%s::numeric, %s::numeric, %s::numeric, %s::numeric, %s::numeric)"  # noqa: S608
            " WHERE model = %s AND valid_from = %s",
            *values, model, valid_from,
        )  # fmt: skip
    for (model, valid_from), values in ADDED.items():
        asked(
            database,
            f"INSERT INTO proxy_price (model, valid_from, {rates}, web_search) VALUES (%s, %s, %s, %s, %s, %s, %s, 10)",  # noqa: S608
            model, valid_from, *values,
        )  # fmt: skip


@pytest.fixture(scope="module")
def of_0_1_0() -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """The name of a database of that version, and the files of its months."""
    with made() as database:
        migrate(database, "proxy", "0012_spend")
        migrate(database, "accounts", "0005_refresh_state")
        price_by_hand(database)
        for month in MONTHS:
            asked(database, "SELECT nexus_ensure_month(%s)", month)
        yield urlsplit(database).path.lstrip("/"), asked(database, FILES)


@pytest.fixture(scope="module")
def upgraded(of_0_1_0: tuple[str, list[tuple[Any, ...]]]) -> Iterator[str]:
    with made(of_0_1_0[0]) as database:
        migrate(database)
        yield database


def found(database: str) -> dict[tuple[str, datetime], tuple[bool, Decimal]]:
    """The rows that a name finds: whether they came with Nexus, and their input rate."""
    return {(row[0], row[1]): (row[2], row[4]) for row in asked(database, TABLE) if not row[3]}


def test_what_an_operator_edited_or_added_is_the_operators_and_stays(upgraded: str) -> None:
    rows = found(upgraded)

    for key, values in (EDITED | ADDED).items():
        assert rows[key] == (False, Decimal(values[0])), key


def test_models_that_an_operator_prices_get_no_row_and_keep_what_is_right(upgraded: str) -> None:
    rows = found(upgraded)

    # Not wrong: the one of Haiku 3 says what the operator's says, and with its alias claude-opus-4 a new row of Opus 4.0 would take
    # names from the operator's.
    assert {key for key, (came, _) in rows.items() if came and key[0] in OPERATORS} == {
        ("claude-opus-4-0", ALWAYS),
        ("claude-3-haiku", ALWAYS),
    }


def test_the_rise_of_sonnet_5_that_was_called_off_is_withdrawn_also_beside_an_operators_row(
    upgraded: str,
) -> None:
    rows = [row[1:5] for row in asked(upgraded, TABLE) if row[0] == "claude-sonnet-5"]

    assert rows == [
        (ALWAYS, False, False, Decimal("1.8")),
        (datetime(2026, 9, 1, tzinfo=UTC), True, True, Decimal(3)),
    ]


def test_any_other_row_of_0_1_0_is_withdrawn_and_kept(upgraded: str) -> None:
    old = [row for row in asked(upgraded, TABLE) if row[1] == ALWAYS and (row[0], row[1]) not in EDITED]

    assert len(old) == 19
    assert {row[0] for row in old if row[2:4] != (True, True)} == {"claude-opus-4-0", "claude-3-haiku"}


def test_all_other_models_have_what_ships_as_a_fresh_database_does(upgraded: str) -> None:
    wanted = {
        (row.model, row.valid_from): (True, row.input) for row in shipped() if row.model not in OPERATORS
    }

    assert {
        key: row for key, row in found(upgraded).items() if key[0] not in OPERATORS | {"claude-opus-4"}
    } == wanted | {("claude-opus-4-8", AHEAD): (False, Decimal(4))}


def test_doing_it_again_changes_nothing(upgraded: str) -> None:
    everything = "SELECT * FROM proxy_price ORDER BY id"
    before = asked(upgraded, everything)

    migrate(upgraded)

    assert asked(upgraded, everything) == before


def test_the_command_lists_what_an_operators_price_stands_against_and_takes_it_over(
    of_0_1_0: tuple[str, list[tuple[Any, ...]]],
) -> None:
    with made(of_0_1_0[0]) as database:
        migrate(database)
        reported = json.loads(run(database, "manage.py", "prices", "--import", "--apply", "--json"))
        again = json.loads(run(database, "manage.py", "prices", "--compare", "--json"))
        rows = found(database)

    assert {row["model"] for row in reported["kept"]} == OPERATORS
    assert again["differs"] is False
    assert {key for key, (came, _) in rows.items() if not came} == set()
    assert set(rows) == {(row.model, row.valid_from) for row in shipped()}


def test_it_goes_back_to_0_1_0_and_forth_again(of_0_1_0: tuple[str, list[tuple[Any, ...]]]) -> None:
    columns = "SELECT model, valid_from, input FROM proxy_price ORDER BY 1, 2"
    with made(of_0_1_0[0]) as database:
        before = asked(database, columns)
        migrate(database)
        upgraded = asked(database, TABLE)
        # An operator of this version leaves what 0.1.0 cannot hold: a rate that is not known, a date that was taken back.
        asked(database, "INSERT INTO proxy_price (model, valid_from) VALUES ('claude-next-1', now())")
        seeded = (
            "UPDATE proxy_price SET withdrawn_at = now() WHERE model = 'claude-opus-4-8' AND valid_from = %s"
        )
        asked(database, seeded, AHEAD)

        migrate(database, "proxy", "0012_spend")
        back = asked(database, columns)
        migrate(database)

        assert back == [row for row in before if row[:2] != ("claude-opus-4-8", AHEAD)]
        assert asked(database, TABLE) == [row for row in upgraded if row[1] != AHEAD]


def test_no_month_of_exchanges_is_written_anew(
    of_0_1_0: tuple[str, list[tuple[Any, ...]]], upgraded: str
) -> None:
    assert len(of_0_1_0[1]) >= len(MONTHS)
    assert set(asked(upgraded, FILES)) >= set(of_0_1_0[1])


def test_the_index_of_older_rules_is_valid_in_each_month_also_in_a_new_one(upgraded: str) -> None:
    asked(upgraded, "SELECT nexus_ensure_month('2027-03-01')")

    indexes = asked(upgraded, INDEXES)

    assert [row[0] for row in indexes] == [row[0] for row in asked(upgraded, FILES)]
    assert len(indexes) > len(MONTHS)
    assert {row[1:] for row in indexes} == {(True, "exchange_older_rule")}
    assert asked(
        upgraded, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'exchange_older_rule'::regclass"
    ) == [(True,)]


def test_the_sums_of_days_follow_what_is_notional(upgraded: str) -> None:
    notional = "SELECT requests, notional FROM proxy_dayrollup WHERE domain = 'd'"
    for hour, count in ((3, 2), (4, 5)):
        asked(upgraded, HOUR, datetime(2026, 9, 1, hour, tzinfo=UTC), count)
    added = asked(upgraded, notional)
    asked(upgraded, "UPDATE proxy_rollup SET notional = notional + 1 WHERE domain = 'd'")
    changed = asked(upgraded, notional)
    asked(upgraded, "DELETE FROM proxy_rollup WHERE domain = 'd' AND notional = 3")

    assert (added, changed, asked(upgraded, notional)) == ([(2, 7)], [(2, 9)], [(1, 6)])
