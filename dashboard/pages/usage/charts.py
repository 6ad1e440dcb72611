"""The charts and the table of a span."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from dashboard.drawing.charts import Axis, Chart, Number, stacked
from dashboard.filters.filter import BY_NAME as ATTRIBUTES
from dashboard.filters.filter import LABELS, Filter
from dashboard.pages import metric_table, time_axis
from dashboard.pages.cards import cards
from dashboard.pages.filter_bar import FilterBar
from dashboard.pages.usage import table
from dashboard.pages.usage.sessions import Name
from dashboard.pages.usage.table import Sides
from dashboard.pages.usage.week import week
from dashboard.queries.sums import spans, usage
from dashboard.queries.sums.breakdowns import By, breakdown, dimensions_for, ranking, total
from dashboard.queries.sums.colours import colours
from dashboard.queries.sums.conversation_hours import not_known_before
from dashboard.queries.sums.figures import ROLLUPS, TOKENS, Figures, together
from dashboard.queries.sums.spans import Span, before, span_of
from dashboard.queries.sums.usage import Cut
from dashboard.templatetags.nexus import compact, usd
from proxy.metrics import BY_NAME

Bars = Mapping[datetime, Figures]
STEPS = 3
# In files, where there may be hundreds of thousands.
MOST_OF_CONVERSATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """A bar that cost more than the bar before, and the page that explains it."""

    label: str
    more: Decimal
    explain: str


def usage_page(bar: FilterBar, by: By, now: datetime, *, with_titles: bool = False) -> dict[str, object]:
    """Everything that the template shows; `with_titles` names sessions by them, for readers of bodies."""
    chosen = bar.filter
    cut = cut_of(chosen, now)
    earlier = earlier_than(cut, chosen, now)
    sides = sides_of(by, cut.span, earlier, chosen)
    values = sides.ordered()
    called = table.names(by, [*values[: table.SHOWN], *values[: usage.NAMED_SERIES]], with_titles=with_titles)
    parts = usage.series_by(by, values, cut, chosen)
    axis = time_axis.leading(time_axis.axis_of(cut), cut, chosen, "usage", by=by.name)
    explained = time_axis.explaining(axis, cut, chosen)
    palette = {
        called[value].text if value in called else value: colour
        for value, colour in colours(by, parts).items()
    }
    adds_up = by.tables is ROLLUPS or bool(by.of_conversations)
    bars = usage.all_series((parts if adds_up else _of_all(cut, chosen)).values())
    return {
        "by": by.name,
        "dimension": dimension_of(by),
        "span": cut.span,
        "step": cut.step,
        "before": earlier,
        "total": sides.total,
        "cards": cards(sides.total),
        "change": table.change(sides.total_before, sides.total),
        "explain": time_axis.explain_address(
            chosen, (cut.span.since, cut.end), (earlier.since, earlier.until or cut.span.since)
        ),
        "steps": _steps(bars, explained),
        "charts": [
            chart
            for chart in _charts(
                by, cut, (explained, axis), _named(parts, values, called), bars, sides.total, palette
            )
            if chart.rows
        ],
        "heat": week(cut.span, chosen, now),
        "columns": metric_table.COLUMNS,
        "rows": table.rows(sides, values[: table.SHOWN], called, by, bar),
        "more": len(values[table.SHOWN :]) + sides.more,
        "in_files": MOST_OF_CONVERSATIONS if by.of_conversations else None,
        "is_of_conversations": bool(by.of_conversations),
        "not_known_before": _not_known_before(by, cut.span, earlier),
        "total_row": table.total_row(sides),
    }


def sides_of(by: By, span: Span, earlier: Span, chosen: Filter, most: int = table.SHOWN) -> Sides:
    """The sums of a dimension in both spans. Values of rollups add up to all requests; of tools a request may have several.

    Of sessions and agents there are the `most` expensive ones.
    """
    if by.of_conversations:
        ranked = ranking(by, (span, earlier), chosen, "cost_usd", most)
        now = {value: sums for value, sums, _ in ranked.rows}
        then = {value: sums for value, _, sums in ranked.rows}
        return Sides(now, then, ranked.total, ranked.other_total, ranked.more)
    now, then = breakdown(by, span, chosen), breakdown(by, earlier, chosen)
    if by.tables is ROLLUPS:
        return Sides(now, then, together(now.values()), together(then.values()))
    return Sides(now, then, total(span, chosen), total(earlier, chosen))


def _not_known_before(by: By, span: Span, earlier: Span) -> datetime | None:
    return not_known_before(earlier.since, span.until) if by.of_conversations else None


def dimension_of(by: By) -> str:
    """What people call a dimension within a sentence."""
    return LABELS[ATTRIBUTES[by.name]].lower()


def cut_of(chosen: Filter, now: datetime) -> Cut:
    """Without a period the last seven days hour by hour, in which a day's course is to be seen."""
    if chosen.has_period:
        return usage.cut(span_of(chosen, now), now)
    seven_days = spans.week(chosen, now)
    return usage.by_hours(seven_days, seven_days.until or now)


