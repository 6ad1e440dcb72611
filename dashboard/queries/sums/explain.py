"""Why a figure differs between two spans: what each value of each dimension has more or less of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from dashboard.filters.filter import Filter
from dashboard.queries.sums import conversation_hours
from dashboard.queries.sums.breakdowns import DIMENSIONS, By, breakdown, dimensions_for, labels
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.spans import Span

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
    usable, spans = dimensions_for(chosen), (before, now)
    # The first one has all requests of the filter: rollups do, and else it is what is filtered by.
    first, second, parts = Decimal(0), Decimal(0), []
    for by in usable:
        differing = _differing(by, metric, spans, chosen)
        if by is usable[0]:
            first, second = _totals(by, metric, spans, chosen, differing)
        parts += _parts(by, second - first, differing)
    parts.sort(key=lambda part: (-abs(part.difference), part.by, part.key))
    names = {by.name for by in usable}
    return Explanation(first, second, parts, [name for name in DIMENSIONS if name not in names])


Pairs = Mapping[str, tuple[Decimal, Decimal]]


def _differing(by: By, metric: str, spans: tuple[Span, Span], chosen: Filter) -> Pairs:
    """The metric in both spans, of all values; of conversations, of those where it differs most."""
    if by.of_conversations:
        found = conversation_hours.differing(by.of_conversations, spans, chosen, metric, MOST_EACH)
        return {value: (Decimal(first), Decimal(second)) for value, (first, second) in found.items()}
    before, now = (breakdown(by, span, chosen) for span in spans)
    nothing = Figures()
    return {
        value: (_of(before.get(value, nothing), metric), _of(now.get(value, nothing), metric))
        for value in before.keys() | now.keys()
    }


def _totals(
    by: By, metric: str, spans: tuple[Span, Span], chosen: Filter, differing: Pairs
) -> tuple[Decimal, Decimal]:
    if by.of_conversations:
        before, now = (_of(conversation_hours.total(span, chosen), metric) for span in spans)
        return before, now
    return sum((pair[0] for pair in differing.values()), Decimal(0)), sum(
        (pair[1] for pair in differing.values()), Decimal(0)
    )


def _parts(by: By, whole: Decimal, differing: Pairs) -> list[Part]:
    moved = [(value, first, second) for value, (first, second) in differing.items() if first != second]
    moved = sorted(moved, key=lambda pair: (-abs(pair[2] - pair[1]), pair[0]))[:MOST_EACH]
    called = labels(by, [value for value, _, _ in moved])
    return [
        Part(
            by.name,
            value,
            called.get(value, value),
            first,
            second,
            float((second - first) / whole) if whole else None,
        )
        for value, first, second in moved
    ]


def _of(sums: Figures, metric: str) -> Decimal:
    return Decimal(getattr(sums, metric))
