"""The bars of a span as an axis: what each is called, where it leads, and what explains it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from django.urls import reverse

from dashboard.drawing.charts import Axis, even_marks
from dashboard.filters import windows
from dashboard.filters.filter import Filter
from dashboard.queries.sums import usage
from dashboard.queries.sums.spans import HOUR
from dashboard.queries.sums.usage import Cut

Stretch = tuple[datetime, datetime]


def axis_of(cut: Cut) -> Axis:
    """A mark names an hour, or a day of which a chart has more than two."""
    return replace(_labelled(cut), end=cut.end, zone=cut.span.zone.key)


def _labelled(cut: Cut) -> Axis:
    days = cut.days()
    if cut.step == "day":
        marks = [f"{days[index]:%a %d}" for index in even_marks(len(days))]
        return Axis(cut.starts, [f"{day:%a %d %b %Y}" for day in days], marks)
    hours = [hour.astimezone(cut.span.zone) for hour in cut.starts]
    marks = [f"{hours[index]:%H:%M}" for index in even_marks(len(hours))]
    if cut.end - cut.span.since > usage.HOURLY_UP_TO:
        marks = list(dict.fromkeys(f"{day:%a %d}" for day in days))
    return Axis(cut.starts, [f"{hour:%a %d %b, %H:%M}" for hour in hours], marks)


def leading(axis: Axis, cut: Cut, chosen: Filter, page: str, **kept: str) -> Axis:
    """Bars of hours lead to their requests, those of days to the same page for that day; the filter stays."""
    address = reverse("requests" if cut.step == "hour" else page)
    others = {} if cut.step == "hour" else kept
    return replace(
        axis,
        leads=[f"{address}?{within(chosen, stretch).to_query(**others)}" for stretch in _stretches(cut)],
    )


def explaining(axis: Axis, cut: Cut, chosen: Filter) -> Axis:
    """Each bar against the bar before, of which a bar that has only begun is compared with as much."""
    found = []
    first, second = (*cut.starts, cut.end)[:2]
    # The only bar of a period that has not begun yet ends before it begins.
    previous = (first - max(second - first, HOUR), first)
    for since, until in _stretches(cut):
        length = until - since
        found.append(
            explain_address(chosen, (since, until), (previous[0], min(previous[0] + length, previous[1])))
        )
        previous = (since, until)
    return replace(axis, explains=found)


def explain_address(chosen: Filter, now: Stretch, before: Stretch) -> str:
    """The page that explains the difference of two stretches."""
    return f"{reverse('explain')}?{within(chosen, now).to_query(**windows.query(before))}"


def within(chosen: Filter, stretch: Stretch) -> Filter:
    """The same filter in another period."""
    since, until = stretch
    return replace(chosen, period="", since=since, until=until)


def _stretches(cut: Cut) -> Iterator[Stretch]:
    """Each bar from its beginning to the next."""
    return pairwise([*cut.starts, cut.end])
