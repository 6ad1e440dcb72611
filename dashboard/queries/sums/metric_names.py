"""The names of summed metrics in addresses, which are those that the fields of one request have in the API."""

from collections.abc import Mapping

from pydantic.alias_generators import to_camel as camel

from dashboard.queries.sums.figures import SUMMED
from proxy.metrics import DERIVED, METRICS, Metric

NAMES: Mapping[str, Metric] = {
    camel(metric.exchange_name or metric.name): metric
    for metric in METRICS
    if metric.shown and (metric.name in SUMMED or metric.name in DERIVED)
}
# Those that add up: an average of two rows is not that of both.
ADDED = {name: metric for name, metric in NAMES.items() if metric.name in SUMMED}
