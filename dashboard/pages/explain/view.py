"""The page that explains a difference, and its contributors as a file."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboard.filters import windows
from dashboard.filters.filter import FilterError
from dashboard.pages import exports
from dashboard.pages.explain import contributors
from dashboard.pages.filter_bar import FilterBar, filter_bar
from dashboard.pages.metric_text import Change
from dashboard.pages.time_axis import within
from dashboard.queries.sums.breakdowns import SERVED, dimensions_for
from dashboard.queries.sums.explain import explain as explanation_of
from dashboard.queries.sums.metric_names import ADDED
from dashboard.queries.sums.spans import Span, before, span_of

# Cost first; how far it can be trusted is no figure that anybody asks a reason for.
_METRICS = sorted(
    (name for name, metric in ADDED.items() if not metric.tag), key=lambda name: name != "costUsd"
)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """A tab: another metric, or another stretch to compare with."""

    label: str
    query: str
    is_on: bool


def explain(request: HttpRequest) -> HttpResponse:
    """A period, 24 hours without one, against the period before or `againstFrom` to `againstTo`."""
    others = ("metric", *windows.NAMES, "format")
    bar = _usable(filter_bar(request, SERVED, others=others, unset="Last 24 hours", counted="24h"))
    form = bar.chosen("format", exports.FORMATS)
    name = bar.chosen("metric", _METRICS)
    metric, now = ADDED[name], timezone.now()
    span = span_of(bar.filter, now)
    against = _against(bar, now) or before(span, bar.filter, now)
    found = explanation_of(metric.name, span, against, bar.filter)
    if form:
        rows = contributors.exported(found, name)
        return exports.export(form, f"explain-{name}", contributors.COLUMNS, rows)
    bar = bar.keeping(**{other: value for other, value in bar.kept.items() if other != "format"})
    later = within(bar.filter, (span.since, span.end(now)))
    shown = contributors.contributors(found, metric, later)
    context = {
        "bar": bar,
        "metric": metric,
        "change": Change(metric, found.before, found.now),
        "zone": span.zone,
        "stretches": [_words(span, now), _words(against, now)],
        "contributors": shown[: contributors.SHOWN],
        "more": len(shown[contributors.SHOWN :]),
        "standing_out": contributors.standing_out(found, shown),
        "passed_over": found.passed_over,
        "metrics": _metrics(bar, name),
        "comparisons": _comparisons(bar, span, against, now),
        "requests_query": later.to_query(),
        "files": {form: bar.filter.to_query(**bar.kept, format=form) for form in exports.FORMATS if form},
    }
    return render(request, "explain/page.html", context)


def _usable(bar: FilterBar) -> FilterBar:
    """Without the parts of the filter that no dimension takes together with the others, each with a notice."""
    while True:
        try:
            dimensions_for(bar.filter)
        except FilterError as error:
            bar = bar.dropping(error)
        else:
            return bar


def _against(bar: FilterBar, now: datetime) -> Span | None:
    try:
        window = windows.against(bar.kept, bar.filter.zone)
    except FilterError as error:
        bar.notices.append(str(error))
        return None
    return span_of(window, now) if window else None


def _words(span: Span, now: datetime) -> str:
    since, until = (moment.astimezone(span.zone) for moment in (span.since, span.end(now)))
    is_same_day = since.date() == until.date()
    return f"{since:%a %d %b %H:%M} to {until:{'%H:%M' if is_same_day else '%a %d %b %H:%M'}}"


def _metrics(bar: FilterBar, chosen: str) -> list[Choice]:
    return [
        Choice(ADDED[name].label, bar.filter.to_query(**{**bar.kept, "metric": name}), name == chosen)
        for name in _METRICS
    ]


def _comparisons(bar: FilterBar, span: Span, against: Span, now: datetime) -> list[Choice]:
    """The stretch before, and the same hours of another day where these do not overlap."""
    kept = {name: value for name, value in bar.kept.items() if name not in windows.NAMES}
    usual = before(span, bar.filter, now)
    found = [Choice("the period before", bar.filter.to_query(**kept), usual.since == against.since)]
    since, until = span.since, span.end(now)
    for label, days in (("the day before", 1), ("the week before", 7)):
        moved = (since - days * _DAY, until - days * _DAY)
        if until - since <= days * _DAY and moved[0] != usual.since:
            query = bar.filter.to_query(**{**kept, **windows.query(moved)})
            found.append(Choice(label, query, moved[0] == against.since))
    return found
