"""What PostgreSQL does for the statements that some code issues on months of traffic: each is caught, and explained afterwards."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.db import connection

from proxy.store.seeding import seed
from proxy.store.seeding.seed import Wish

PARTITIONED = (
    "proxy_exchange",
    "proxy_exchangebody",
    "proxy_blob",
    "proxy_receipt",
    "proxy_turn",
    "proxy_offer",
    "proxy_text",
    "proxy_cachebreak",
    "proxy_finding",
)
BODIES = ("proxy_exchangebody", "proxy_text", "proxy_blob")
END = datetime(2026, 9, 20, 12, tzinfo=UTC)


@contextmanager
def months_of_traffic() -> Iterator[None]:
    """20,000 exchanges from July to September, in tables that are vacuumed as those of a database that runs."""
    # Whatever it fills goes afterwards, as the tests that follow count what is there.
    empty = [
        model._meta.db_table
        for model in apps.get_app_config("proxy").get_models()
        if model._meta.managed and not model._default_manager.exists()
    ]
    try:
        seed.seed(Wish(20_000, 75, 1, END), lambda *step: None, jobs=1)
        seed.settle()
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(empty)}")


@dataclass(frozen=True, slots=True)
class Scan:
    """A partition that is read: how, and how many rows of it the statement looked at. `rows` is 0 where it never did."""

    table: str
    month: str
    how: str
    rows: float


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, with its scans of partitioned tables."""

    sql: str
    scans: list[Scan]


def statements_of(do: Callable[[], object]) -> list[Statement]:
    """Everything that is asked of the database, newly added questions too."""
    caught: list[tuple[str, Any]] = []

    def catch(execute: Any, sql: Any, parameters: Any, many: bool, context: Any) -> Any:
        caught.append((sql if isinstance(sql, str) else sql.as_string(), parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(catch):
        do()
    asked = [
        query
        for query in caught
        if query[0].split()[0] in {"SELECT", "WITH"} and "nexus_ensure" not in query[0]
    ]
    return [Statement(sql, list(_scans(_plan(sql, parameters)))) for sql, parameters in asked]


def _plan(sql: str, parameters: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
        [[found]] = cursor.fetchall()
    plans: list[dict[str, Any]] = json.loads(found) if isinstance(found, str) else found
    plan: dict[str, Any] = plans[0]["Plan"]
    return plan


def _scans(node: dict[str, Any]) -> Iterator[Scan]:
    table, _, month = str(node.get("Relation Name", "")).partition("_20")
    if table in PARTITIONED:
        looked = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        yield Scan(table, f"20{month}", node["Node Type"], looked * node["Actual Loops"])
    for child in node.get("Plans", ()):
        yield from _scans(child)
