"""What was spent, by day, domain and client key: kept with every change of an exchange's cost, in its transaction.

Limits compare the cost and, beside it, the estimate for what has no cost that is known.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import NamedTuple, Self

from django.db import connection

from accounts.access.limits import ORGANISATION, PERIODS, Period, begin, domain_scope, key_scope
from proxy.store.models import Exchange

Key = tuple[date, str, str, bool]


class Usd(NamedTuple):
    """An amount in two parts."""

    cost: Decimal = Decimal(0)
    estimated: Decimal = Decimal(0)

    def plus(self, other: Self) -> "Usd":
        return Usd(self.cost + other.cost, self.estimated + other.estimated)

    def minus(self, other: Self) -> "Usd":
        return Usd(self.cost - other.cost, self.estimated - other.estimated)


# `Key`, said again for a rebuild, which has nothing but rows. A test compares the two.
KEY_IN_SQL = {
    "day": "(started_at AT TIME ZONE 'UTC')::date",
    "domain": "coalesce(nullif(counts_as, ''), nullif(tenant, ''), domain)",
    "client_key": "client_key",
    "known": "paid_by <> 'client' OR client_key <> ''",
}
# Sorted, or two batches with the same keys in another order would wait for each other.
_ADD = """
INSERT INTO proxy_spend (day, domain, client_key, known, cost_usd, estimated_usd)
SELECT * FROM unnest(%s::date[], %s::text[], %s::text[], %s::boolean[], %s::numeric[], %s::numeric[])
    AS new (day, domain, client_key, known, cost_usd, estimated_usd) ORDER BY 1, 2, 3, 4
ON CONFLICT (day, domain, client_key, known) DO UPDATE SET cost_usd = proxy_spend.cost_usd + excluded.cost_usd,
    estimated_usd = proxy_spend.estimated_usd + excluded.estimated_usd
"""
_SUMS = """
SELECT domain, client_key, known, coalesce(sum(cost_usd + estimated_usd) FILTER (WHERE day >= %(day)s), 0),
    coalesce(sum(cost_usd + estimated_usd) FILTER (WHERE day >= %(week)s), 0),
    coalesce(sum(cost_usd + estimated_usd) FILTER (WHERE day >= %(month)s), 0)
FROM proxy_spend WHERE day >= least(%(week)s, %(month)s) GROUP BY domain, client_key, known
"""


def add(rows: Sequence[Exchange]) -> None:
    """Count the cost of new exchanges."""
    change(_by_key(rows))


def replace(old: Sequence[Exchange], new: Sequence[Exchange]) -> None:
    """Count what stored exchanges cost now, in place of what they cost."""
    before, after = _by_key(old), _by_key(new)
    change({key: after[key].minus(before[key]) for key in before.keys() | after.keys()})


def change(by_key: Mapping[Key, Usd]) -> None:
    """Add to the sums, USD for each key."""
    if not by_key:
        return
    rows = [(*key, *usd) for key, usd in by_key.items()]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])


def sums(today: date) -> Mapping[str, Mapping[Period, Decimal]]:
    """What every scope spent in the periods that `today` lies in; a scope that spent nothing is missing."""
    found: dict[str, dict[Period, Decimal]] = defaultdict(lambda: dict.fromkeys(PERIODS, Decimal(0)))
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, {period: begin(period, today) for period in PERIODS})
        for domain, client_key, known, *amounts in cursor.fetchall():
            scopes = [domain_scope(domain)]
            scopes += [ORGANISATION] if known else []
            scopes += [key_scope(client_key)] if client_key else []
            for scope in scopes:
                for period, amount in zip(PERIODS, amounts, strict=True):
                    found[scope][period] += amount
    return found


def _by_key(rows: Sequence[Exchange]) -> dict[Key, Usd]:
    found: dict[Key, Usd] = defaultdict(Usd)
    for row in rows:
        if row.cost_usd or row.estimated_usd:
            known = row.paid_by != "client" or bool(row.client_key)
            day = row.started_at.astimezone(UTC).date()
            key = day, row.counts_as or row.tenant or row.domain, row.client_key, known
            found[key] = found[key].plus(Usd(row.cost_usd or Decimal(0), row.estimated_usd or Decimal(0)))
    return found
