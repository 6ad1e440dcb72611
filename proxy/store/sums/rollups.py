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

from collections.abc import Iterable, Mapping, Sequence

from accounts.models import Domain
from proxy.record import REFUSED
from proxy.store.models import DomainTotal, Exchange
from proxy.store.pricing import costs
from proxy.store.sums import breakdowns, spend
from proxy.store.sums.adding import add_to_rollups, add_to_totals, upsert
from proxy.store.sums.definitions import UNKNOWN_DOMAIN, Key, Tally, counts_of, key_of


def attribute(rows: Iterable[Exchange]) -> None:
    """Decide under which domain new exchanges count, and write it into them: what is decided once can be summed up again."""
    unknown = _unknown_domains(rows := list(rows))
    for row in rows:
        if _refused(row) and row.domain in unknown:
            row.counts_as = UNKNOWN_DOMAIN


def add(rows: Sequence[Exchange], *, kept: bool) -> None:
    """Add exchanges that were never added before."""
    _write(*_tallies(rows, kept=kept))
    breakdowns.add(rows, kept=kept)
    spend.add(rows)


def replace(old: Sequence[Exchange], new: Sequence[Exchange]) -> None:
    """Count stored exchanges as they are now, in place of how they were counted."""
    hours_before, domains_before = _tallies(old, kept=True)
    hours, domains = _tallies(new, kept=True)
    # A model that is billed no longer loses what it had, and one that is billed now had nothing.
    for key in hours.keys() | hours_before.keys():
        hours[key] = hours.get(key, Tally()) - hours_before.get(key, Tally())
    _write(hours, {domain: tally - domains_before[domain] for domain, tally in domains.items()})
    breakdowns.replace(old, new)
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
    upsert(add_to_rollups, [(*key, *tally.of_hour) for key, tally in sorted(by_hour.items())])
    upsert(add_to_totals, [(domain, *tally.of_domain) for domain, tally in sorted(by_domain.items())])


def _refused(row: Exchange) -> bool:
    return row.outcome == REFUSED or row.status in (401, 403)


def _unknown_domains(rows: Iterable[Exchange]) -> set[str]:
    asked = {row.domain for row in rows if _refused(row)}
    if not asked:
        return asked
    configured = Domain.objects.filter(name__in=asked).values_list("name", flat=True)
    counted = DomainTotal.objects.filter(domain__in=asked).values_list("domain", flat=True)
    return asked - set(configured) - set(counted)
