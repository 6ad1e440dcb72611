"""The metrics that people ask sums for, by the names that one request's fields have."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from ninja import Schema
from ninja.errors import HttpError

from dashboard.api.filtering import takes
from dashboard.queries.sums.breakdowns import DIMENSIONS, SERVED
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.metric_names import ADDED, NAMES
from proxy.metrics import DERIVED, Metric, Unit

USUAL = ("costUsd", "requests", "totalTokens")

Values = dict[str, float | int]
Dimension = StrEnum("Dimension", {name: name for name in DIMENSIONS})  # type: ignore[misc]  # made of the table


@takes(SERVED)
class SumQuery(Schema):
    """The filters that any dimension takes."""


def metrics_of(asked: str) -> Sequence[str]:
    """The names in a list with commas, the usual ones without any; raises HttpError 422."""
    names = [name.strip() for name in asked.split(",") if name.strip()] or list(USUAL)
    unknown = next((name for name in names if name not in NAMES), None)
    if unknown is not None:
        raise HttpError(422, f"metrics: there is no {unknown[:60]}; there are {', '.join(NAMES)}.")
    return list(dict.fromkeys(names))


def metric_of(asked: str) -> Metric:
    """One that adds up; raises HttpError 422."""
    if asked not in ADDED:
        raise HttpError(422, f"metric: there is no {asked[:60]} that adds up; there are {', '.join(ADDED)}.")
    return ADDED[asked]


def values_of(sums: Figures, names: Sequence[str]) -> Values:
    """The figures of these names; USD as a number, averages rounded as people see them."""
    return {name: _value(sums, NAMES[name]) for name in names}


def _value(sums: Figures, metric: Metric) -> float | int:
    value = getattr(sums, metric.name)
    if metric.unit is Unit.USD:
        return float(Decimal(value))
    derived = DERIVED.get(metric.name)
    return round(value, derived.digits) if derived else int(value)
