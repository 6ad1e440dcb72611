"""Rollups, totals and spools of made-up exchanges, summed up from their rows by SQL: what ingest would have added."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from proxy.record import CLIENT_LEFT, COMPLETE
from proxy.store import costs, histogram
from proxy.store.models import Counters
from proxy.store.rollups import UNKNOWN_DOMAIN

# One expression for each counter, over rows of proxy_exchange; see rollups.Tally.
_SUMS = {
    "requests": "count(*)",
    "stored": "count(*)",
    "errors": f"count(*) FILTER (WHERE outcome NOT IN ('{COMPLETE}', '{CLIENT_LEFT}'))",
    "input_tokens": "coalesce(sum(input_tokens), 0)",
    "output_tokens": "coalesce(sum(output_tokens), 0)",
    "cache_read_tokens": "coalesce(sum(cache_read_tokens), 0)",
    "cache_write_tokens": "coalesce(sum(cache_write_tokens), 0)",
    "tool_calls": "sum(tool_calls)",
    "cost_usd": "coalesce(sum(cost_usd), 0)",
    "unpriced": f"count(*) FILTER (WHERE cost_state = '{costs.UNPRICED}')",
    "partial": f"count(*) FILTER (WHERE cost_state = '{costs.PARTIAL}')",
    "duration_ms": "sum(duration_ms)",
    "kept_bytes": "sum(request_bytes + response_bytes)",
}
_COUNTERS = [field.attname for field in Counters._meta.get_fields() if field.concrete]
_KEY = ("hour", "domain", "account", "model", "request_type")
# width_bucket counts the bounds up to a value, histogram.bucket those below it.
_BUCKET = f"width_bucket(duration_ms - 1, ARRAY{list(histogram.BOUNDS_MS)})"
_DURATIONS = ", ".join(f"count(*) FILTER (WHERE bucket = {place})" for place in range(histogram.BUCKETS))


def _added(table: str, counters: Sequence[str]) -> str:
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in counters)


# Totals are summed from what was added to the rollups, which may hold other traffic of the same hours.
CREATE = "CREATE UNLOGGED TABLE seed_rollup (LIKE proxy_rollup); ALTER TABLE seed_rollup DROP id, ADD last_at timestamptz;"
DROP = "DROP TABLE IF EXISTS seed_rollup;"
_HOURS = f"""
WITH summed AS (
    INSERT INTO seed_rollup ({", ".join(_KEY)}, {", ".join(_COUNTERS)}, durations, last_at)
    SELECT date_trunc('hour', started_at, 'UTC'), known.domain, known.account, known.model, request_type,
        {", ".join(_SUMS[name] for name in _COUNTERS)}, ARRAY[{_DURATIONS}], max(started_at)
    FROM proxy_exchange AS exchange,
    LATERAL (
        SELECT {_BUCKET} AS bucket,
            CASE counts_as WHEN '' THEN exchange.domain ELSE counts_as END AS domain,
            CASE counts_as WHEN '{UNKNOWN_DOMAIN}' THEN '' ELSE exchange.account END AS account,
            CASE counts_as WHEN '{UNKNOWN_DOMAIN}' THEN '' ELSE exchange.model END AS model
    ) AS known
    WHERE id >= nexus_uuid_floor(%s) AND id < nexus_uuid_floor(%s) AND spool = ANY(%s)
    GROUP BY 1, 2, 3, 4, 5
    RETURNING *
)
INSERT INTO proxy_rollup ({", ".join(_KEY)}, {", ".join(_COUNTERS)}, durations)
SELECT {", ".join(_KEY)}, {", ".join(_COUNTERS)}, durations FROM summed ORDER BY {", ".join(_KEY)}
ON CONFLICT ({", ".join(_KEY)}) DO UPDATE SET {_added("proxy_rollup", _COUNTERS)},
    durations = ARRAY(
        SELECT old + new FROM unnest(proxy_rollup.durations, excluded.durations) WITH ORDINALITY AS pair (old, new, place)
        ORDER BY place
    )
"""  # noqa: S608  # constants only
_TOTAL_COUNTERS = [*_COUNTERS, "query_evaluations", "inferences"]
_TOTALS = f"""
INSERT INTO proxy_domaintotal (domain, {", ".join(_TOTAL_COUNTERS)}, last_at)
SELECT domain, {", ".join(f"sum({name})" for name in _COUNTERS)},
    coalesce(sum(requests) FILTER (WHERE request_type = 'query_evaluation'), 0),
    coalesce(sum(requests) FILTER (WHERE request_type = 'inference'), 0), max(last_at)
FROM seed_rollup GROUP BY domain ORDER BY domain
ON CONFLICT (domain) DO UPDATE SET {_added("proxy_domaintotal", _TOTAL_COUNTERS)},
    last_at = greatest(proxy_domaintotal.last_at, excluded.last_at)
"""  # noqa: S608  # constants only
_SPOOLS = """
INSERT INTO proxy_spool (id, accepted, dropped, stored, updated_at)
SELECT id, stored, 0, stored, now() FROM unnest(%s::uuid[], %s::bigint[]) AS spool (id, stored)
"""


def add_hours(start: datetime, end: datetime, spools: Sequence[UUID]) -> None:
    """Add what passed the spools between two whole hours to the rollups."""
    with connection.cursor() as cursor:
        cursor.execute(_HOURS, [start, end, list(spools)])


def add_totals(stored: Mapping[UUID, int]) -> None:
    """Add the rollups of `add_hours` to the totals of their domains, and say what each spool stored."""
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS)
        cursor.execute(_SPOOLS, [list(stored), list(stored.values())])
