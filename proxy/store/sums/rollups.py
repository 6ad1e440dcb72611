"""Add new exchanges to the hourly rollups and the totals of their domains.

Every new record counts as a request. Errors are all outcomes but `complete` and `client_left`: a client that
leaves has seen no failure. Input tokens are without cache, as the API bills them. Tokens and cost count under each
model that is billed, an exchange under its own. `unpriced`, `partial` and `notional` count the exchanges whose
`cost_state` says so, `stored` those that were kept (none of them with storage off) and `kept_bytes` the size of
their bodies.

Anybody can send any Host and model. What came no further than a refusal (Nexus refused it, or upstream answered
401 or 403) therefore counts under UNKNOWN_DOMAIN, without account and model, unless its domain is configured or
has totals of its own: rows cannot be made without a credential.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from django.db import connection
from psycopg import sql

from accounts.models import Domain
from proxy.metrics import SUMS, SUMS_OF_DOMAIN
from proxy.record import REFUSED
from proxy.store.models import DomainTotal, Exchange
from proxy.store.pricing import costs
from proxy.store.sums import spend
from proxy.store.sums.definitions import KEY, UNKNOWN_DOMAIN, Key, Tally, counts_of, key_of


def attribute(rows: Iterable[Exchange]) -> None:
    """Decide under which domain new exchanges count, and write it into them: what is decided once can be summed up again."""
    unknown = _unknown_domains(rows := list(rows))
    for row in rows:
        if _refused(row) and row.domain in unknown:
            row.counts_as = UNKNOWN_DOMAIN


def add(rows: Sequence[Exchange], *, kept: bool) -> None:
    """Add exchanges that were never added before."""
    _write(*_tallies(rows, kept=kept))
    spend.add(rows)


def replace(old: Sequence[Exchange], new: Sequence[Exchange]) -> None:
    """Count stored exchanges as they are now, in place of how they were counted."""
    hours_before, domains_before = _tallies(old, kept=True)
    hours, domains = _tallies(new, kept=True)
    # A model that is billed no longer loses what it had, and one that is billed now had nothing.
    for key in hours.keys() | hours_before.keys():
        hours[key] = hours.get(key, Tally()) - hours_before.get(key, Tally())
    _write(hours, {domain: tally - domains_before[domain] for domain, tally in domains.items()})
    spend.replace(old, new)


def _tallies(rows: Sequence[Exchange], *, kept: bool) -> tuple[dict[Key, Tally], dict[str, Tally]]:
    by_hour: dict[Key, Tally] = {}
    by_domain: dict[str, Tally] = {}
    for row in rows:
        billed = costs.billed_of(row)
        own, counts = key_of(row, billed[0].model), counts_of(row, kept=kept)
        total = by_domain.setdefault(own[1], Tally())
        total.add(row, counts)
        by_hour.setdefault(own, Tally()).add(row, counts)
        for part in billed:
            total.add_billed(row, part)
            by_hour.setdefault(key_of(row, part.model), Tally()).add_billed(row, part)
    return by_hour, by_domain


def _write(by_hour: Mapping[Key, Tally], by_domain: Mapping[str, Tally]) -> None:
    """One statement a table, keys sorted against deadlocks; whoever adds to both does it in this order."""
    _upsert(add_to_rollups, [(*key, *tally.of_hour) for key, tally in sorted(by_hour.items())])
    _upsert(add_to_totals, [(domain, *tally.of_domain) for domain, tally in sorted(by_domain.items())])


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


ROLLUP_CHANGES = dict.fromkeys(SUMS, _ADD) | {"durations": _ADD_DURATIONS}
TOTAL_CHANGES = dict.fromkeys(SUMS_OF_DOMAIN, _ADD) | {"last_at": _LATER}


def add_to_rollups(rows: sql.Composable) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of KEY and ROLLUP_CHANGES) to the rollups."""
    return _adding("proxy_rollup", KEY, ROLLUP_CHANGES, rows)


def add_to_totals(rows: sql.Composable) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of domain and TOTAL_CHANGES) to the totals of domains."""
    return _adding("proxy_domaintotal", ("domain",), TOTAL_CHANGES, rows)


def _adding(
    table: str, key: Sequence[str], changes: Mapping[str, sql.SQL], rows: sql.Composable
) -> sql.Composed:
    return sql.SQL("INSERT INTO {} ({}) {} ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, (*key, *changes))),
        rows,
        sql.SQL(", ").join(map(sql.Identifier, key)),
        sql.SQL(", ").join(
            sql.SQL("{column} = ").format(column=sql.Identifier(column))
            + how.format(table=sql.Identifier(table), column=sql.Identifier(column))
            for column, how in changes.items()
        ),
    )


def _upsert(adding: Callable[[sql.Composable], sql.Composed], rows: Sequence[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_adding_values(adding, len(rows), len(rows[0])), list(chain.from_iterable(rows)))


@lru_cache(maxsize=64)
def _adding_values(adding: Callable[[sql.Composable], sql.Composed], rows: int, columns: int) -> str:
    """To compose it takes longer than to run it, and most batches have one row or two."""
    row = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * columns))
    return adding(sql.SQL("VALUES ") + sql.SQL(", ").join([row] * rows)).as_string()
