"""Sums of a period over time, bar by bar."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router

from dashboard.api.filtering import chosen_for, filter_of
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.sums import Dimension, SumQuery, Values, metrics_of, values_of
from dashboard.queries.sums import usage
from dashboard.queries.sums.breakdowns import DIMENSIONS, first, labels
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.metric_names import NAMES
from dashboard.queries.sums.spans import span_of

router = Router()
BY_TYPE = Dimension("type")


class Point(CamelSchema):
    at: datetime = Field(description="Where the bar begins")
    values: Values


class Series(CamelSchema):
    """`key` is null for all values together that have no series of their own."""

    key: str | None
    label: str
    points: list[Point]


class SeriesReport(CamelSchema):
    """Every series has a point for every bar. Bars of days begin at midnight in `zone`, cut down to the hour of UTC."""

    by: str
    step: Literal["hour", "day"]
    zone: str
    since: datetime
    until: datetime
    series: list[Series]


@router.get("/series", response={200: SeriesReport, **ERRORS}, by_alias=True)
def series_report(
    request: HttpRequest, filters: Query[SumQuery], by: Dimension = BY_TYPE, metrics: str = ""
) -> SeriesReport:
    """Sums of a period (24 hours without one) by hour up to two days, else by day, for the six values of a dimension that have
    most of the first metric and for the others together. Parameters are those of `/api/breakdown`.
    """
    chosen = filter_of(request, ("by", "metrics"))
    names, now = metrics_of(metrics), timezone.now()
    dimension = chosen_for(DIMENSIONS[by], chosen)
    chart = usage.cut(span_of(chosen, now), now)
    ordered = first(dimension, chart.span, chosen, NAMES[names[0]].name, usage.NAMED_SERIES)
    found = usage.series_by(dimension, ordered, chart, chosen)
    called = labels(dimension, ordered)
    order = [value for value in [*ordered, usage.OTHERS] if value in found]
    return SeriesReport(
        by=dimension.name,
        step=chart.step,
        zone=chart.span.zone.key,
        since=chart.starts[0],
        until=chart.end,
        series=[
            Series(
                key=None if value == usage.OTHERS else value,
                label=called.get(value, value),
                points=_points(found[value], chart.starts, names),
            )
            for value in order
        ],
    )


def _points(bars: dict[datetime, Figures], starts: Sequence[datetime], names: Sequence[str]) -> list[Point]:
    nothing = Figures()
    return [Point(at=start, values=values_of(bars.get(start, nothing), names)) for start in starts]
