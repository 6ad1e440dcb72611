"""Tables with a column for each metric that is shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.pages.metric_text import full, to_the_last_digit
from dashboard.queries.sums.figures import Figures
from dashboard.templatetags.nexus import NOTHING
from proxy.metrics import BY_NAME, METRICS, Derived, Metric, Unit


def _says_more(metric: Metric) -> bool:
    """Whether it is no sum of other columns."""
    source = metric.source
    return not (isinstance(source, Derived) and all(BY_NAME[part].shown for part in source.parts))


# Money first, so that a narrow screen has it.
COLUMNS = sorted(
    (metric for metric in METRICS if metric.shown and not metric.tag and _says_more(metric)),
    key=lambda metric: metric.unit is not Unit.USD,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What a row says of a metric; `doubts` say why an amount is not exact, the worst first."""

    text: str
    title: str = ""
    is_bad: bool = False
    doubts: tuple[Metric, ...] = ()


def rows(groups: Mapping[str, Figures]) -> dict[str, list[Cell]]:
    """A row for each group, with a cell for each of COLUMNS."""
    return {name: [_cell(metric, sums) for metric in COLUMNS] for name, sums in groups.items()}


def _cell(metric: Metric, sums: Figures) -> Cell:
    value = getattr(sums, metric.name)
    if isinstance(metric.source, Derived) and not sums.requests:
        return Cell(NOTHING)
    if metric.unit is Unit.USD:
        doubts = tuple(doubt for doubt, _ in sums.doubts)
        return Cell(full(metric, value), title=to_the_last_digit(metric, value), doubts=doubts)
    if metric.name == "requests" and not value and any(sums):
        return Cell(full(metric, value), title="It only worked inside the answers of others")
    return Cell(full(metric, value), is_bad=metric.is_bad and value > 0)
