"""The filter as parameters of the API."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from ninja import Schema
from ninja.errors import HttpError
from pydantic import Field, create_model

from dashboard.api import parameters
from dashboard.filters.filter import BY_NAME, HELP, Filter, FilterError, parse

_FIELDS: dict[str, Any] = {
    attribute: (str, Field("", alias=name, description=HELP[attribute]))
    for name, attribute in BY_NAME.items()
}
# What an operation declares, for its documentation; `filter_of` reads.
if TYPE_CHECKING:
    FilterQuery = Schema
else:
    FilterQuery = create_model("FilterQuery", __base__=Schema, **_FIELDS)


def filter_of(request: HttpRequest, others: Iterable[str] = ()) -> Filter:
    """The filter of a request whose other parameters are these; raises HttpError 422."""
    try:
        return parse(dict(request.GET.lists()), others)
    except FilterError as error:
        raise HttpError(422, f"{error} {parameters.listed(request)}") from error
