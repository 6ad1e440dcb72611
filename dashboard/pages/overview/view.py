"""The overview, whole or only what is read again."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts.limits import use as limit_use
from dashboard.access.signin import reads_bodies
from dashboard.caching import BODIES
from dashboard.drawing.charts import Axis
from dashboard.filters.filter import Filter
from dashboard.pages import time_axis
from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.overview import cards, panels
from dashboard.pages.overview.cards import Card, Note, Period
from dashboard.pages.overview.welcome import welcome
from dashboard.queries import cache_breaks, cache_savings, exchanges
from dashboard.queries.sums import figures, usage
from dashboard.queries.sums.breakdowns import DIMENSIONS, breakdown, total
from dashboard.queries.sums.courses import Bars, courses, of_all
from dashboard.queries.sums.percentiles import Spreads, over_time_and_together
from dashboard.queries.sums.session_counts import Sessions, sessions
from dashboard.queries.sums.spans import Span, before, span_of
from dashboard.queries.sums.usage import Cut
from dashboard.queries.unpriced import unpriced_models
from dashboard.templatetags.nexus import grouped, usd
from proxy import restarts
from proxy.metric_names import LIVE_NAMES
from proxy.metrics import BY_NAME
from proxy.store.pipeline import pipeline
from proxy.store.pricing.book import CachedBook
from proxy.store.pricing.pending import pending

RECENT, FAILURES, DEAREST = 10, 5, 5
_MODEL, _ERRORS = DIMENSIONS["model"], DIMENSIONS["errorType"]
_prices = CachedBook()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page is about; `inside` is its filter with the hours of the period in it."""

    chosen: Filter
    inside: Filter
    now: datetime
    cut: Cut
    earlier: Span

    @property
    def query(self) -> str:
        return self.chosen.to_query()


def overview(request: HttpRequest) -> HttpResponse:
    """Cards, cost over time, what runs now, what failed, the dearest sessions, windows of accounts, the pipeline."""
    bar = filter_bar(request, figures.SERVED, unset="Last 24 hours", counted="24h")
    asked, with_titles = _asked(bar.filter, timezone.now()), reads_bodies(request)
    by_model = courses(_MODEL, asked.cut, bar.filter)
    bars, whole = over_time_and_together(_MODEL, asked.cut, bar.filter)
    found = sessions(asked.cut.span, bar.filter, asked.now, DEAREST)
    axis = time_axis.leading(time_axis.axis_of(asked.cut), asked.cut, bar.filter, "overview")
    context = {
        "bar": bar,
        "welcome": welcome(request),
        "span": asked.cut.span,
        "step": asked.cut.step,
        "has_traffic": bool(by_model),
        "running": [(BY_NAME[name], field) for name, field in LIVE_NAMES.items()],
        "cards": _cards(asked, by_model, (bars, whole), found),
        "charts": _charts(asked, by_model, (bars, whole), axis),
        "dearest": panels.dearest(found.dearest, with_titles=with_titles) if found else [],
        "with_titles": with_titles,
        "windows": panels.windows(bar.filter, asked.now, asked.cut),
        "failures": exchanges.failures(bar.filter, FAILURES),
        "pipeline": pipeline(),
        "unpriced": unpriced_models(),
        "outdated": pending(),
        "unchecked": limit_use.unchecked(),
        "restarts": restarts.read(settings.NEXUS_DATA_DIR),
        "latest": exchanges.latest(bar.filter, RECENT),
    }
    response = render(request, "overview/page.html", context)
    if with_titles:
        response.headers["Cache-Control"] = BODIES
    return response


def _asked(chosen: Filter, now: datetime) -> Asked:
    span = span_of(chosen, now)
    cut = usage.cut(span, now)
    inside = replace(chosen, period="", since=span.since, until=span.until)
    return Asked(chosen, inside, now, cut, before(cut.span, chosen, now))


def _charts(
    asked: Asked, by_model: dict[str, Bars], spreads: tuple[dict[datetime, Spreads], Spreads], axis: Axis
) -> dict[str, object]:
    explained = time_axis.explaining(axis, asked.cut, asked.chosen)
    return {
        "costs": panels.costs(_MODEL, by_model, explained, asked.cut.step),
        "first_bytes": panels.first_bytes(*spreads, axis),
    }


def _cards(
    asked: Asked,
    by_model: dict[str, Bars],
    spreads: tuple[dict[datetime, Spreads], Spreads],
    found: Sessions | None,
) -> list[Card]:
    cut, query = asked.cut, asked.query
    models = {model: figures.together(bars.values()) for model, bars in by_model.items()}
    all_bars = of_all(by_model.values())
    now = figures.together([*models.values(), figures.Figures()])
    period = Period(now, total(asked.earlier, asked.chosen), cut.starts, all_bars)
    until = asked.earlier.until or cut.span.since
    explain = time_axis.explain_address(asked.chosen, (cut.span.since, cut.end), (asked.earlier.since, until))
    saved = cache_savings.saved_usd(models, _prices.get(), asked.now)
    return [
        cards.cost(period, _to("usage", query), explain),
        cards.requests(period, _to("requests", query)),
        cards.cache(
            period, _to("cache_breaks", asked.inside.only(cache_breaks.OWN).to_query()), saved, _lost(asked)
        ),
        cards.sessions(found, _to("sessions", asked.chosen.only(("domain", "zone")).to_query())),
        cards.failures(period, _to("performance", query) + "#failures", _commonest(asked)),
        cards.first_byte(*spreads, cut.starts, _to("performance", query)),
    ]


def _to(page: str, query: str) -> str:
    return f"{reverse(page)}?{query}" if query else reverse(page)


def _lost(asked: Asked) -> Note | None:
    lost = cache_breaks.in_sum(asked.inside)
    if not lost or not lost.breaks:
        return None
    newest = "the newest " if lost.breaks == cache_breaks.MOST else ""
    word = "break" if lost.breaks == 1 else "breaks"
    text = f"{newest}{grouped(lost.breaks)} cache {word} cost {usd(lost.avoidable_usd)}"
    return Note(
        text, _to("cache_breaks", asked.inside.to_query()), "More than reading from the cache would have cost"
    )


def _commonest(asked: Asked) -> Note | None:
    """The type of error that most had, where sums by it can be filtered so."""
    if asked.chosen.given().keys() - set(_ERRORS.served):
        return None
    counts = {
        name: int(sums.requests) for name, sums in breakdown(_ERRORS, asked.cut.span, asked.chosen).items()
    }
    if not any(counts.values()):
        return None
    name = max(counts, key=lambda name: (counts[name], name))
    return Note(
        f"{grouped(counts[name])} {name}",
        _to("requests", asked.inside.adding("errorType", name).to_query()),
    )
