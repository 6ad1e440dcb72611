"""Failed requests over time, for each value of a dimension of the rollups."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.db.models import Sum

from dashboard.filters.filter import Filter
from dashboard.queries.sums.breakdowns import By
from dashboard.queries.sums.usage import Cut, rows_of, start_of

Bars = Mapping[datetime, int]


def errors_over_time(by: By, chart: Cut, chosen: Filter) -> dict[str, Bars]:
    """By value, the failed requests of each bar that has any."""
    found: dict[str, dict[datetime, int]] = defaultdict(lambda: defaultdict(int))
    for part in rows_of(by, chart, chosen):
        moment = "day" if part.model is by.tables.days else "hour"
        rows = part.filter(errors__gt=0).order_by().values_list(by.column, moment)
        for value, at, failed in rows.annotate(failed=Sum("errors")):
            place = bisect_right(chart.starts, start_of(at)) - 1
            found[value][chart.starts[max(0, place)]] += failed
    return {value: dict(bars) for value, bars in found.items()}
