"""The API and its resources: one that is not listed here is not served."""

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation

from accounts import guesses
from dashboard.access import throttle
from dashboard.api import narrowing, openapi, parameters
from dashboard.api.keys import DashboardKey
from dashboard.api.resources import (
    accounts,
    audit,
    batches,
    breakdown,
    cache_breaks,
    conversations,
    domains,
    explain,
    findings,
    limits,
    live,
    performance,
    pipeline,
    request_diff,
    request_export,
    requests,
    search,
    series,
    stats,
    stops,
    storage,
    tools,
)
from dashboard.errors import json_error

# What reads the domains of the reader alone, and what is about all of them, so that it is closed to who is bound to some
# (docs/access.md); in the order in which the documentation has them.
NARROWED = (
    stats,
    breakdown,
    series,
    explain,
    performance,
    requests,
    request_export,
    request_diff,
    search,
    cache_breaks,
    findings,
    conversations,
    batches,
    domains,
    tools,
    limits,
    live,
    stops,
)
OF_ALL_DOMAINS = (accounts, pipeline, storage, audit)
RESOURCES = (*NARROWED, *OF_ALL_DOMAINS)


class NexusAPI(NinjaAPI):
    """Ninja's, but operations are named for their function alone, not for the module where it is."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        # Programs that were generated from the document call these names: they stay when a function moves.
        return f"dashboard_api_endpoints_{operation.view_func.__name__}"


api = NexusAPI(
    title="Nexus API",
    version="1",
    urls_namespace="api",
    description="What the dashboard shows. Times are ISO 8601 in UTC, durations milliseconds, cost USD.",
    auth=DashboardKey(),
    docs_decorator=openapi.for_signed_in,
)
api.add_decorator(parameters.note_known, mode="view")
api.add_decorator(narrowing.within([resource.__name__ for resource in NARROWED]), mode="view")
for _resource in RESOURCES:
    api.add_router("", _resource.router)


@api.exception_handler(HttpError)
def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    response = json_error(error.status_code, error.message)
    wait = guesses.wait_of(throttle.address_of(request)) if error.status_code == 429 else 0
    return throttle.refuse(response, wait) if wait else response


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    reported = "; ".join(f"{found['loc'][-1]}: {found['msg']}" for found in error.errors)
    return json_error(422, f"{reported}. {parameters.listed(request)}")


@api.exception_handler(Exception)
def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    raise error  # to the middleware that answers in JSON, whatever DEBUG says