def earlier_than(cut: Cut, chosen: Filter, now: datetime) -> Span:
    """The period before; of the last seven days the same days of the week before, up to the same hour."""
    if chosen.has_period:
        return before(cut.span, chosen, now)
    since = cut.span.since - timedelta(days=7)
    until = since + (cut.span.end(now) - cut.span.since)
    return replace(cut.span, since=since, until=until, name="the week before")


def _charts(
    by: By,
    cut: Cut,
    axes: tuple[Axis, Axis],
    named: Mapping[str, Bars],
    bars: Bars,
    whole: Figures,
    palette: Mapping[str, int],
) -> Iterator[Chart]:
    """Cost first, on the axis that is explained; `palette` has the colours of values."""
    name, (explained, axis) = dimension_of(by), axes
    sureness = "" if whole.exactness == "exact" else f" ({whole.exactness})"
    costs = f"Cost per {cut.step} by {name}, USD{sureness}"
    yield stacked(costs, _each(named, "cost_usd"), explained, _dollars, palette)
    yield stacked(f"Requests per {cut.step} by {name}", _each(named, "requests"), axis, compact, palette)
    yield stacked(f"Tokens per {cut.step} by kind", _kinds(bars), axis, compact)


def _of_all(cut: Cut, chosen: Filter) -> Mapping[str, Bars]:
    """All requests of the filter, each once: values of other dimensions than those of rollups do not add up to them."""
    return usage.series_by(dimensions_for(chosen)[0], [], cut, chosen)


def _named(parts: Mapping[str, Bars], values: list[str], called: Mapping[str, Name]) -> dict[str, Bars]:
    """The series that are shown, by what people call them."""
    found = {called[value].text: parts[value] for value in values[: usage.NAMED_SERIES] if value in parts}
    return found | ({usage.OTHERS: parts[usage.OTHERS]} if usage.OTHERS in parts else {})


def _steps(bars: Bars, axis: Axis) -> list[Step]:
    """Where cost rose most from a bar to the next."""
    costs = [bars[start].cost_usd if start in bars else Decimal(0) for start in axis.bars]
    rises = [
        Step(axis.labels[index], costs[index] - costs[index - 1], axis.explains[index])
        for index in range(1, len(costs))
        if costs[index] > costs[index - 1]
    ]
    return sorted(rises, key=lambda step: -step.more)[:STEPS]


def _dollars(value: Number) -> str:
    return usd(Decimal(value))


def _each(named: Mapping[str, Bars], field: str) -> dict[str, Mapping[datetime, Number]]:
    return {name: {bar: getattr(sums, field) for bar, sums in bars.items()} for name, bars in named.items()}


def _kinds(bars: Bars) -> dict[str, Mapping[datetime, Number]]:
    return {
        BY_NAME[field].label.lower(): {bar: getattr(sums, field) for bar, sums in bars.items()}
        for field in TOKENS
    }
