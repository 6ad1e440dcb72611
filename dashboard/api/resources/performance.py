"""How long answers take, and how fast they come."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import create_model

from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.queries.sums import usage
from dashboard.queries.sums.breakdowns import DIMENSIONS
from dashboard.queries.sums.figures import SERVED
from dashboard.queries.sums.percentiles import Spreads, by_value, over_time, together
from dashboard.queries.sums.spans import span_of
from proxy.histograms import HISTOGRAMS

router = Router()
# Where each histogram stands, in Python's style: its unit belongs to its name.
NAMES = {"durations": "duration_ms", "first_bytes": "first_byte_ms", "speeds": "tokens_per_second"}


class Percentiles(CamelSchema):
    """Of `count` requests; null without any. They are merged from histograms: each is off by a quarter at most."""

    count: int
    p50: float | None
    p95: float | None
    p99: float | None


_FIELDS: Any = {NAMES[histogram.name]: (Percentiles, ...) for histogram in HISTOGRAMS}
Spread: type[Any] = create_model("Spread", __base__=CamelSchema, **_FIELDS)


class PerformanceRow(Spread):  # type: ignore[misc]  # made of the table of histograms
    key: str


class PerformancePoint(Spread):  # type: ignore[misc]
    at: datetime


class PerformanceReport(CamelSchema):
    """Whole hours; `points` are bars of `step` in `zone`, those that have anything. Tokens per second are of whole streams."""

    by: str
    step: Literal["hour", "day"]
    zone: str
    since: datetime
    until: datetime
    total: Spread  # type: ignore[valid-type]
    rows: list[PerformanceRow]
    points: list[PerformancePoint]


@takes(SERVED)
class PerformanceQuery(Schema):
    pass


@router.get("/performance", response={200: PerformanceReport, **ERRORS}, by_alias=True)
def performance_report(
    request: HttpRequest,
    filters: Query[PerformanceQuery],
    by: Literal["model", "domain", "account", "type"] = "model",
) -> PerformanceReport:
    """Percentiles of duration, first byte and tokens per second in a period (24 hours without one): of all, by one dimension,
    the one with the most requests first, and over time.
    """
    chosen, now = filter_of(request, ("by",)), timezone.now()
    chart = usage.cut(span_of(chosen, now), now)
    dimension = DIMENSIONS[by]
    rows = by_value(dimension, chart.span, chosen)
    busiest = sorted(rows, key=lambda value: (-rows[value]["durations"].count, value))
    return PerformanceReport(
        by=by,
        step=chart.step,
        zone=chart.span.zone.key,
        since=chart.starts[0],
        until=chart.end,
        total=Spread(**_of(together(chart.span, chosen, dimension))),
        rows=[
            PerformanceRow(key=value, **_of(rows[value]))
            for value in busiest
            if rows[value]["durations"].count
        ],
        points=[
            PerformancePoint(at=at, **_of(spreads))
            for at, spreads in over_time(dimension, chart, chosen).items()
        ],
    )


def _of(spreads: Spreads) -> Mapping[str, Percentiles]:
    return {NAMES[name]: Percentiles(count=spread.count, **spread.values) for name, spread in spreads.items()}
