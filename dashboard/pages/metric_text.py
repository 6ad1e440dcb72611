"""Numbers of metrics as people read them, by their unit."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from dashboard.templatetags.nexus import NOTHING, compact, duration, exact, grouped, size, usd
from proxy.metrics import Metric, Unit

Number = int | float | Decimal
MINUS = "\u2212"
_SENSELESS = 10
_FORMATS: dict[Unit, Callable[..., str]] = {Unit.USD: usd, Unit.MILLISECONDS: duration, Unit.BYTES: size}


def brief(metric: Metric, value: Number) -> str:
    """1.2K, $0.5000, 2.4 s."""
    return _FORMATS.get(metric.unit, compact)(value)


def full(metric: Metric, value: Number | None) -> str:
    """1,234; what has a unit of its own as in `brief`; a dash where it is not known."""
    return _FORMATS.get(metric.unit, grouped)(value)


def to_the_last_digit(metric: Metric, value: Number) -> str:
    """USD 0.500001; 1,234 tokens."""
    if metric.unit is Unit.USD:
        return f"USD {exact(Decimal(value))}"
    return f"{grouped(Decimal(value))} {metric.unit}"


@dataclass(frozen=True, slots=True)
class Change:
    """What a metric has more or less of than before."""

    metric: Metric
    before: Number
    now: Number

    @property
    def difference(self) -> Decimal:
        return Decimal(self.now) - Decimal(self.before)

    @property
    def text(self) -> str:
        """+$2.00; a dash where nothing changed."""
        return signed(self.metric, self.difference)

    @property
    def sides(self) -> tuple[str, str]:
        """Before and now."""
        return brief(self.metric, self.before), brief(self.metric, self.now)

    @property
    def percent(self) -> str:
        """+66 %, or new."""
        if not self.difference:
            return ""
        if not self.before:
            return "new"
        share = float(self.difference) / float(self.before)
        return (
            "less than 1 %" if abs(share) < 0.005 else f"{share:+,.0%}".replace("-", MINUS).replace("%", " %")
        )


def signed(metric: Metric, difference: Decimal) -> str:
    """+$2.00; a dash for nothing."""
    if not difference:
        return NOTHING
    return ("+" if difference > 0 else MINUS) + brief(metric, difference.copy_abs())


def part(share: float | None) -> str:
    """82 %, below zero where it moved the other way; a dash for what is many times the whole, of which nobody learns anything."""
    if share is None or abs(share) >= _SENSELESS:
        return NOTHING
    if 0 < abs(share) < 0.005:
        return "<1 %"
    return f"{share:,.0%}".replace("-", MINUS).replace("%", " %")
