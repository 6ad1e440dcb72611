"""The audit, newest first; `user`, `kind`, `action`, `object` and `before` are in the address beside the period."""

import json
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.secrets.masking import mask_text
from dashboard.audit.entries import kind_of
from dashboard.filters.filter import BY_NAME
from dashboard.models import GroupDomains
from dashboard.pages.exports import FORMATS, Row, export
from dashboard.pages.filter_bar import FilterBar, filter_bar
from dashboard.queries import audit as query
from dashboard.queries.audit import Asked, Entry, Place

PAGE_SIZE = 50
MOST_EXPORTED = 50_000
COLUMNS = ("at", "user", "via", "action", "kind", "object_id", "object_name", "message", "changes")
_SERVED = [name for name in BY_NAME if name in query.SERVED]


def audit(request: HttpRequest) -> HttpResponse:
    """So many entries from `before` on, or all of the filter as a file."""
    bar = filter_bar(request, _SERVED, others=(*query.OWN, "before", "format"), unset="Any time")
    form, action = bar.chosen("format", FORMATS), bar.chosen("action", ["", *dict(query.ACTIONS)])
    wanted = query.asked(bar.filter, timezone.now(), {**bar.kept, "action": action})
    if form:
        return export(form, "audit", COLUMNS, _rows(wanted))
    found, older = query.page(wanted, _place(bar.kept.get("before", "")), PAGE_SIZE)
    kept = {name: bar.kept[name] for name in query.OWN if bar.kept.get(name)}
    context = {
        "bar": bar,
        "kept": {name: kept.get(name, "") for name in query.OWN},
        "entries": found,
        "is_filtered": bool(kept or bar.filter.given()),
        "before": bar.kept.get("before", ""),
        "newest": bar.filter.to_query(**kept),
        "older": bar.filter.to_query(**kept, before=str(older)) if older else "",
        "files": {name: bar.filter.to_query(**kept, format=name) for name in FORMATS if name},
        "kinds": _kinds(bar),
        "actions": query.ACTIONS,
        "most_exported": MOST_EXPORTED,
    }
    response = render(request, "audit/page.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


def _place(text: str) -> Place | None:
    try:
        return Place.parse(text) if text else None
    except ValueError as error:
        raise Http404("`before` is no place of this list.") from error


def _kinds(bar: FilterBar) -> dict[str, str]:
    """The tables that people change, by their names; the one that is asked for too, where it is none of them."""
    known = {kind_of(model): str(model._meta.verbose_name).capitalize() for model in admin.site._registry}
    known |= {kind_of(GroupDomains): "Domains of groups", query.READ: "Bodies that were read"}
    asked = bar.kept.get("kind", "").lower()
    found = {asked: asked, **known} if asked else known
    return dict(sorted(found.items(), key=lambda kind: kind[1]))


def _rows(wanted: Asked) -> Iterator[Row]:
    return (_row(entry) for entry in query.each(wanted, MOST_EXPORTED))


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.place.at.isoformat().replace("+00:00", "Z"),
        "user": entry.who,
        "via": entry.via,
        "action": entry.action,
        "kind": entry.kind,
        "object_id": entry.object_id,
        "object_name": mask_text(entry.object_name),
        "message": mask_text(entry.message),
        "changes": json.dumps(entry.changes, ensure_ascii=False),
    }
