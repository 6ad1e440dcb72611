"""The charts and tables of seven days."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from dashboard.drawing.charts import Chart, Number, stacked
from dashboard.filters.filter import Filter
from dashboard.pages import metric_table
from dashboard.pages.cards import cards
from dashboard.queries import figures, usage
from dashboard.queries.figures import TOKENS, Figures
from dashboard.templatetags.nexus import compact, usd
from proxy.metrics import BY_NAME

Hourly = dict[datetime, Figures]


def usage_page(chosen: Filter, split: str) -> dict[str, object]:
    """Everything that the template shows; `split` is domain or model."""
    week = usage.week()
    summary = figures.summary(week.start, chosen)
    tables = {"domain": summary.by_domain, "model": summary.by_model}
    names = list(tables[split])
    parts = usage.hourly_by(split, names, week.start, chosen)
    every_hour = usage.hourly(parts.values())

    def chart(title: str, series: dict[str, dict[datetime, Number]], show: Callable[[Number], str]) -> Chart:
        return stacked(title, series, week.hours, week.days, show)

    total = summary.total
    sureness = "" if total.exactness == "exact" else f" ({total.exactness})"
    return {
        "split": split,
        "total": total,
        "cards": cards(total),
        "charts": [
            chart(f"Requests per hour by {split}", _each(parts, names, "requests"), compact),
            chart("Tokens per hour by kind", _kinds(every_hour), compact),
            chart(f"Cost per hour by {split}, USD{sureness}", _each(parts, names, "cost_usd"), _dollars),
        ],
        "columns": metric_table.COLUMNS,
        "tables": {name: metric_table.rows(groups) for name, groups in tables.items()},
    }


def _dollars(value: Number) -> str:
    return usd(Decimal(value))


def _each(parts: dict[str, Hourly], names: list[str], field: str) -> dict[str, dict[datetime, Number]]:
    """One series a name, in the order of the busiest, so that a colour means the same in every chart."""
    order = [name for name in [*names, usage.OTHERS] if name in parts]
    return {
        name or "(none)": {hour: getattr(sums, field) for hour, sums in parts[name].items()} for name in order
    }


def _kinds(hours: Hourly) -> dict[str, dict[datetime, Number]]:
    return {
        BY_NAME[field].label.lower(): {hour: getattr(sums, field) for hour, sums in hours.items()}
        for field in TOKENS
    }
