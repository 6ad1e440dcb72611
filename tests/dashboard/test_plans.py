"""How PostgreSQL answers each page and each endpoint, on months of traffic."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.test import Client

from dashboard.queries.sums.breakdowns import DIMENSIONS
from proxy import token_stats
from proxy.conversations.keys import conversation_id
from proxy.store.models import DomainTotal, Exchange
from tests import page_addresses
from tests.plans import BODIES, Statement, months_of_traffic, statements_of

# A page is in these by itself; what stands here besides are its parameters.
_OF_PAGES = list(page_addresses.pages().values())
LISTS = [
    *(path for path in _OF_PAGES if "{" not in path),
    "/dashboard?domain={domain}",
    "/dashboard?period=30d",
    "/dashboard/requests?domain={domain}",
    "/dashboard/requests?domain=nobody.example",
    "/dashboard/requests?before={exchange}",
    "/dashboard/requests?before={exchange}&domain={domain}",
    "/dashboard/requests?sort=oldest&domain={domain}",
    "/dashboard/requests?after={exchange}",
    "/dashboard/requests?at=2026-08-12T14:05&columns=title,person,tools",
    "/dashboard/sessions?sort=cost&domain={domain}",
    "/dashboard/sessions?sort=turns&period=30d&model=claude-opus-5-5",
    "/api/conversations?sort=failed",
    "/dashboard/usage?by=domain&domain={domain}",
    "/dashboard/usage?period=last-month&zone=Asia/Kolkata",
    *(f"/dashboard/usage?by={by}&period=7d" for by in DIMENSIONS),
    "/dashboard/usage?by=person&domain={domain}&from=2026-09-01T00:00Z&format=csv",
    "/dashboard/explain?domain={domain}&from=2026-09-18T14:00Z&to=2026-09-18T15:00Z",
    "/dashboard/performance?from=2026-09-18T00:00Z&to=2026-09-20T00:00Z&by=domain",
    "/dashboard/performance?domain={domain}&from=2026-08-01T00:00Z",
    "/dashboard/limits?domain={domain}",
    "/dashboard/cache-breaks?domain={domain}&clientKey=7",
    "/api/batches?domain={domain}&clientKey=7",
    "/api/cache-breaks",
    "/dashboard/findings?domain={domain}&kind=retries",
    "/dashboard/findings?before={exchange}_0",
    "/api/findings",
    "/api/findings?domain={domain}&kind=retries",
    "/api/cache-breaks?domain={domain}&model=m",
    "/api/limits?domain={domain}",
    "/api/stats",
    "/api/stats?since=2026-07-01T00:00:00Z&domain={domain}",
    "/api/requests",
    "/api/requests?limit=50&offset=500",
    "/api/requests?limit=50&offset=500&domain={domain}",
    "/api/requests?before={exchange}",
    "/api/domains",
    "/api/pipeline",
    "/api/storage",
]
ONE = [
    *(path for path in _OF_PAGES if "{" in path),
    "/dashboard/request/{exchange}?view=raw",
    "/api/requests/{exchange}",
    "/api/requests/{exchange}/diff?against={exchange}",
    "/api/requests/{exchange}/raw/request",
    "/api/requests/{exchange}/raw/response",
]
# What a list of so many passes over and shows, once for each of four months.
ROWS = 4 * (500 + 50 + 1)


@pytest.fixture(scope="module")
def traffic(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Names that occur in months of traffic."""
    with django_db_blocker.unblock(), months_of_traffic():  # type: ignore[attr-defined]  # pytest-django exports no type
        domain = DomainTotal.objects.order_by("-requests").values_list("domain", flat=True)[3]
        august = Exchange.objects.filter(domain=domain, started_at__lt=datetime(2026, 8, 20, tzinfo=UTC))
        row = august.filter(session_id__gt="", outcome="complete").latest("id")
        talk = conversation_id(domain, row.session_id, b"")
        yield {"domain": domain, "exchange": str(row.id), "session": str(talk)}


def asked(path: str, traffic: dict[str, str]) -> list[Statement]:
    """What a request for a path asks of the database."""
    client = Client(headers={"X-API-Key": settings.DASHBOARD_API_KEY})
    client.post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY})

    def get() -> None:
        assert client.get(path.format(**traffic)).status_code == 200

    return statements_of(get)


@pytest.mark.parametrize("path", [*LISTS, *ONE])
def test_no_partition_is_read_from_end_to_end(path: str, traffic: dict[str, str]) -> None:
    scans = [scan for statement in asked(path, traffic) for scan in statement.scans]

    assert [scan for scan in scans if scan.how == "Seq Scan" and scan.rows] == []
    assert sum(scan.rows for scan in scans) <= ROWS


@pytest.mark.parametrize("path", LISTS)
def test_no_list_names_a_table_of_bodies(path: str, traffic: dict[str, str]) -> None:
    statements = asked(path, traffic)

    assert statements
    assert [
        statement.sql for statement in statements if any(f'"{table}"' in statement.sql for table in BODIES)
    ] == []


@pytest.mark.parametrize("path", ONE)
def test_one_exchange_is_looked_for_in_its_month_alone(path: str, traffic: dict[str, str]) -> None:
    months = {scan.month for statement in asked(path, traffic) for scan in statement.scans if scan.rows}

    assert months == {"2026_08"}


@pytest.mark.parametrize("path", ["/dashboard/requests?before={exchange}", "/api/requests?before={exchange}"])
def test_a_page_deep_in_a_list_passes_over_later_months(path: str, traffic: dict[str, str]) -> None:
    planned = {scan.month for statement in asked(path, traffic) for scan in statement.scans}

    assert planned == {"2026_07", "2026_08"}


def test_token_stats_ask_no_partition(traffic: dict[str, str]) -> None:
    statements = statements_of(token_stats.all_domains)

    assert [statement.scans for statement in statements] == [[]]
