"""The charts and tables of a span."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from dashboard.drawing.charts import Axis, Chart, Number, even_marks, stacked
from dashboard.filters.filter import Filter
from dashboard.pages import metric_table
from dashboard.pages.cards import cards
from dashboard.queries import figures, usage
from dashboard.queries.breakdowns import DIMENSIONS
from dashboard.queries.figures import TOKENS, Figures
from dashboard.queries.spans import span_of, week
from dashboard.queries.usage import Cut
from dashboard.templatetags.nexus import compact, usd
from proxy.metrics import BY_NAME

Bars = dict[datetime, Figures]


def usage_page(chosen: Filter, split: str, now: datetime) -> dict[str, object]:
    """Everything that the template shows; `split` is domain or model."""
    cut = cut_of(chosen, now)
    summary = figures.summary(cut.span, chosen)
    tables = {"domain": summary.by_domain, "model": summary.by_model}
    names = list(tables[split])
    parts = usage.series_by(DIMENSIONS[split], names, cut, chosen)
    axis = axis_of(cut)

    def chart(title: str, series: dict[str, dict[datetime, Number]], show: Callable[[Number], str]) -> Chart:
        return stacked(title, series, axis, show)

    total = summary.total
    sureness = "" if total.exactness == "exact" else f" ({total.exactness})"
    return {
        "split": split,
        "span": cut.span,
        "step": cut.step,
        "total": total,
        "cards": cards(total),
        "charts": [
            chart(f"Requests per {cut.step} by {split}", _each(parts, names, "requests"), compact),
            chart(f"Tokens per {cut.step} by kind", _kinds(usage.all_series(parts.values())), compact),
            chart(
                f"Cost per {cut.step} by {split}, USD{sureness}", _each(parts, names, "cost_usd"), _dollars
            ),
        ],
        "columns": metric_table.COLUMNS,
        "tables": {name: metric_table.rows(groups) for name, groups in tables.items()},
    }


def cut_of(chosen: Filter, now: datetime) -> Cut:
    """Without a period the last seven days hour by hour, in which a day's course is to be seen."""
    if chosen.has_period:
        return usage.cut(span_of(chosen, now), now)
    seven_days = week(chosen, now)
    return usage.by_hours(seven_days, seven_days.until or now)


def axis_of(cut: Cut) -> Axis:
    """A mark names an hour, or a day of which a chart has more than two."""
    days = cut.days()
    if cut.step == "day":
        marks = [f"{days[index]:%a %d}" for index in even_marks(len(days))]
        return Axis(cut.starts, [f"{day:%a %d %b %Y}" for day in days], marks)
    hours = [hour.astimezone(cut.span.zone) for hour in cut.starts]
    marks = [f"{hours[index]:%H:%M}" for index in even_marks(len(hours))]
    if cut.end - cut.span.since > usage.HOURLY_UP_TO:
        marks = list(dict.fromkeys(f"{day:%a %d}" for day in days))
    return Axis(cut.starts, [f"{hour:%a %d %b, %H:%M}" for hour in hours], marks)


def _dollars(value: Number) -> str:
    return usd(Decimal(value))


def _each(parts: dict[str, Bars], names: list[str], field: str) -> dict[str, dict[datetime, Number]]:
    """One series a name, in the order of the busiest, so that a colour means the same in every chart."""
    order = [name for name in [*names, usage.OTHERS] if name in parts]
    return {
        name or "(none)": {bar: getattr(sums, field) for bar, sums in parts[name].items()} for name in order
    }


def _kinds(bars: Bars) -> dict[str, dict[datetime, Number]]:
    return {
        BY_NAME[field].label.lower(): {bar: getattr(sums, field) for bar, sums in bars.items()}
        for field in TOKENS
    }
