"""What is asked of a full database: every page and every endpoint, for several domains, filters and pages deep."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote
from uuid import UUID

from django.utils import timezone

from proxy.store.models import DomainTotal, Exchange

OVERVIEW_MS, PAGE_MS = 150.0, 300.0
_DEEPEST = 10_000
_SAMPLES = 200


@dataclass(frozen=True, slots=True)
class Address:
    """A page or an endpoint; `make` gives its URL, each time with other parameters."""

    name: str
    bar_ms: float
    make: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to ask for: domains, the busiest first, and exchanges over the whole time, those with bodies apart."""

    domains: Sequence[str]
    exchanges: Sequence[UUID]


def known(draw: random.Random) -> Known:
    """Look into the database."""
    domains = list(DomainTotal.objects.order_by("-requests").values_list("domain", flat=True))
    oldest, newest = (
        Exchange.objects.order_by(order).values_list("id", flat=True)[0] for order in ("id", "-id")
    )
    return Known(domains, [_near(UUID(int=draw.randrange(oldest.int, newest.int))) for _ in range(_SAMPLES)])


def _near(anywhere: UUID) -> UUID:
    return Exchange.objects.filter(id__gte=anywhere).order_by("id").values_list("id", flat=True)[0]


def addresses(found: Known, draw: random.Random) -> list[Address]:
    """All of them, in the order of the report."""

    def domain() -> str:
        return quote(draw.choice(found.domains))

    def exchange() -> UUID:
        return draw.choice(found.exchanges)

    def offset() -> int:
        return draw.randrange(_DEEPEST - 1000, _DEEPEST)

    def days_ago() -> str:
        return quote(_iso(timezone.now() - timedelta(days=draw.randrange(1, 90))))

    busiest, idlest = (quote(found.domains[place]) for place in (0, -1))

    def page(name: str, make: Callable[[], str], bar: float = PAGE_MS) -> Address:
        return Address(name, bar, make)

    return [
        page("overview", lambda: "/dashboard", OVERVIEW_MS),
        page("overview, one domain", lambda: f"/dashboard?domain={domain()}", OVERVIEW_MS),
        page("overview, read again", lambda: "/dashboard/overview-fragment", OVERVIEW_MS),
        page("requests", lambda: "/dashboard/requests"),
        page("requests, busiest domain", lambda: f"/dashboard/requests?domain={busiest}"),
        page("requests, idlest domain", lambda: f"/dashboard/requests?domain={idlest}"),
        page("requests, unknown domain", lambda: f"/dashboard/requests?domain=none-{draw.random()}"),
        page("requests, deep", lambda: f"/dashboard/requests?before={exchange()}"),
        page(
            "requests, deep, one domain", lambda: f"/dashboard/requests?before={exchange()}&domain={domain()}"
        ),
        page("usage by model", lambda: "/dashboard/usage?by=model"),
        page("usage by domain", lambda: "/dashboard/usage?by=domain"),
        page("usage, one domain", lambda: f"/dashboard/usage?domain={domain()}"),
        page("request: conversation", lambda: f"/dashboard/request/{exchange()}"),
        page("request: raw JSON", lambda: f"/dashboard/request/{exchange()}?view=raw"),
        page("request: headers", lambda: f"/dashboard/request/{exchange()}?view=headers"),
        page("api stats", lambda: "/api/stats"),
        page("api stats, one domain", lambda: f"/api/stats?domain={domain()}"),
        page("api stats, 1 to 90 days", lambda: f"/api/stats?since={days_ago()}"),
        page(
            "api stats, 90 days",
            lambda: f"/api/stats?since={quote(_iso(timezone.now() - timedelta(days=90)))}",
        ),
        page("api stats, days, one domain", lambda: f"/api/stats?since={days_ago()}&domain={domain()}"),
        page("api requests", lambda: "/api/requests"),
        page("api requests, 1000 of them", lambda: "/api/requests?limit=1000"),
        page("api requests, one domain", lambda: f"/api/requests?domain={domain()}"),
        page("api requests, offset", lambda: f"/api/requests?offset={offset()}"),
        page("api requests, offset, domain", lambda: f"/api/requests?offset={offset()}&domain={domain()}"),
        page("api requests, before", lambda: f"/api/requests?before={exchange()}"),
        page("api requests, before, domain", lambda: f"/api/requests?before={exchange()}&domain={domain()}"),
        page("api request", lambda: f"/api/requests/{exchange()}"),
        page("api raw request", lambda: f"/api/requests/{exchange()}/raw/request"),
        page("api raw response", lambda: f"/api/requests/{exchange()}/raw/response"),
        page("api domains", lambda: "/api/domains"),
        page("api pipeline", lambda: "/api/pipeline"),
        page("api storage", lambda: "/api/storage"),
    ]


def _iso(moment: datetime) -> str:
    return moment.isoformat()
