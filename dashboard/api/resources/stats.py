"""Sums of a period, with a field for each metric that is shown."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema
from pydantic import create_model

from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.queries.sums import figures
from dashboard.queries.sums.figures import Summary
from dashboard.queries.sums.spans import span_of
from proxy.metrics import BY_NAME, DERIVED, METRICS, Metric, Unit
from proxy.store.pricing.costs import plain

router = Router()

_METRICS = sorted((metric for metric in METRICS if metric.shown), key=lambda metric: metric.stats_place)
_AMOUNTS = [metric for metric in _METRICS if metric.unit is Unit.USD]
_DOUBTS = [metric for metric in _METRICS if metric.tag]
_COUNTS = [metric for metric in _METRICS if metric not in (*_AMOUNTS, *_DOUBTS)]


def _exact_name(metric: Metric) -> str:
    """The field with an amount as an exact decimal."""
    return metric.stats_name.removesuffix("_usd")


def _sums(metrics: Iterable[Metric]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for metric in metrics:
        is_whole = metric.unit is not Unit.USD and not getattr(metric.source, "digits", 0)
        fields[metric.stats_name] = (int if is_whole else float, Field(description=metric.help))
        if metric.unit is Unit.USD:
            fields[_exact_name(metric)] = (str, Field(description="The same as an exact decimal"))
    return fields


# Its fields follow the table of metrics.
Stats: type[Any] = create_model(
    "Stats",
    __base__=CamelSchema,
    __doc__="Sums over whole hours. `totalTokens` is input and output; `averageResponseTime` is in ms.",
    **_sums(_COUNTS),
    active_domains=int,
    requests_by_model=dict[str, int],
    requests_by_type=dict[str, int],
    **_sums(_AMOUNTS),
    cost_state=(
        str,
        Field(
            description="The worst of them: unpriced (models without a price), partial (something that is billed is not "
            "known), notional (prepaid capacity at list prices) or exact"
        ),
    ),
    **_sums(_DOUBTS),
    since=(datetime, Field(description="The hour from which the sums count")),
)


@takes(figures.SERVED)
class StatsQuery(Schema):
    pass


@router.get("/stats", response={200: Stats, **ERRORS}, by_alias=True)
def stats(request: HttpRequest, filters: Query[StatsQuery], since: str = "") -> Any:
    """Sums of a period, the last 24 hours without one, in whole hours; `since` is another name of `from`."""
    chosen = filter_of(request, synonyms={"since": "from"})
    span = span_of(chosen, timezone.now())
    return _stats(figures.summary(span, chosen), span.since)


def _stats(summary: Summary, since: datetime) -> Any:
    sums = summary.total
    values = {metric.stats_name: getattr(sums, metric.name) for metric in _METRICS}
    exact = {_exact_name(metric): plain(getattr(sums, metric.name)) for metric in _AMOUNTS}
    means = {
        BY_NAME[name].stats_name: round(getattr(sums, name), source.digits)
        for name, source in DERIVED.items()
        if source.digits
    }
    return Stats(
        **values | exact | means,
        active_domains=len(summary.by_domain),
        requests_by_model={model: part.requests for model, part in summary.by_model.items()},
        requests_by_type={kind: part.requests for kind, part in summary.by_type.items()},
        cost_state=sums.exactness,
        since=since,
    )
