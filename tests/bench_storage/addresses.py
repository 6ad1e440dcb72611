"""What is asked of a full database: every page and every endpoint, for several domains, filters and pages deep."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

from django.utils import timezone

from dashboard.queries.sums.breakdowns import DIMENSIONS
from proxy.store.models import Conversation, DomainTotal, Exchange
from tests import page_addresses

PAGE_MS = 300.0
_DEEPEST = 10_000
_SAMPLES = 200


@dataclass(frozen=True, slots=True)
class Address:
    """A page or an endpoint; `make` gives its URL, each time with other parameters; `by_htmx` asks for the page's fragment."""

    name: str
    bar_ms: float
    make: Callable[[], str]
    by_htmx: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to ask for: domains, the busiest first, and exchanges over the whole time."""

    domains: Sequence[str]
    exchanges: Sequence[UUID]
    sessions: Sequence[UUID]


def known(draw: random.Random) -> Known:
    """Look into the database."""
    domains = list(DomainTotal.objects.order_by("-requests").values_list("domain", flat=True))
    oldest, newest = (
        Exchange.objects.order_by(order).values_list("id", flat=True)[0] for order in ("id", "-id")
    )
    exchanges = [_near(UUID(int=draw.randrange(oldest.int, newest.int))) for _ in range(_SAMPLES)]
    sessions = Conversation.objects.order_by("-turns", "-id").values_list("id", flat=True)[:_SAMPLES]
    return Known(domains, exchanges, list(sessions))


def _near(anywhere: UUID) -> UUID:
    return Exchange.objects.filter(id__gte=anywhere).order_by("id").values_list("id", flat=True)[0]


class Chosen:
    """Parameters, other ones each time."""

    def __init__(self, found: Known, draw: random.Random) -> None:
        self._found, self._draw = found, draw
        self.busiest, self.idlest = (quote(found.domains[position]) for position in (0, -1))

    @property
    def domain(self) -> str:
        return quote(self._draw.choice(self._found.domains))

    @property
    def unknown(self) -> str:
        return f"none-{self._draw.random()}"

    @property
    def exchange(self) -> UUID:
        return self._draw.choice(self._found.exchanges)

    @property
    def session(self) -> UUID:
        return self._draw.choice(self._found.sessions)

    @property
    def offset(self) -> int:
        return self._draw.randrange(_DEEPEST - 1000, _DEEPEST)

    @property
    def some_days(self) -> str:
        return _days_ago(self._draw.randrange(1, 90))


def addresses(found: Known, draw: random.Random) -> list[Address]:
    """All of them, in the order of the report."""
    chosen = Chosen(found, draw)
    return [*pages(chosen), *endpoints(chosen)]


def pages(a: Chosen) -> list[Address]:
    """What people open: each page of the registry, and some with other parameters."""
    requests = "/dashboard/requests"
    return [
        *(_page(name, path, a) for name, path in page_addresses.pages().items()),
        Address("overview, one domain", PAGE_MS, lambda: f"/dashboard?domain={a.domain}"),
        Address("overview, read again", PAGE_MS, lambda: "/dashboard", by_htmx=True),
        Address("overview, 30 days", PAGE_MS, lambda: "/dashboard?period=30d"),
        Address("accounts, 30 days", PAGE_MS, lambda: "/dashboard/accounts?period=30d"),
        Address("overview, one model", PAGE_MS, lambda: f"/dashboard?model={a.unknown}"),
        Address("search, a common word", PAGE_MS, lambda: "/dashboard/search?q=the"),
        Address("search, two words", PAGE_MS, lambda: f"/dashboard/search?q=tests+{a.unknown}"),
        Address("search, one domain", PAGE_MS, lambda: f"/dashboard/search?q=tests&domain={a.domain}"),
        Address("requests, busiest domain", PAGE_MS, lambda: f"{requests}?domain={a.busiest}"),
        Address("requests, idlest domain", PAGE_MS, lambda: f"{requests}?domain={a.idlest}"),
        Address("requests, unknown domain", PAGE_MS, lambda: f"{requests}?domain={a.unknown}"),
        Address("requests, deep", PAGE_MS, lambda: f"{requests}?before={a.exchange}"),
        Address(
            "requests, deep, domain", PAGE_MS, lambda: f"{requests}?before={a.exchange}&domain={a.domain}"
        ),
        Address("sessions", PAGE_MS, lambda: "/dashboard/sessions"),
        Address(
            "sessions, dearest of a domain",
            PAGE_MS,
            lambda: f"/dashboard/sessions?sort=cost&domain={a.domain}",
        ),
        Address("usage by model", PAGE_MS, lambda: "/dashboard/usage?by=model"),
        Address("usage by domain", PAGE_MS, lambda: "/dashboard/usage?by=domain"),
        Address("usage by person", PAGE_MS, lambda: "/dashboard/usage?by=person"),
        Address("usage by tool, CSV", PAGE_MS, lambda: "/dashboard/usage?by=tool&format=csv"),
        Address("explain, 7 days", PAGE_MS, lambda: "/dashboard/explain?period=7d"),
        Address("explain, one domain", PAGE_MS, lambda: f"/dashboard/explain?domain={a.domain}"),
        Address("performance, 30 days", PAGE_MS, lambda: "/dashboard/performance?period=30d"),
        Address("performance, one domain", PAGE_MS, lambda: f"/dashboard/performance?domain={a.domain}"),
        Address("usage, 30 days", PAGE_MS, lambda: "/dashboard/usage?period=30d"),
        Address("usage, 30 local days", PAGE_MS, lambda: "/dashboard/usage?period=30d&zone=Asia/Kolkata"),
        Address("usage, one domain", PAGE_MS, lambda: f"/dashboard/usage?domain={a.domain}"),
        Address("request: raw JSON", PAGE_MS, lambda: f"/dashboard/request/{a.exchange}?view=raw"),
        Address("request: headers", PAGE_MS, lambda: f"/dashboard/request/{a.exchange}?view=headers"),
    ]


def _page(name: str, path: str, a: Chosen) -> Address:
    return Address(name, PAGE_MS, lambda: path.format(exchange=a.exchange, session=a.session))


def endpoints(a: Chosen) -> list[Address]:
    """What programs ask."""
    stats, requests = "/api/stats", "/api/requests"
    return [
        Address("api stats", PAGE_MS, lambda: stats),
        Address("api stats, one domain", PAGE_MS, lambda: f"{stats}?domain={a.domain}"),
        Address("api stats, 1 to 90 days", PAGE_MS, lambda: f"{stats}?since={a.some_days}"),
        Address("api stats, 90 days", PAGE_MS, lambda: f"{stats}?since={_days_ago(90)}"),
        Address("api stats, days, domain", PAGE_MS, lambda: f"{stats}?since={a.some_days}&domain={a.domain}"),
        *(_breakdown(by) for by in DIMENSIONS),
        Address("api series by model, 30 days", PAGE_MS, lambda: "/api/series?by=model&period=30d"),
        Address("api performance, 24 hours", PAGE_MS, lambda: "/api/performance"),
        Address("api performance, 30 days", PAGE_MS, lambda: "/api/performance?period=30d"),
        Address("api explain, 7 days", PAGE_MS, lambda: "/api/explain?period=7d"),
        Address("api explain, one domain", PAGE_MS, lambda: f"/api/explain?domain={a.domain}"),
        Address("api requests", PAGE_MS, lambda: requests),
        Address("api requests, 1000 of them", PAGE_MS, lambda: f"{requests}?limit=1000"),
        Address("api requests, one domain", PAGE_MS, lambda: f"{requests}?domain={a.domain}"),
        Address("api requests, offset", PAGE_MS, lambda: f"{requests}?offset={a.offset}"),
        Address(
            "api requests, offset, domain", PAGE_MS, lambda: f"{requests}?offset={a.offset}&domain={a.domain}"
        ),
        Address("api requests, before", PAGE_MS, lambda: f"{requests}?before={a.exchange}"),
        Address(
            "api requests, before, domain",
            PAGE_MS,
            lambda: f"{requests}?before={a.exchange}&domain={a.domain}",
        ),
        *(_export(form) for form in ("csv", "jsonl", "parquet")),
        Address("api request", PAGE_MS, lambda: f"{requests}/{a.exchange}"),
        Address("api raw request", PAGE_MS, lambda: f"{requests}/{a.exchange}/raw/request"),
        Address("api raw response", PAGE_MS, lambda: f"{requests}/{a.exchange}/raw/response"),
        Address("api diff", PAGE_MS, lambda: f"{requests}/{a.exchange}/diff?against={a.exchange}"),
        Address("api cache breaks", PAGE_MS, lambda: "/api/cache-breaks?period=30d"),
        Address("api findings", PAGE_MS, lambda: "/api/findings?period=30d"),
        Address("api domains", PAGE_MS, lambda: "/api/domains"),
        Address("api tools", PAGE_MS, lambda: "/api/tools"),
        Address("api tools, 30 days, domain", PAGE_MS, lambda: f"/api/tools?period=30d&domain={a.domain}"),
        Address("api accounts, 30 days", PAGE_MS, lambda: "/api/accounts?period=30d"),
        Address("api pipeline", PAGE_MS, lambda: "/api/pipeline"),
        Address("api storage", PAGE_MS, lambda: "/api/storage"),
    ]


def _breakdown(by: str) -> Address:
    return Address(f"api breakdown by {by}, 30 days", PAGE_MS, lambda: f"/api/breakdown?by={by}&period=30d")


def _export(form: str) -> Address:
    return Address(f"api requests.{form}, its head", PAGE_MS, lambda: f"/api/requests.{form}?period=30d")


def _days_ago(days: int) -> str:
    return quote((timezone.now() - timedelta(days=days)).isoformat())
