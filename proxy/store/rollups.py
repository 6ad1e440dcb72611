"""Add new exchanges to the hourly rollups and the totals of their domains.

Every new record counts as a request. Errors are all outcomes but `complete` and `client_left`: a client that
leaves has seen no failure. Input tokens are without cache, as the API bills them. `unpriced` and `partial` count
the exchanges whose `cost_state` says so, `stored` those that were kept (none of them with storage off) and
`kept_bytes` the size of their bodies.

Anybody can send any Host and model. What came no further than a refusal (Nexus refused it, or upstream answered
401 or 403) therefore counts under UNKNOWN_DOMAIN, without account and model, unless its domain is configured or
has totals of its own: rows cannot be made without a credential.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import connection
from psycopg import sql

from accounts.models import Domain
from proxy.record import CLIENT_LEFT, COMPLETE, REFUSED
from proxy.store import costs, histogram
from proxy.store.models import Counters, DomainTotal, Exchange

UNKNOWN_DOMAIN = "(unknown)"

Key = tuple[datetime, str, str, str, str]


@dataclass(slots=True)
class Tally:
    """Sums over some exchanges, under the names of the columns of `Counters` and `DomainTotal`."""

    requests: int = 0
    stored: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    tool_calls: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0
    partial: int = 0
    duration_ms: int = 0
    kept_bytes: int = 0
    query_evaluations: int = 0
    inferences: int = 0
    last_at: datetime | None = None
    durations: list[int] = field(default_factory=lambda: [0] * histogram.BUCKETS)

    def add(self, row: Exchange, *, kept: bool) -> None:
        self.requests += 1
        self.stored += kept
        self.errors += row.outcome not in (COMPLETE, CLIENT_LEFT)
        self.input_tokens += row.input_tokens or 0
        self.output_tokens += row.output_tokens or 0
        self.cache_read_tokens += row.cache_read_tokens or 0
        self.cache_write_tokens += row.cache_write_tokens or 0
        self.tool_calls += row.tool_calls
        self.cost_usd += row.cost_usd or 0
        self.unpriced += row.cost_state == costs.UNPRICED
        self.partial += row.cost_state == costs.PARTIAL
        self.duration_ms += row.duration_ms
        self.kept_bytes += row.request_bytes + row.response_bytes if kept else 0
        self.query_evaluations += row.request_type == "query_evaluation"
        self.inferences += row.request_type == "inference"
        self.last_at = max(self.last_at or row.started_at, row.started_at)
        self.durations[histogram.bucket(row.duration_ms)] += 1


_SUMS = [one.attname for one in Counters._meta.get_fields() if one.concrete]
_ROLLUP_KEY = ("hour", "domain", "account", "model", "request_type")


def attribute(rows: Iterable[Exchange]) -> None:
    """Decide under which domain new exchanges count, and write it into them: what is decided once can be summed up again."""
    unknown = _unknown_domains(rows := list(rows))
    for row in rows:
        if _refused(row) and row.domain in unknown:
            row.counts_as = UNKNOWN_DOMAIN


def add(rows: Sequence[Exchange], *, kept: bool) -> None:
    """Add exchanges that were never added before; one statement a table, keys sorted against deadlocks."""
    by_hour: dict[Key, Tally] = {}
    by_domain: dict[str, Tally] = {}
    for row in rows:
        key = _key(row)
        by_hour.setdefault(key, Tally()).add(row, kept=kept)
        by_domain.setdefault(key[1], Tally()).add(row, kept=kept)
    _upsert("proxy_rollup", _ROLLUP_KEY, _SUMS, {"durations": _ADD_DURATIONS}, sorted(by_hour.items()))
    totals = [((domain,), tally) for domain, tally in sorted(by_domain.items())]
    sums = [*_SUMS, "query_evaluations", "inferences"]
    _upsert("proxy_domaintotal", ("domain",), sums, {"last_at": _LATER}, totals)


def _key(row: Exchange) -> Key:
    hour = row.started_at.replace(minute=0, second=0, microsecond=0)
    if row.counts_as == UNKNOWN_DOMAIN:
        return hour, UNKNOWN_DOMAIN, "", "", row.request_type
    return hour, row.counts_as or row.domain, row.account, row.model, row.request_type


def _refused(row: Exchange) -> bool:
    return row.outcome == REFUSED or row.status in (401, 403)


def _unknown_domains(rows: Iterable[Exchange]) -> set[str]:
    asked = {row.domain for row in rows if _refused(row)}
    if not asked:
        return asked
    configured = Domain.objects.filter(name__in=asked).values_list("name", flat=True)
    counted = DomainTotal.objects.filter(domain__in=asked).values_list("domain", flat=True)
    return asked - set(configured) - set(counted)


_ADD = sql.SQL("{table}.{column} + excluded.{column}")
_LATER = sql.SQL("greatest({table}.{column}, excluded.{column})")
_ADD_DURATIONS = sql.SQL(
    "ARRAY(SELECT coalesce(pair.old, 0) + coalesce(pair.new, 0)"
    " FROM unnest({table}.{column}, excluded.{column}) WITH ORDINALITY AS pair (old, new, place)"
    " ORDER BY pair.place)"
)


def _upsert(
    table: str,
    key: Sequence[str],
    sums: Sequence[str],
    others: dict[str, sql.SQL],
    rows: Sequence[tuple[tuple[object, ...], Tally]],
) -> None:
    names = [*key, *sums, *others]
    changes = {**dict.fromkeys(sums, _ADD), **others}
    row = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * len(names)))
    statement = sql.SQL("INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join([row] * len(rows)),
        sql.SQL(", ").join(map(sql.Identifier, key)),
        sql.SQL(", ").join(
            sql.SQL("{column} = ").format(column=sql.Identifier(column))
            + how.format(table=sql.Identifier(table), column=sql.Identifier(column))
            for column, how in changes.items()
        ),
    )
    values = [value for one, tally in rows for value in (*one, *(getattr(tally, name) for name in changes))]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
