"""The filter as parameters of the API."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from ninja import Schema
from ninja.errors import HttpError
from pydantic import Field, create_model

from dashboard.api import parameters
from dashboard.filters.filter import BY_NAME, HELP, Filter, FilterError, parse
from dashboard.queries import batches, cache_breaks, conversations, figures, findings, limits, search


def _query(title: str, served: Iterable[str]) -> Any:
    """What an operation declares, for its documentation and for what it refuses; `filter_of` reads it."""
    named: dict[str, Any] = {
        BY_NAME[name]: (str, Field("", alias=name, description=HELP[BY_NAME[name]])) for name in served
    }
    return create_model(title, __base__=Schema, **named)


if TYPE_CHECKING:
    FilterQuery = Schema
    StatsQuery = Schema
    BatchQuery = Schema
    DomainQuery = Schema
    LimitQuery = Schema
    SearchQuery = Schema
    CacheBreakQuery = Schema
    FindingQuery = Schema
    ConversationQuery = Schema
else:
    FilterQuery = _query("FilterQuery", BY_NAME)
    StatsQuery = _query("StatsQuery", figures.SERVED)
    BatchQuery = _query("BatchQuery", batches.SERVED)
    DomainQuery = _query("DomainQuery", figures.SERVED)
    LimitQuery = _query("LimitQuery", limits.SERVED)
    SearchQuery = _query("SearchQuery", search.SERVED)
    CacheBreakQuery = _query("CacheBreakQuery", cache_breaks.SERVED)
    FindingQuery = _query("FindingQuery", findings.SERVED)
    ConversationQuery = _query("ConversationQuery", conversations.SERVED)


def stats_filter_of(request: HttpRequest) -> Filter:
    """The filter of sums; `since` is another name of `from`. Raises HttpError 422."""
    given = dict(request.GET.lists())
    since = given.pop("since", [])
    if since:
        given["from"] = [*given.get("from", []), *since]
    return _parsed(request, given, names={"from": "since"} if since else {})


def filter_of(request: HttpRequest, others: Iterable[str] = ()) -> Filter:
    """The filter of a request whose other parameters are these; raises HttpError 422."""
    return _parsed(request, dict(request.GET.lists()), others)


def _parsed(
    request: HttpRequest,
    given: Mapping[str, list[str]],
    others: Iterable[str] = (),
    names: Mapping[str, str] = MappingProxyType({}),
) -> Filter:
    """`names` are those under which parameters were given."""
    try:
        return parse(given, others)
    except FilterError as error:
        shown = names.get(error.name, error.name)
        raise HttpError(422, f"{shown}: {error.why}. {parameters.listed(request)}") from error
