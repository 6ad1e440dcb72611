"""The filter as parameters of the API."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

from django.http import HttpRequest
from ninja import Schema
from ninja.errors import HttpError
from pydantic import Field, create_model

from dashboard.api import parameters
from dashboard.filters.filter import BY_NAME, HELP, Filter, FilterError, parse
from dashboard.queries.sums.breakdowns import By

Query = TypeVar("Query", bound=type[Schema])


def takes(served: Iterable[str]) -> Callable[[Query], Query]:
    """Give a class these parameters of the filter, for the documentation and for what is refused; `filter_of` reads them."""
    named: dict[str, Any] = {
        BY_NAME[name]: (str, Field("", alias=name, description=HELP[BY_NAME[name]])) for name in served
    }

    def with_parameters(query: Query) -> Query:
        return cast(Query, create_model(query.__name__, __base__=query, __module__=query.__module__, **named))

    return with_parameters


def filter_of(
    request: HttpRequest, others: Iterable[str] = (), synonyms: Mapping[str, str] = MappingProxyType({})
) -> Filter:
    """The filter of a request whose other parameters are these; raises HttpError 422.

    `synonyms` are other names of the filter's parameters, such as `since` of `from`.
    """
    given = dict(request.GET.lists())
    shown = {}
    for other, name in synonyms.items():
        if values := given.pop(other, []):
            given[name] = [*given.get(name, []), *values]
            shown[name] = other
    try:
        return parse(given, others)
    except FilterError as error:
        name = shown.get(error.name, error.name)
        raise HttpError(422, f"{name}: {error.why}. {parameters.listed(request)}") from error


def chosen_for(by: By, chosen: Filter) -> By:
    """The dimension, where its sums can be filtered so; raises HttpError 422."""
    unserved = [name for name in chosen.given() if name not in by.served]
    if unserved:
        raise HttpError(
            422,
            f"{unserved[0]}: sums by {by.name} cannot be filtered by it. They take {', '.join(by.served)}.",
        )
    return by
