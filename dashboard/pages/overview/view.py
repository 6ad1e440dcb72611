"""The overview, whole or only what is read again."""

from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.limits import use as limit_use
from dashboard.pages.cards import cards
from dashboard.pages.filter_bar import filter_bar
from dashboard.queries import cache_breaks, exchanges
from dashboard.queries.sums import figures
from dashboard.queries.sums.spans import span_of
from dashboard.queries.unpriced import unpriced_models
from dashboard.reading import for_all_domains
from proxy import restarts
from proxy.metric_names import LIVE_NAMES
from proxy.metrics import BY_NAME
from proxy.store.pipeline import pipeline
from proxy.store.pricing.pending import pending

RECENT = 20


def overview(request: HttpRequest) -> HttpResponse:
    """Cards, pipeline, what runs now and what ended last."""
    bar = filter_bar(request, figures.SERVED, unset="Last 24 hours", counted="24h")
    span = span_of(bar.filter, timezone.now())
    summary = figures.summary(span, bar.filter)
    in_span = replace(bar.filter, period="", since=span.since, until=span.until)
    context = {
        "bar": bar,
        "span": span,
        "running": [(BY_NAME[name], field) for name, field in LIVE_NAMES.items()],
        "cards": cards(summary.total),
        "lost": cache_breaks.in_sum(in_span),
        "lost_query": in_span.to_query(),
        "most_breaks": cache_breaks.MOST,
        "active_domains": len(summary.by_domain),
        "pipeline": for_all_domains(pipeline),
        "unpriced": unpriced_models(),
        "outdated": for_all_domains(pending),
        "unchecked": for_all_domains(limit_use.unchecked),
        "restarts": for_all_domains(lambda: restarts.read(settings.NEXUS_DATA_DIR)) or [],
        "latest": exchanges.latest(bar.filter, RECENT),
    }
    return render(request, "overview/page.html", context)
