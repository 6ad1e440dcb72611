"""Who is bound to domains finds no trace of any other: each address says the same whether the other one has traffic or not.

So there is nothing to look for and nothing to forget: ids, names, counts, totals, lists with counts and titles are all in what is
compared. That the other domain is to be seen on a page at all is what the reader of everything finds there.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.api import registry as api_registry
from dashboard.pages import registry as page_registry
from dashboard.pages.overview import view as overview
from dashboard.queries import narrowed, running
from dashboard.queries.sums import colours
from tests import people
from tests.dashboard.narrowing import addresses
from tests.dashboard.narrowing.domains import STOPS, WORD, Marked, bound, make_traffic

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("frozen", "store"),
    pytest.mark.timeout(900),  # hundreds of pages
]
MINE, OTHER = "mine.team.example", "other.example"
# What differs between any two answers.
_TOKENS = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]+"')
# Told by proxies, and by nothing that lies in the database: tests of their own.
LIVE = {"/api/live"}


@pytest.fixture
def frozen() -> Iterator[None]:
    with time_machine.travel(timezone.now(), tick=False):
        yield


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LISTENED_SECONDS", 0.01)
    monkeypatch.setattr(narrowed, "KEPT_SECONDS", 0)
    monkeypatch.setattr(overview._prices, "_seconds", 0)


@pytest.fixture
def mine() -> Marked:
    return make_traffic("mine", MINE, 5)


def all_addresses(known: Marked) -> list[tuple[str, str]]:
    return [*addresses.pages(known), *addresses.operations(known)]


def said(client: Client, address: str) -> tuple[int, bytes]:
    response = client.get(address)
    content = _read(response) if response.streaming else response.content
    return response.status_code, _TOKENS.sub(b"", content)


def _read(response: Any) -> bytes:
    async def whole() -> bytes:
        return b"".join([chunk async for chunk in response.streaming_content])

    return async_to_sync(whole)()


def everything_said(client: Client, known: Marked) -> dict[str, tuple[int, bytes]]:
    return {address: said(client, address) for _, address in all_addresses(known)}


def signed_in_as(name: str, *patterns: str) -> Client:
    client = Client()
    client.force_login(bound(name, *patterns))
    return client


def test_no_address_says_anything_else_because_of_another_domain(mine: Marked) -> None:
    ann, program = (
        signed_in_as("ann", "*.team.example"),
        Client(headers={"X-API-Key": settings.DASHBOARD_API_KEY}),
    )
    alone, shown_alone = (everything_said(client, mine) for client in (ann, program))

    make_traffic("another", OTHER, 4)

    together, shown_together = (everything_said(client, mine) for client in (ann, program))
    assert [address for address, what in alone.items() if together[address] != what] == []
    # What narrows opens, and what is of all domains does not.
    every = all_addresses(mine)
    assert {address for _, address in every if alone[address][0] != 200} == {
        address for name, address in every if is_closed(name)
    }
    # On each that narrows there is something of the other domain for who sees all: else the first assertion says nothing of it.
    differing = {name for name, address in every if shown_alone[address] != shown_together[address]}
    assert {
        name for name, _ in every if not (has_id(name) or is_closed(name) or name in LIVE)
    } - differing == set()


@pytest.mark.usefixtures("mine")
def test_what_another_domain_has_is_looked_for_and_refused_as_what_nobody_has() -> None:
    ann, other, nothing = signed_in_as("ann", MINE), make_traffic("another", OTHER, 4), made_up("nowhere")

    differing = {}
    for (_, there), (_, nowhere) in zip(naming(other, "another"), naming(nothing, "nowhere"), strict=True):
        found, missing = (asked(ann, address) for address in (there, nowhere))
        if found != missing:
            differing[there] = [pair for pair in zip_longest(found, missing) if pair[0] != pair[1]]
    assert differing == {}


def made_up(mark: str) -> Marked:
    """Names as long as those of the other domain."""
    at = people.hours_ago(4)
    ids = [people.make_id(at) for _ in range(3)]
    return Marked("where.example", ids[0], uuid4(), f"session-{mark}", ids[1], ids[2], STOPS + 99, "999")


def naming(known: Marked, mark: str) -> Iterator[tuple[str, str]]:
    """Every address that names something of a domain: in its path, or by a parameter."""
    yield from ((name, address) for name, address in all_addresses(known) if has_id(name))
    yield from (("session", f"/dashboard/session/{name}") for name in (known.session, known.former))
    for path, names in {path: addresses.of_filter(path) for path, _ in addresses.operations(known)}.items():
        needed = {
            name: addresses.GIVEN[name] for name in ("q", "by", "metric") if name in names and "{" not in path
        }
        for name, value in known.values(mark).items():
            if name in names:
                yield path, f"{path}?{urlencode(needed | {name: value})}"
    for page in ("", "/requests", "/sessions"):
        yield from (
            (page, f"/dashboard{page}?{urlencode({name: value})}")
            for name, value in known.values(mark).items()
        )
    yield "live", f"/dashboard/live?part=names&session={known.session}"
    yield "search", f"/dashboard/search?q={WORD}&conversation={known.conversation}"
    yield "search", f"/dashboard/search?q={WORD}&before={known.exchange}"


def asked(client: Client, address: str) -> list[str]:
    """What is said, and what PostgreSQL is asked for it, without the names in the address."""
    colours._orders.clear()  # asked for once by each process and reader
    with CaptureQueriesContext(connection) as queries:
        status, content = said(client, address)
    return [str(status), _nameless(content), *(_nameless(query["sql"].encode()) for query in queries)]


def _nameless(content: bytes) -> str:
    for name in (
        rb"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}",
        rb"another|nowhere",
        rb"(other|where)\.example",
        rb"\bs\d+_x\d+\b",  # a savepoint
        rb"7000000\d\d",  # a stop
        rb"\b\d+ms\b",  # what is left of the time of a search
    ):
        content = re.sub(name, b"", content)
    return content.decode("latin-1")


def has_id(name: str) -> bool:
    """Whether an address is of a single thing, where another domain is nothing to anybody."""
    return "{" in name or name in {"session", "request", "request_diff"}


def is_closed(name: str) -> bool:
    """Whether a page, or the operation of a path, is of all domains."""
    if any(page.name == name and not page.is_narrowed for page in page_registry.PAGES):
        return True
    closed = {resource.__name__.rpartition(".")[2] for resource in api_registry.OF_ALL_DOMAINS}
    return name.startswith("/api/") and name.split("/")[2] in closed
