"""The week of a period as a heat map: at which hours it costs."""

from datetime import datetime

from django.urls import reverse

from dashboard.drawing.heat import DAYS, Cell, Heat, draw
from dashboard.filters.filter import Filter
from dashboard.pages.time_axis import within
from dashboard.queries.sums.breakdowns import dimensions_for
from dashboard.queries.sums.spans import HOUR, Span
from dashboard.queries.sums.weeks import WeekHour, by_hour_of_week
from dashboard.templatetags.nexus import grouped, usd


def week(span: Span, chosen: Filter, now: datetime) -> Heat | None:
    """By cost, or by requests where nothing has any; None where the period has nothing.

    No filter asks for an hour of the week, so a cell leads to the requests of the dearest of its hours: in a week there is one.
    """
    found = by_hour_of_week(dimensions_for(chosen)[0], span, chosen, now)
    if not found:
        return None
    has_cost = any(hour.cost_usd for hour in found.values())
    return draw({key: _cell(key, hour, span, chosen, has_cost=has_cost) for key, hour in found.items()})


def _cell(key: tuple[int, int], hour: WeekHour, span: Span, chosen: Filter, *, has_cost: bool) -> Cell:
    day, clock = key
    dearest = f"{hour.dearest.astimezone(span.zone):%a %d %b %H:%M}"
    title = [
        f"{DAYS[day]} {clock:02d}:00 to {(clock + 1) % 24:02d}:00",
        f"cost: {usd(hour.cost_usd)}",
        f"requests: {grouped(hour.requests)}",
        *([f"in {hour.count} such hours; leads to {dearest}"] if hour.count > 1 else []),
    ]
    address = within(chosen, (hour.dearest, hour.dearest + HOUR)).to_query()
    return Cell(
        value=float(hour.cost_usd) if has_cost else float(hour.requests),
        shown=usd(hour.cost_usd) if has_cost else grouped(hour.requests),
        title="\n".join(title),
        lead=f"{reverse('requests')}?{address}",
    )
