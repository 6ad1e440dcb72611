"""Each operation is read by somebody, and who is bound to domains reads only those that narrow; bodies that are read are noted."""

from collections.abc import Callable, Collection
from functools import wraps
from inspect import unwrap
from typing import Any

from django.http import HttpRequest, HttpResponse

from dashboard import reading
from dashboard.access import readings

_NARROWED = "_nexus_narrowed"
Run = Callable[..., HttpResponse]


def within(narrowed: Collection[str]) -> Callable[[Run], Run]:
    """Decorator of every operation (ninja's `run`): nobody reads until `keys` knows who. `narrowed` are names of modules."""

    def decorate(run: Run) -> Run:
        # A method of ninja's operation, which may have been decorated already.
        operation: Any = unwrap(run).__self__
        module = f"{operation.view_func.__module__}."
        is_one = any(module.startswith(f"{name}.") for name in narrowed)

        @wraps(run)
        def by_somebody(request: HttpRequest, **path: Any) -> HttpResponse:
            setattr(request, _NARROWED, is_one)
            with reading.reads(None):
                response = run(request, **path)
            readings.note(request, response)
            return response

        return by_somebody

    return decorate


def is_narrowed(request: HttpRequest) -> bool:
    """Whether its operation narrows what it reads to the domains of the reader."""
    return bool(getattr(request, _NARROWED, False))
