"""Why a figure differs between two spans: what each value of each dimension has more or less of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from dashboard.filters.filter import Filter
from dashboard.queries.breakdowns import DIMENSIONS, By, breakdown, dimensions_for, labels
from dashboard.queries.figures import Figures, together
from dashboard.queries.spans import Span

MOST_EACH = 10


@dataclass(frozen=True, slots=True)
class Part:
    """One value's figure in both spans; `share` is its part of the whole difference, None where there is none."""

    by: str
    key: str
    label: str
    before: Decimal
    now: Decimal
    share: float | None

    @property
    def difference(self) -> Decimal:
        return self.now - self.before


@dataclass(frozen=True, slots=True)
class Explanation:
    """The figure of all together, and the values of each dimension that moved it, the ones that moved it most first."""

    before: Decimal
    now: Decimal
    parts: Sequence[Part]
    passed_over: Sequence[str]


def explain(metric: str, now: Span, before: Span, chosen: Filter) -> Explanation:
    """`metric` is one of SUMMED. Dimensions that cannot be filtered so are named; where all are, FilterError is raised."""
    usable = dimensions_for(chosen)
    sides = {by.name: (breakdown(by, before, chosen), breakdown(by, now, chosen)) for by in usable}
    # The first one has all requests of the filter: rollups do, and else it is what is filtered by.
    first, second = (_of(together(side.values()), metric) for side in sides[usable[0].name])
    parts = [part for by in usable for part in _parts(by, metric, second - first, *sides[by.name])]
    parts.sort(key=lambda part: (-abs(part.difference), part.by, part.key))
    return Explanation(first, second, parts, [name for name in DIMENSIONS if name not in sides])


def _parts(
    by: By, metric: str, whole: Decimal, before: dict[str, Figures], now: dict[str, Figures]
) -> list[Part]:
    values = before.keys() | now.keys()
    called = labels(by, values)
    nothing = Figures()
    found = []
    for value in values:
        first, second = _of(before.get(value, nothing), metric), _of(now.get(value, nothing), metric)
        if first != second:
            share = float((second - first) / whole) if whole else None
            found.append(Part(by.name, value, called.get(value, value), first, second, share))
    return sorted(found, key=lambda part: (-abs(part.difference), part.key))[:MOST_EACH]


def _of(sums: Figures, metric: str) -> Decimal:
    return Decimal(getattr(sums, metric))
