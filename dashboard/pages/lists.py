"""The pages: read what the URL asks for, hand it to a template."""

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.limits import use as limit_use
from dashboard.access import signin
from dashboard.access.signin import Visitor, signed_in_only
from dashboard.caching import BODIES
from dashboard.filters import domain_of
from dashboard.pages.cards import cards
from dashboard.pages.request import VIEWS, RequestPage
from dashboard.pages.usage import usage_page
from dashboard.queries import batches, exchanges, figures
from dashboard.queries.unpriced import unpriced_models
from proxy import restarts
from proxy.store.pipeline import pipeline
from proxy.store.pricing.pending import pending

RECENT = 20
PAGE_SIZE = 50


def chosen_domain(request: HttpRequest) -> str:
    """The filter's domain, "" for all."""
    return domain_of(request.GET.get("domain", ""))


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("overview")


@require_safe
@signed_in_only
def overview(request: HttpRequest) -> HttpResponse:
    """Cards, pipeline, what runs now and what ended last."""
    context = _overview(request) | {"domain_names": exchanges.domain_names()}
    return render(request, "dashboard/overview.html", context)


@require_safe
@signed_in_only
def overview_fragment(request: HttpRequest) -> HttpResponse:
    """The part of the overview that is read again when something was stored."""
    return render(request, "dashboard/overview_fresh.html", _overview(request))


def _overview(request: HttpRequest) -> dict[str, object]:
    domain, since = chosen_domain(request), figures.last_day()
    return {
        "domain": domain,
        "cards": cards(figures.total(since, domain)),
        "active_domains": figures.active_domains(since, domain),
        "pipeline": pipeline(),
        "unpriced": unpriced_models(),
        "outdated": pending(),
        "unchecked": limit_use.unchecked(),
        "restarts": restarts.read(settings.NEXUS_DATA_DIR),
        "rows": exchanges.page(domain, size=RECENT).rows,
    }


@require_safe
@signed_in_only
def requests(request: HttpRequest) -> HttpResponse:
    """The list, newest first, by keyset."""
    domain = chosen_domain(request)
    before = request.GET.get("before", "")
    try:
        page = exchanges.page(domain, UUID(before) if before else None, PAGE_SIZE)
    except ValueError as error:
        raise Http404("`before` is not the id of an exchange.") from error
    context = {
        "domain": domain,
        "before": before,
        "page": page,
        "total": exchanges.stored_total(domain),
        "domain_names": exchanges.domain_names(),
    }
    return render(request, "dashboard/requests.html", context)


@require_safe
@signed_in_only
def exchange(request: HttpRequest, exchange_id: UUID) -> HttpResponse:
    """One request, from its summary to its last byte."""
    found = exchanges.details(exchange_id)
    if found is None:
        raise Http404(exchanges.why_unknown(exchange_id))
    asked = request.GET.get("view", "")
    page = RequestPage(found)
    reads_bodies = signin.visitor(request, signin.READ_BODIES) is Visitor.WELCOME
    context = {
        "page": page,
        "exchange": found.exchange,
        "not_allowed": "" if reads_bodies else signin.NOT_ALLOWED[signin.READ_BODIES],
        "view": asked if asked in VIEWS else "conversation",
        "views": page.views.items() if reads_bodies else [],
    }
    response = render(request, "dashboard/request.html", context)
    response.headers["Cache-Control"] = BODIES
    return response


@require_safe
@signed_in_only
def usage(request: HttpRequest) -> HttpResponse:
    """Seven days in charts."""
    domain = chosen_domain(request)
    split = "domain" if request.GET.get("by") == "domain" else "model"
    context = usage_page(domain, split) | {
        "domain": domain,
        "domain_names": exchanges.domain_names(),
        "batches_waiting": batches.waiting(domain),
    }
    return render(request, "dashboard/usage.html", context)


@require_safe
@signed_in_only
def limits(request: HttpRequest) -> HttpResponse:
    """Each limit, and how much of it is used now."""
    return render(request, "dashboard/limits.html", {"overview": limit_use.overview()})
