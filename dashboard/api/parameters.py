"""Query parameters of the API: one that an endpoint does not know is refused, so that no filter is ignored in silence."""

from collections.abc import Callable
from functools import wraps
from inspect import signature, unwrap
from typing import Any, get_args

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from ninja.errors import HttpError

_KNOWN = "_nexus_parameters"
_SHOWN = 60
Run = Callable[..., HttpResponse]


def note_known(run: Run) -> Run:
    """Decorator of every operation (ninja's `run`): its request knows which parameters the operation has."""
    # A method of ninja's operation, which may have been decorated already.
    operation: Any = unwrap(run).__self__
    names = [
        known
        for name, parameter in signature(operation.view_func).parameters.items()
        if name not in {"request", "response"}
        for known in _names_of(name, parameter.annotation)
    ]

    @wraps(run)
    def noted(request: HttpRequest, **path: Any) -> HttpResponse:
        setattr(request, _KNOWN, [name for name in names if name not in path])
        return run(request, **path)

    return noted


def _names_of(name: str, annotation: Any) -> list[str]:
    """A parameter's own name, or those that it stands for where it is a schema, as the filter is."""
    if isinstance(annotation, type) and issubclass(annotation, Schema):
        return []  # the body
    [kind, *_] = get_args(annotation) or [None]
    if isinstance(kind, type) and issubclass(kind, Schema):
        return [field.alias or attribute for attribute, field in kind.model_fields.items()]
    return [name]


def refuse_unknown(request: HttpRequest) -> None:
    """Raise 422 for a parameter that the operation does not know, and for one that is given twice."""
    known = getattr(request, _KNOWN, [])
    for name, values in request.GET.lists():
        if name not in known:
            raise HttpError(422, f"{name[:_SHOWN]}: there is no such parameter here. {listed(request)}")
        if len(values) > 1:
            raise HttpError(
                422, f"{name}: it is given {len(values)} times, and only one can count. {listed(request)}"
            )


def listed(request: HttpRequest) -> str:
    """The parameters that the operation knows, in a sentence."""
    known = getattr(request, _KNOWN, [])
    return f"Parameters: {', '.join(known)}." if known else "This address takes no parameters."
