"""What the rollups lack of the rows, or have too much: computed by the database, kept in a table of this session.

One statement looks at both sides, so it sees them at one moment. Ingest and reprice change both by the same amount in
one transaction: a difference stays right while they go on, and adding it later fixes exactly what was wrong.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction
from psycopg import sql

from proxy.histograms import HISTOGRAMS
from proxy.metrics import SUMS, SUMS_OF_DOMAIN
from proxy.store.models import CLOCK_SLACK
from proxy.store.rebuilding.comparison import (
    ANY,
    LESS,
    SUMMED,
    WINDOW,
    WORK_MEM,
    Difference,
    DifferenceTable,
    Window,
    columns_of,
    read_differences,
    selected,
)
from proxy.store.sums.adding import ROLLUP_CHANGES, TOTAL_CHANGES, add_to_rollups, add_to_totals
from proxy.store.sums.definitions import (
    BILLED_IN_SQL,
    BILLED_MODEL_IN_SQL,
    KEY,
    KEY_IN_SQL,
    OWN_MODEL_IN_SQL,
    SUMS_IN_SQL,
    TYPES_IN_SQL,
)

_BUCKETS = ", ".join(f"({number}, {histogram.bucket_sql})" for number, histogram in enumerate(HISTOGRAMS))
_HISTOGRAMS = ", ".join(
    "ARRAY["
    + ", ".join(
        f"coalesce(sum(counted) FILTER (WHERE histogram = {number} AND bucket = {bucket}), 0)::bigint"
        for bucket in range(histogram.buckets)
    )
    + f"] AS {histogram.name}"
    for number, histogram in enumerate(HISTOGRAMS)
)
_LESS = """ARRAY(
    SELECT coalesce(new, 0) - coalesce(old, 0)
    FROM unnest(stated.{name}, counted.{name}) WITH ORDINALITY AS pair (new, old, place) ORDER BY place
) AS {name}"""
_NAMES = tuple(histogram.name for histogram in HISTOGRAMS)
_ANY_BUCKET = " OR ".join(f"0 <> ANY ({name})" for name in _NAMES)


def _key(model: str) -> dict[str, str]:
    return KEY_IN_SQL | {"model": KEY_IN_SQL["model"].format(model=model)}


# Two steps: the many rows are counted by bucket, the few groups get the histograms.
_COMPARE = sql.SQL("""
WITH counted_row AS (
    SELECT {key_of_row}, {sums_of_row} FROM proxy_exchange WHERE {window}
    UNION ALL
    SELECT {key_of_billed}, {sums_of_billed}
    FROM proxy_exchange, jsonb_array_elements(billed) AS one WHERE billed IS NOT NULL AND {window}
), summed AS (
    SELECT {key}, {sum} FROM counted_row WHERE %(domain)s IN ('', domain) GROUP BY {key}
), bucket_of_row AS (
    SELECT {key_of_row}, histogram, bucket
    FROM proxy_exchange, LATERAL (VALUES {buckets}) AS place (histogram, bucket) WHERE bucket IS NOT NULL AND {window}
), by_bucket AS (
    SELECT {key}, histogram, bucket, count(*) AS counted FROM bucket_of_row
    WHERE %(domain)s IN ('', domain) GROUP BY {key}, histogram, bucket
), bucketed AS (
    SELECT {key}, {histograms} FROM by_bucket GROUP BY {key}
), stated AS (
    SELECT * FROM summed LEFT JOIN bucketed USING ({key})
), counted AS (
    SELECT * FROM proxy_rollup WHERE hour >= %(start)s AND hour < %(end)s AND %(domain)s IN ('', domain)
), difference AS (
    SELECT {key}, {difference}, {each_less} FROM stated FULL JOIN counted USING ({key})
)
INSERT INTO rollup_difference ({key}, {sums}, {names}) SELECT {key}, {sums}, {names} FROM difference WHERE {any} OR {any_bucket}
""").format(
    key_of_row=selected(_key(OWN_MODEL_IN_SQL)),
    sums_of_row=selected(SUMS_IN_SQL),
    key_of_billed=selected(_key(BILLED_MODEL_IN_SQL)),
    sums_of_billed=selected(BILLED_IN_SQL),
    window=sql.SQL(WINDOW),
    key=columns_of("{name}", KEY),
    sum=SUMMED,
    sums=columns_of("{name}", SUMS),
    buckets=sql.SQL(_BUCKETS),
    histograms=sql.SQL(_HISTOGRAMS),
    difference=LESS,
    each_less=columns_of(_LESS, _NAMES),
    names=columns_of("{name}", _NAMES),
    any=ANY,
    any_bucket=sql.SQL(_ANY_BUCKET),
)
# In the order in which ingest, by Python's order of texts, takes the same rows.
_APPLY = add_to_rollups(
    sql.SQL("""
