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
from dashboard.queries import conversations, figures

_FIELDS: dict[str, Any] = {
    attribute: (str, Field("", alias=name, description=HELP[attribute]))
    for name, attribute in BY_NAME.items()
}
# What an operation declares, for its documentation; `filter_of` reads.
if TYPE_CHECKING:
    FilterQuery = Schema
else:
    FilterQuery = create_model("FilterQuery", __base__=Schema, **_FIELDS)


# What sums can be filtered by.
_OF_SUMS = {
    name: attribute
    for name, attribute in BY_NAME.items()
    if attribute in {"period", "since", "until", "zone", *figures.SERVED}
}
if TYPE_CHECKING:
    StatsQuery = Schema
    ConversationQuery = Schema
else:
    StatsQuery = create_model(
        "StatsQuery", __base__=Schema, **{attribute: _FIELDS[attribute] for attribute in _OF_SUMS.values()}
    )
    ConversationQuery = create_model(
        "ConversationQuery", __base__=Schema, **{name: _FIELDS[name] for name in conversations.SERVED}
    )


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
