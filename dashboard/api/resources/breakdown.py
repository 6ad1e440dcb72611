"""Sums of a period by one dimension, beside those of the period before."""

from collections.abc import Sequence
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router

from dashboard.api.filtering import chosen_for, filter_of
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit
from dashboard.api.shapes.sums import Dimension, SumQuery, Values, metrics_of, values_of
from dashboard.filters.filter import Filter
from dashboard.queries.sums.breakdowns import DIMENSIONS, By, labels, ranking
from dashboard.queries.sums.conversation_hours import not_known_before
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.metric_names import NAMES
from dashboard.queries.sums.spans import Span, before, span_of

router = Router()


class BreakdownRow(CamelSchema):
    """`share` is this row's part of the total of the first metric, null where there is none."""

    key: str
    label: str = Field(description="What people call it: the name of a client key, else the key")
    values: Values
    previous: Values
    share: float | None


class BreakdownReport(CamelSchema):
    """`since` to `until` in whole hours, `until` null where it goes on; `previous` is of as long a time before."""

    by: str
    since: datetime
    until: datetime | None
    previous_since: datetime
    previous_until: datetime | None
    not_known_before: datetime | None = Field(
        description="By session or agent: up to then exchanges were dropped, and their sums with them"
    )
    total: Values
    previous_total: Values
    rows: list[BreakdownRow]
    more: int = Field(description="How many rows `limit` leaves out")


@router.get("/breakdown", response={200: BreakdownReport, **ERRORS}, by_alias=True)
def breakdown_report(
    request: HttpRequest, filters: Query[SumQuery], by: Dimension, metrics: str = "", limit: Limit = 100
) -> BreakdownReport:
    """Sums of a period (24 hours without one) by one dimension, those with the most of the first metric first.

    `metrics` are names with commas: costUsd, requests and totalTokens without any. Models, domains, accounts and types can be
    filtered by each other, the other dimensions by domain and by themselves,
    sessions and agents by each other too.
    """
    chosen = filter_of(request, ("by", "metrics", "limit"))
    names, now = metrics_of(metrics), timezone.now()
    dimension = chosen_for(DIMENSIONS[by], chosen)
    span = span_of(chosen, now)
    return _report(dimension, chosen, (span, before(span, chosen, now)), names, limit)


def _report(
    by: By, chosen: Filter, spans: tuple[Span, Span], names: Sequence[str], limit: int
) -> BreakdownReport:
    found = ranking(by, spans, chosen, NAMES[names[0]].name, limit)
    called = labels(by, [value for value, _, _ in found.rows])
    whole = values_of(found.total, names[:1])[names[0]]

    def row(value: str, now: Figures, then: Figures) -> BreakdownRow:
        values = values_of(now, names)
        return BreakdownRow(
            key=value,
            label=called.get(value, value),
            values=values,
            previous=values_of(then, names),
            share=values[names[0]] / whole if whole else None,
        )

    span, earlier = spans
    return BreakdownReport(
        by=by.name,
        since=span.since,
        until=span.until,
        previous_since=earlier.since,
        previous_until=earlier.until,
        not_known_before=not_known_before(earlier.since, span.until) if by.of_conversations else None,
        total=values_of(found.total, names),
        previous_total=values_of(found.other_total, names),
        rows=[row(*each) for each in found.rows],
        more=found.more,
    )
