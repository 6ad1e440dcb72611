"""Sums over the hourly rollups: the numbers of cards, charts and /api/stats."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import attrgetter, or_
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from proxy.store.models import DayRollup, Rollup


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of exchanges. Token counts as the API bills them, cost in USD, duration in ms over all of them.

    A model that only worked inside others' answers has tokens and a cost, and no requests of its own.
    """

    requests: int = 0
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
    notional: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output, as the predecessor counts: the cache is counted apart (docs/predecessor.md#token-stats)."""
        return self.input_tokens + self.output_tokens

    @property
    def average_ms(self) -> float:
        """0 where there is nothing to take the average of."""
        return self.duration_ms / self.requests if self.requests else 0.0

    @property
    def exactness(self) -> str:
        """How far the cost can be trusted, by the worst of it: unpriced (models without a price), partial (something that is
        billed is not known), notional (prepaid capacity at list prices) or exact."""
        if self.unpriced:
            return "unpriced"
        if self.partial:
            return "partial"
        return "notional" if self.notional else "exact"


TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
SUMS = {field.name: Sum(field.name, default=0) for field in fields(Figures)}
_FIELDS = attrgetter(*SUMS)
_SPLITS = ("domain", "model", "request_type")
# A day whose sums were all taken back, as by a rebuild, keeps its row.
_HAS_ANYTHING = reduce(or_, (~Q(**{name: 0}) for name in ("requests", "cost_usd", *TOKENS)))


def hour_of(moment: datetime) -> datetime:
    """The start of the hour: what a rollup can answer for."""
    return moment.replace(minute=0, second=0, microsecond=0)


def last_day() -> datetime:
    """The start of the last 24 hours, in whole hours: the present one and the 23 before it."""
    return hour_of(timezone.now()) - timedelta(hours=23)


def rollups(since: datetime, domain: str = "") -> QuerySet[Rollup]:
    """The hours from `since` (rounded down to the hour), of one domain or of all."""
    rows = Rollup.objects.filter(hour__gte=hour_of(since))
    return rows.filter(domain=domain) if domain else rows


def of_row(row: Mapping[str, Any]) -> Figures:
    """The sums in a row of an aggregating query, whatever else the row holds."""
    return Figures(**{name: row[name] for name in SUMS})


def total(since: datetime, domain: str = "") -> Figures:
    """The sum of all hours since a moment."""
    return of_row(rollups(since, domain).aggregate(**SUMS))


def active_domains(since: datetime, domain: str = "") -> int:
    """How many domains had traffic."""
    found = rollups(since, domain).aggregate(found=Count("domain", distinct=True))
    return int(found["found"])


@dataclass(frozen=True, slots=True)
class Summary:
    """A stretch of time in sums; of each split the busiest come first."""

    total: Figures
    by_domain: dict[str, Figures]
    by_model: dict[str, Figures]
    by_type: dict[str, Figures]


def summary(since: datetime, domain: str = "") -> Summary:
    """All sums since a moment, however long ago: hours up to the first midnight, days from then on."""
    midnight = _next_midnight(hour_of(since))
    hours = rollups(since, domain).filter(hour__lt=midnight)
    days = DayRollup.objects.filter(_HAS_ANYTHING, day__gte=midnight.date())
    if domain:
        days = days.filter(domain=domain)
    rows = [row for part in (hours, days) for row in part.values(*_SPLITS).annotate(**SUMS)]
    parts = [(row, of_row(row)) for row in rows]
    splits = [_split((row[name], sums) for row, sums in parts) for name in _SPLITS]
    return Summary(together(sums for _, sums in parts), *splits)


def _next_midnight(hour: datetime) -> datetime:
    """UTC, as days are; the hour itself where it is one."""
    return hour + timedelta(hours=-hour.astimezone(UTC).hour % 24)


def _split(parts: Iterable[tuple[str, Figures]]) -> dict[str, Figures]:
    groups: dict[str, list[Figures]] = defaultdict(list)
    for name, sums in parts:
        groups[name].append(sums)
    found = {name: together(sums) for name, sums in groups.items()}
    return dict(sorted(found.items(), key=lambda item: (-item[1].requests, -item[1].cost_usd, item[0])))


def together(parts: Iterable[Figures]) -> Figures:
    """The sum of sums."""
    sums: list[Any] = [sum(column) for column in zip(*map(_FIELDS, parts), strict=True)]
    return Figures(*sums)
