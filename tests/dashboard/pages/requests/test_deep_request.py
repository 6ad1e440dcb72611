"""The page of a request of 600 messages and nine megabytes weighs little, comes soon, and reads the rest on demand."""

import gzip
import time

import pytest
from django.test import Client

from proxy.store.models import Exchange
from tests import people
from tests.dashboard.deep import MESSAGES, deep_request
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db
# The bars are 300 ms to the first byte, and 500 for nine megabytes; other work may hold this machine up.
SECONDS, PATIENCE = 0.5, 6


@pytest.fixture
def row() -> Exchange:
    """Such a request."""
    return people.make_exchange(request=deep_request())


def read(client: Client, row: Exchange, query: str) -> str:
    return text(client, f"/dashboard/request/{row.id}{query}")


# By the query of the page or of a part of it, in kilobytes.
HEAVIEST = {
    "": 40,
    "?view=raw": 40,
    "?part=history": 60,
    "?part=message&number=601": 60,
    "?part=json&side=request&at=/messages": 40,
    "?part=json&side=request&find=pytest": 40,
}


def test_each_part_of_it_is_light_and_comes_soon(signed_in: Client, row: Exchange) -> None:
    weights, seconds = {}, {}
    for query in HEAVIEST:
        moments = []
        for _ in range(3):
            began = time.perf_counter()
            page = read(signed_in, row, query)
            moments.append(time.perf_counter() - began)
        weights[query], seconds[query] = len(gzip.compress(page.encode(), 6)) / 1000, min(moments)
        print(f"{query or 'page'}: {weights[query]:.0f} kB, {seconds[query] * 1000:.0f} ms")

    assert {query: weight for query, weight in weights.items() if weight > HEAVIEST[query]} == {}
    assert max(seconds.values()) < SECONDS * PATIENCE


def test_what_came_before_is_a_line_a_message_with_each_result_beside_its_call(
    signed_in: Client, row: Exchange
) -> None:
    newest = read(signed_in, row, "?part=history")
    before = read(signed_in, row, "?part=history&until=450")
    opened = read(signed_in, row, "?part=message&number=4")

    assert newest.count("<article") == 150
    assert "<code>Bash: pytest -x tests/298</code>" in newest
    assert "characters: " in newest
    assert "450 messages before these" in newest
    assert f'id="message-{MESSAGES - 1}"' in newest
    assert "40 tools offered" in newest
    assert 'id="message-301"' in before
    assert "40 tools offered" not in before
    assert "pytest -x tests/1" in opened
    assert "Empty" in read(signed_in, row, "?part=message&number=9999")
