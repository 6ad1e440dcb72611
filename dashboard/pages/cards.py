"""The cards of a page: each a figure with its notes, as the table of metrics has them."""

from dataclasses import dataclass

from dashboard.pages.metric_text import Number, brief, to_the_last_digit
from dashboard.queries.sums.figures import Figures
from proxy.metrics import METRICS, Metric, Unit

_TITLES = tuple(dict.fromkeys(title for metric in METRICS for title in metric.cards if not metric.tag))


@dataclass(frozen=True, slots=True)
class Note:
    """What stands below the figure of a card."""

    text: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A figure and what belongs to it. `doubts`: why it is not exact, and of how many requests."""

    title: str
    figure: str
    exact: str
    help: str
    notes: list[Note]
    doubts: list[tuple[Metric, int]]
    is_money: bool

    @property
    def is_exact(self) -> bool:
        return self.is_money and not self.doubts


def cards(sums: Figures) -> list[Card]:
    """All of them, in the order of the table."""
    return [_card(title, sums) for title in _TITLES]


def _card(title: str, sums: Figures) -> Card:
    figure, *others = (metric for metric in METRICS if title in metric.cards)
    value = getattr(sums, figure.name)
    return Card(
        title=title,
        figure=brief(figure, value),
        exact=to_the_last_digit(figure, value),
        help=figure.help,
        notes=[_note(metric, getattr(sums, metric.name)) for metric in others if not metric.tag],
        doubts=[(metric, count) for metric, count in sums.doubts if metric in others],
        is_money=figure.unit is Unit.USD,
    )


def _note(metric: Metric, value: Number) -> Note:
    if metric.is_bad and not value:
        return Note(f"none {metric.note}")
    return Note(f"{brief(metric, value)} {metric.note}", is_bad=metric.is_bad)
