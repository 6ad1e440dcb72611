"""The overview, whole or only what is read again."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.limits import use as limit_use
from dashboard.filters import chosen_domain
from dashboard.queries import exchanges, figures
from dashboard.queries.unpriced import unpriced_models
from proxy import restarts
from proxy.store.pipeline import pipeline
from proxy.store.pricing.pending import pending

RECENT = 20


def overview(request: HttpRequest, *, base: str = "dashboard/base.html") -> HttpResponse:
    """Cards, pipeline, what runs now and what ended last; `base` is the template that it extends."""
    domain, since = chosen_domain(request), figures.last_day()
    context = {
        "base": base,
        "domain": domain,
        "domain_names": exchanges.domain_names,  # called by the filter, which a fragment does not have
        "figures": figures.total(since, domain),
        "active_domains": figures.active_domains(since, domain),
        "pipeline": pipeline(),
        "unpriced": unpriced_models(),
        "outdated": pending(),
        "unchecked": limit_use.unchecked(),
        "restarts": restarts.read(settings.NEXUS_DATA_DIR),
        "rows": exchanges.page(domain, size=RECENT).rows,
    }
    return render(request, "overview/page.html", context)
