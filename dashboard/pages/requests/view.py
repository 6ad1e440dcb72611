"""The list of requests, by keyset, with the columns that its reader chose."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from dashboard.access.signin import reads_bodies
from dashboard.caching import BODIES
from dashboard.filters.filter import BY_NAME as FILTERS
from dashboard.pages.filter_bar import PLACES, FilterBar, filter_bar
from dashboard.pages.requests import columns, rows
from dashboard.pages.requests.columns import PARAMETER, Column
from dashboard.pages.requests.place import Place, address, listing, place_of
from dashboard.queries import exchanges

# In the session of a browser: the names of the columns that were chosen last.
REMEMBERED = "request_columns"
FORMS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}


@dataclass(frozen=True, slots=True)
class Export:
    """A file of the same requests, with the columns of the page where some were chosen."""

    label: str
    href: str


def requests(request: HttpRequest) -> HttpResponse:
    """So many requests in the order of `sort`, from `before` or `after` one or `at` a moment on."""
    bar = filter_bar(request, FILTERS, others=(PARAMETER, "sort", *PLACES))
    if remembered := _remembered(request, bar):
        return remembered
    with_bodies = reads_bodies(request)
    shown, unknown = _columns(bar, with_bodies=with_bodies)
    try:
        place, bar = place_of(request.GET, bar)
    except ValueError as error:
        raise Http404("`before` or `after` is not the id of an exchange.") from error
    bar.notices.extend(f"{PARAMETER}: there is no column {name[:60]}." for name in unknown)
    bar = bar.keeping(**_kept(bar, shown, place))
    page = listing(bar.filter, place, tuple(name for column in shown for name in column.reads))
    context = {
        "bar": bar,
        "place": place,
        "page": page,
        "columns": shown,
        "chooser": [
            (column, column in shown) for column in columns.COLUMNS if with_bodies or not column.of_bodies
        ],
        "rows": rows.of(page.rows, shown),
        "previous": address(bar, page.previous),
        "next": address(bar, page.next),
        "in_list": f"?{urlencode({'list': bar.query()})}" if bar.query() else "",
        "sorting": _sorting(bar, place),
        "exports": list(_exports(bar, shown)),
        "total": exchanges.stored_total(bar.filter),
    }
    response = render(request, "requests/page.html", context)
    response.headers["Cache-Control"] = BODIES
    return response


def choose(request: HttpRequest) -> HttpResponse:
    """The form of columns: remembers the choice for this browser and leads to the list with it in its address."""
    kept = {
        name: value for name, value in QueryDict(request.POST.get("query", "")).items() if name != PARAMETER
    }
    if "usual" in request.POST:
        request.session.pop(REMEMBERED, None)
    else:
        found, _ = columns.chosen(request.POST.getlist("column"), reads_bodies=True)
        request.session[REMEMBERED] = kept[PARAMETER] = columns.as_parameter(found)
    return HttpResponseRedirect(f"{reverse('requests')}?{urlencode(kept)}")


def _remembered(request: HttpRequest, bar: FilterBar) -> HttpResponse | None:
    """The same address with the columns that this browser chose last, where it names none: whoever copies it sends them along."""
    names = request.session.get(REMEMBERED)
    if not names or PARAMETER in request.GET or bar.notices:
        return None
    return HttpResponseRedirect(f"?{urlencode({**request.GET.dict(), PARAMETER: names})}")


def _columns(bar: FilterBar, *, with_bodies: bool) -> tuple[list[Column], list[str]]:
    if names := bar.kept.get(PARAMETER, ""):
        return columns.chosen(names.split(","), reads_bodies=with_bodies)
    return columns.usual(reads_bodies=with_bodies), []


def _kept(bar: FilterBar, shown: Sequence[Column], place: Place) -> dict[str, str]:
    """What the addresses of this page say beside its filter, as short as can be."""
    sort = {"sort": "oldest"} if place.is_oldest_first else {}
    return ({PARAMETER: columns.as_parameter(shown)} if bar.kept.get(PARAMETER) else {}) | sort


def _sorting(bar: FilterBar, place: Place) -> str:
    """The query of the other order."""
    others = {name: value for name, value in bar.kept.items() if name != "sort"}
    return bar.filter.to_query(**others, **({} if place.is_oldest_first else {"sort": "oldest"}))


def _exports(bar: FilterBar, shown: Sequence[Column]) -> Iterator[Export]:
    named = {"columns": columns.exported(shown)} if PARAMETER in bar.kept else {}
    query = bar.filter.to_query(**named)
    for form, label in FORMS.items():
        address = reverse(f"api:requests_{form}")
        yield Export(label, f"{address}?{query}" if query else address)
