"""The cache breaks of a period, the last 7 days without one; `cause` and `sort` are in the address."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.access import signin
from dashboard.filters.filter import BY_NAME
from dashboard.pages.filter_bar import FilterBar, filter_bar
from dashboard.queries import cache_breaks
from dashboard.queries.cache_breaks import Lost, Sort
from proxy.conversations.findings.cause_words import ADVICE, Advice, Cause

SHOWN = 100
MOST_KEYS = 20
_SERVED = [name for name in BY_NAME if name in cache_breaks.SERVED]
_ORDERS = {Sort.AVOIDABLE: "Dearest", Sort.LOST: "Most tokens", Sort.NEWEST: "Newest"}


@dataclass(frozen=True, slots=True)
class OfCause:
    """A cause in the table; `query` shows it alone, or all again where it is alone."""

    cause: str
    lost: Lost
    advice: Advice
    query: str
    is_chosen: bool


def breaks(request: HttpRequest) -> HttpResponse:
    """Sums and the first of the list; each leads to its difference, or to its request for who may not read bodies."""
    bar = filter_bar(request, _SERVED, others=("cause", "sort"), unset="Last 7 days")
    cause = bar.chosen("cause", ["", *Cause])
    sort = Sort(bar.chosen("sort", [*Sort]))
    found = cache_breaks.find(bar.filter.in_period("7d"), cause, sort)
    leads_to_words = signin.may_read_bodies(request)
    context = {
        "bar": bar,
        "found": found,
        "shown": found.breaks[:SHOWN],
        "cause": cause,
        "causes": [_of_cause(bar, name, lost, cause, sort) for name, lost in found.by_cause.items()],
        "keys": list(found.by_client_key().items())[:MOST_KEYS],
        "orders": [
            (name, bar.filter.to_query(**_kept(cause, order)), order == sort)
            for order, name in _ORDERS.items()
        ],
        "leads_to": "request_diff" if leads_to_words else "request",
    }
    return render(request, "cache_breaks/page.html", context)


def _of_cause(bar: FilterBar, name: str, lost: Lost, chosen: str, sort: Sort) -> OfCause:
    is_chosen = name == chosen
    query = bar.filter.to_query(**_kept("" if is_chosen else name, sort))
    return OfCause(name, lost, ADVICE[Cause(name)], query, is_chosen)


def _kept(cause: str, sort: Sort) -> dict[str, str]:
    """What is in the address beside the filter."""
    return ({"cause": cause} if cause else {}) | ({"sort": sort} if sort != Sort.AVOIDABLE else {})
