"""Domains with traffic."""

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema

from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.queries.sums import figures
from dashboard.queries.sums.spans import span_of

router = Router()


class DomainCount(CamelSchema):
    domain: str
    request_count: int


class DomainList(CamelSchema):
    """Domains of a period, the busiest first."""

    domains: list[DomainCount]


@takes(figures.SERVED)
class DomainQuery(Schema):
    pass


@router.get("/domains", response={200: DomainList, **ERRORS}, by_alias=True)
def domains(request: HttpRequest, filters: Query[DomainQuery]) -> DomainList:
    """Domains with traffic in a period, of the last 7 days without one, the busiest first."""
    chosen = filter_of(request).in_period("7d")
    found = figures.summary(span_of(chosen, timezone.now()), chosen).by_domain
    return DomainList(
        domains=[
            DomainCount(domain=name, request_count=counters.requests) for name, counters in found.items()
        ]
    )
