"""Views that people save from the filter bar: an address under a name, of their own or shared, and one that a page opens with.

A view holds no more than its address does: whoever opens it sees what the page shows them.
"""

from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from dashboard.access.signin import HtmxRequest, View
from dashboard.models import SavedView
from dashboard.pages.filter_bar import PLACES
from dashboard.templatetags.saved_views import MOST_OWNED

# Pages with a filter bar.
PAGES = (
    *("overview", "sessions", "requests", "search", "usage", "explain", "performance", "cache_breaks"),
    *("findings", "tools", "live", "accounts", "limits"),
)
_NOT_KEPT = {*PLACES, "format", "part"}


def save_view(request: HttpRequest) -> HttpResponse:
    """What a page shows, under a name; one of the same name and page is replaced."""
    page, name = request.POST.get("page", ""), _name(request)
    query = _query(request)
    if page not in PAGES:
        raise Http404("There is no such page with a filter.")
    if not name or len(query) > SavedView.QUERY_LENGTH:
        return _unusable(request)
    user = request.user
    with transaction.atomic():
        known = SavedView.objects.owned_by(user).filter(page=page, name=name).exists()
        if not known and SavedView.objects.owned_by(user).count() >= MOST_OWNED:
            return _unusable(request)
        is_shared = not user.is_authenticated or "shared" in request.POST
        SavedView.objects.update_or_create(
            owner_id=user.pk, page=page, name=name, defaults={"query": query, "is_shared": is_shared}
        )
    return _back(page, query)


def change_view(request: HttpRequest, view_id: UUID) -> HttpResponse:
    """`do` says what with one's own: rename, query, default, share or delete."""
    view = SavedView.objects.owned_by(request.user).filter(id=view_id).first()
    if view is None:
        raise Http404("You have no such view.")
    do, query = request.POST.get("do", ""), _query(request)
    others = SavedView.objects.owned_by(request.user).filter(page=view.page).exclude(id=view.id)
    if do == "delete":
        view.delete()
        return _back(view.page, query)
    match do:
        case "rename":
            view.name = _name(request)
        case "query":
            view.query = query
        case "default" if request.user.is_authenticated:
            view.is_default = not view.is_default
            others.update(is_default=False)
        case "share" if request.user.is_authenticated:
            view.is_shared = not view.is_shared
    if not view.name or len(view.query) > SavedView.QUERY_LENGTH or others.filter(name=view.name).exists():
        return _unusable(request)
    view.save()
    return _back(view.page, query)


def opening_default(view: View, page: str) -> View:
    """The view of a page, which opens with its reader's default where the address says nothing.

    Who comes from the page itself, as by "Clear all", wants it as it is.
    """
    if page not in PAGES:
        return view

    @wraps(view)
    def opened(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if (
            not request.GET
            and not request.htmx
            and request.user.is_authenticated
            and _comes_from_elsewhere(request)
        ):
            default = SavedView.objects.owned_by(request.user).filter(page=page, is_default=True).first()
            if default and default.query:
                return HttpResponseRedirect(f"{request.path}?{default.query}")
        return view(request, *args, **kwargs)

    return opened


def _comes_from_elsewhere(request: HttpRequest) -> bool:
    return urlsplit(request.headers.get("Referer", "")).path != request.path


def _name(request: HttpRequest) -> str:
    return " ".join(request.POST.get("name", "").replace("\x00", "").split())[: SavedView.NAME_LENGTH]


def _query(request: HttpRequest) -> str:
    given = QueryDict(request.POST.get("query", "").replace("\x00", ""))
    return urlencode([(name, value) for name, value in given.items() if name not in _NOT_KEPT])


def _back(page: str, query: str) -> HttpResponse:
    return HttpResponseRedirect(f"{reverse(page)}?{query}")


def _unusable(request: HttpRequest) -> HttpResponse:
    """The form asks for all of this itself."""
    return render(request, "400.html", status=400)