SELECT {key}, {changes} FROM rollup_difference WHERE hour >= %(start)s AND hour < %(end)s
ORDER BY hour, domain COLLATE "C", account COLLATE "C", model COLLATE "C", request_type COLLATE "C"
""").format(key=columns_of("{name}", KEY), changes=columns_of("{name}", tuple(ROLLUP_CHANGES)))
)
# Without waiting: to wait for a row that ingest holds, while it waits for one of these, would be a deadlock.
_SWEEP = f"""
DELETE FROM proxy_rollup WHERE id IN (
    SELECT id FROM proxy_rollup
    WHERE hour >= %(start)s AND hour < %(end)s AND NOT hour = ANY(%(left_alone)s)
        AND {" AND ".join(f"{name} = 0" for name in SUMS)} FOR UPDATE SKIP LOCKED
)
"""  # noqa: S608 - our names

# What is not applied, in a dry run, counts as if it were.
_TOTALS = sql.SQL("""
WITH hourly AS (
    SELECT domain, hour, request_type, {sums} FROM proxy_rollup WHERE %(domain)s IN ('', domain)
    UNION ALL SELECT domain, hour, request_type, {sums} FROM rollup_difference
), summed AS (
    SELECT domain, max(hour) FILTER (WHERE requests > 0) AS hour, {sum}, {types}
    FROM hourly GROUP BY domain
), difference AS (
    SELECT domain, coalesce(summed.hour, total.last_at) AS last_at, {difference}
    FROM summed FULL JOIN (SELECT * FROM proxy_domaintotal WHERE %(domain)s IN ('', domain)) AS total USING (domain)
)
INSERT INTO total_difference (domain, {all}, last_at)
SELECT domain, {all}, last_at FROM difference WHERE {any}
""").format(
    sums=columns_of("{name}", SUMS),
    sum=SUMMED,
    types=selected(TYPES_IN_SQL),
    all=columns_of("{name}", SUMS_OF_DOMAIN),
    difference=columns_of("coalesce(summed.{name}, 0) - coalesce(total.{name}, 0) AS {name}", SUMS_OF_DOMAIN),
    any=sql.SQL(" OR ").join(sql.SQL("{} <> 0").format(sql.Identifier(name)) for name in SUMS_OF_DOMAIN),
)
# So far it is the last hour; the moment within it stands in the rows.
_LAST_AT = sql.SQL("""
UPDATE total_difference AS total SET last_at = found.last_at FROM (
    SELECT total_difference.domain, max(started_at) AS last_at
    FROM (
        SELECT {domain} AS domain, started_at FROM proxy_exchange
        WHERE id >= (SELECT nexus_uuid_floor(min(last_at) - make_interval(secs => %(slack)s)) FROM total_difference)
    ) AS row JOIN total_difference USING (domain)
    WHERE started_at >= last_at AND started_at < last_at + interval '1 hour' GROUP BY total_difference.domain
) AS found WHERE total.domain = found.domain
""").format(domain=sql.SQL(KEY_IN_SQL["domain"]))
_SWEEP_TOTALS = """
DELETE FROM proxy_domaintotal WHERE domain IN (
    SELECT domain FROM proxy_domaintotal WHERE requests = 0 FOR UPDATE SKIP LOCKED
)
"""
_APPLY_TOTALS = add_to_totals(
    sql.SQL('SELECT domain, {} FROM total_difference ORDER BY domain COLLATE "C"').format(
        columns_of("{name}", tuple(TOTAL_CHANGES))
    )
)


FOUND = DifferenceTable(
    "rollup_difference",
    f"SELECT {', '.join((*KEY, *SUMS, *_NAMES))} FROM proxy_rollup",  # noqa: S608 - our names
)
_TOTALS_FOUND = DifferenceTable("total_difference", "SELECT * FROM proxy_domaintotal")


@contextmanager
def tables() -> Iterator[None]:
    """The tables of both differences."""
    with FOUND.opened(), _TOTALS_FOUND.opened():
        yield


def compare(window: Window) -> None:
    """Find what the rollups of a window have to gain."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WORK_MEM)
        cursor.execute(_COMPARE, window.parameters)


def apply(window: Window) -> None:
    """Correct the rollups of a window, and forget what was fixed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_APPLY, window.parameters)
        FOUND.forget(window)


def sweep(window: Window, left_alone: Collection[datetime]) -> None:
    """Take away the rollups of a window that count nothing, as ingest would never have written them."""
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, window.parameters | {"left_alone": list(left_alone)})


def compare_totals(domain: str) -> list[Difference]:
    """The domains whose totals are not the sums of their rollups."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TOTALS, {"domain": domain})
        cursor.execute(_LAST_AT, {"slack": CLOCK_SLACK.total_seconds()})
    return read_differences("domain", "total_difference", SUMS_OF_DOMAIN, {})


def apply_totals() -> None:
    """Correct the totals."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_APPLY_TOTALS)
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP_TOTALS)
