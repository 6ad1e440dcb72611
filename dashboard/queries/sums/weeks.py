"""The sums of a period by hour of the week, in the reporting zone."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from dashboard.filters.filter import Filter
from dashboard.queries.sums.breakdowns import By
from dashboard.queries.sums.figures import hours
from dashboard.queries.sums.spans import Span
from dashboard.queries.sums.usage import LOCAL_DAYS_UP_TO


@dataclass(frozen=True, slots=True)
class WeekHour:
    """One of 168: its sums in the period, how many such hours had traffic, and that of them which cost most."""

    cost_usd: Decimal
    requests: int
    count: int
    dearest: datetime


def by_hour_of_week(by: By, span: Span, chosen: Filter, now: datetime) -> Mapping[tuple[int, int], WeekHour]:
    """By weekday, 0 is Monday, and hour; of a long period its last 32 days, as sums by day do not tell hours."""
    since = max(span.since, span.end(now) - LOCAL_DAYS_UP_TO)
    rows = hours(replace(span, since=since), by.keys(chosen), by.tables).order_by().values("hour")
    found: dict[tuple[int, int], list[tuple[Decimal, int, datetime]]] = defaultdict(list)
    for row in rows.annotate(cost=Sum("cost_usd"), count=Sum("requests")):
        local = row["hour"].astimezone(span.zone)
        found[local.weekday(), local.hour].append((row["cost"], row["count"], row["hour"]))
    return {
        key: WeekHour(
            cost_usd=sum((cost for cost, _, _ in parts), Decimal(0)),
            requests=sum(count for _, count, _ in parts),
            count=len(parts),
            dearest=max(parts)[2],
        )
        for key, parts in found.items()
        if any(cost or count for cost, count, _ in parts)
    }
