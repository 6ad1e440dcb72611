"""Why a sum differs between two periods."""

from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router
from ninja.errors import HttpError

from dashboard.api.filtering import filter_of
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit
from dashboard.api.shapes.sums import SumQuery, metric_of
from dashboard.filters import windows
from dashboard.filters.filter import Filter, FilterError
from dashboard.queries.sums.explain import explain
from dashboard.queries.sums.spans import Span, before, span_of

router = Router()


class Against(CamelSchema):
    """Another window to compare with, in ISO 8601."""

    against_from: str = ""
    against_to: str = ""


class Contributor(CamelSchema):
    """One value of one dimension; `share` is its part of the whole difference, null where that is nothing."""

    by: str
    key: str
    label: str
    before: float
    now: float
    difference: float
    share: float | None


class ExplainReport(CamelSchema):
    """Dimensions overlap: each explains the whole difference in its own way. `notBy` cannot be filtered so."""

    metric: str
    since: datetime
    until: datetime | None
    against_since: datetime
    against_until: datetime | None
    before: float
    now: float
    difference: float
    contributors: list[Contributor]
    not_by: list[str] = Field(description="Dimensions that the filter leaves out")


@router.get("/explain", response={200: ExplainReport, **ERRORS}, by_alias=True)
def explain_report(
    request: HttpRequest,
    filters: Query[SumQuery],
    window: Query[Against],
    metric: str = "costUsd",
    limit: Limit = 50,
) -> ExplainReport:
    """What a period (24 hours without one) has more or less of a metric than the period before, or than `againstFrom` to
    `againstTo`: the values of every dimension, those that moved it most first.
    """
    chosen = filter_of(request, ("metric", "againstFrom", "againstTo", "limit"))
    found, now = metric_of(metric), timezone.now()
    span = span_of(chosen, now)
    against = _against(window, chosen, now) or before(span, chosen, now)
    try:
        explained = explain(found.name, span, against, chosen)
    except FilterError as error:
        raise HttpError(422, f"{error.name}: {error.why}.") from error
    return ExplainReport(
        metric=metric,
        since=span.since,
        until=span.until,
        against_since=against.since,
        against_until=against.until,
        before=float(explained.before),
        now=float(explained.now),
        difference=float(explained.now - explained.before),
        contributors=[
            Contributor(
                by=part.by,
                key=part.key,
                label=part.label,
                before=float(part.before),
                now=float(part.now),
                difference=float(part.difference),
                share=part.share,
            )
            for part in explained.parts[:limit]
        ],
        not_by=list(explained.passed_over),
    )


def _against(asked: Against, chosen: Filter, now: datetime) -> Span | None:
    """The other window, None without one; raises HttpError 422."""
    try:
        window = windows.against(
            {windows.FROM: asked.against_from, windows.TO: asked.against_to}, chosen.zone
        )
    except FilterError as error:
        raise HttpError(422, str(error)) from error
    return span_of(window, now) if window else None
