"""Numbers of metrics as people read them, by their unit."""

from collections.abc import Callable
from decimal import Decimal

from dashboard.templatetags.nexus import compact, duration, exact, grouped, size, usd
from proxy.metrics import Metric, Unit

Number = int | float | Decimal
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
