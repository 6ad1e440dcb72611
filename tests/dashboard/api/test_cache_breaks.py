"""`/api/cache-breaks`: breaks of a period in their order, their sums, and the break of one request."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client

from accounts.models import ClientKey
from dashboard.queries import cache_breaks
from proxy.store.models import moment_of
from tests import people
from tests.accounts.people import make_client_key, make_domain
from tests.dashboard.found import CONVERSATION, make_break
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


def ids(program: Client, query: str = "") -> list[str]:
    return [found["requestId"] for found in program.get(f"/api/cache-breaks?{query}").json()["breaks"]]


@pytest.fixture
def key() -> ClientKey:
    with as_owner():
        return make_client_key(make_domain().name, name="build server")[0]


def test_a_break_has_its_turn_its_loss_and_its_cause(program: Client, key: ClientKey) -> None:
    exchange = people.make_exchange(model="model-x", client_key=str(key.pk), domain="b.example")
    row = make_break(exchange, by_api=True)
    [found] = program.get("/api/cache-breaks").json()["breaks"]

    assert found == {
        "requestId": str(exchange.id),
        "conversationId": str(CONVERSATION),
        "parentId": str(row.parent),
        "domain": "b.example",
        "startedAt": exchange.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "model": "model-x",
        "clientKey": "build server",
        "lostTokens": 20_000,
        "avoidableUsd": 0.069,
        "avoidable": "0.069",
        "cause": "tool changed",
        "at": "tool Bash",
        "byApi": True,
    }


def test_each_order_begins_with_its_greatest(program: Client) -> None:
    cheap = make_break(lost_tokens=90_000, avoidable_usd=None)
    dear = make_break(lost_tokens=5_000, avoidable_usd=Decimal(2))
    newest = make_break(lost_tokens=6_000, avoidable_usd=Decimal(1))

    assert ids(program) == [str(row.id) for row in (dear, newest, cheap)]
    assert ids(program, "sort=lostTokens") == [str(row.id) for row in (cheap, newest, dear)]
    assert ids(program, "sort=newest") == [str(row.id) for row in (newest, dear, cheap)]
    assert ids(program, "limit=1") == [str(dear.id)]
    assert program.get("/api/cache-breaks?limit=1").json()["more"] is True
    assert program.get("/api/cache-breaks").json()["more"] is False


def test_causes_are_summed_over_the_period_the_dearest_first(program: Client) -> None:
    make_break(cause="unknown", avoidable_usd=None, at="")
    make_break(cause="unknown", avoidable_usd=Decimal(1), at="")
    make_break(avoidable_usd=Decimal("1.5"))
    found = program.get("/api/cache-breaks?cause=unknown").json()

    assert [(part["cause"], part["breaks"], part["avoidable"]) for part in found["causes"]] == [
        ("tool changed", 1, "1.5"),
        ("unknown", 2, "1"),
    ]
    assert found["causes"][0]["toDo"].startswith("Keep dates, counts")
    assert found["total"] == {"breaks": 2, "lostTokens": 40_000, "avoidableUsd": 1.0, "avoidable": "1"}
    assert [each["at"] for each in found["breaks"]] == [None, None]


def test_the_filter_asks_breaks_and_their_exchanges(program: Client, key: ClientKey) -> None:
    old = make_break(people.make_exchange(at=datetime(2026, 7, 20, tzinfo=UTC)))
    other = make_break(
        people.make_exchange(model="model-x", client_key=str(key.pk), domain="b.example", session_id="s-1")
    )

    assert ids(program, "to=2026-08-01") == [str(old.id)]
    for query in ("from=2026-08-01", "domain=b.ex", "model=model-x", "clientKey=build+server", "session=s-1"):
        assert ids(program, query) == [str(other.id)], query
    assert ids(program, "model=model-x&clientKey=nobody") == []


def test_it_looks_at_so_many_and_says_how_far_back(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [make_break() for _ in range(3)]
    monkeypatch.setattr(cache_breaks, "MOST", 2)
    found = program.get("/api/cache-breaks?sort=newest").json()

    assert [each["requestId"] for each in found["breaks"]] == [str(row.id) for row in rows[:0:-1]]
    assert found["total"]["breaks"] == 2
    assert found["lookedBackTo"].startswith(f"{moment_of(rows[1].id):%Y-%m-%dT%H:%M:%S}")


def test_with_a_filter_of_exchanges_it_looks_at_fewer(
    program: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_breaks, "MOST_ASKED", 1)
    make_break()
    newer = make_break()

    assert ids(program, "model=claude-sonnet-4-5") == [str(newer.id)]
    assert len(ids(program)) == 2


@pytest.mark.parametrize("query", ["cause=bad+luck", "sort=oldest", "tool=Bash", "limit=0"])
def test_what_it_cannot_use_is_refused(program: Client, query: str) -> None:
    response = program.get(f"/api/cache-breaks?{query}")

    assert response.status_code == 422
    assert "Parameters: period, from, to, zone, domain, model" in response.json()["error"]["message"]


def test_secrets_in_names_of_tools_are_masked(program: Client) -> None:
    make_break(at="tool sk-ant-api03-the-teams-secret-key-0001")

    assert program.get("/api/cache-breaks").json()["breaks"][0]["at"] == "tool sk-ant-****"


def test_figures_alone_open_it(client: Client) -> None:
    client.force_login(people.reader("analyst", "view_figures"))

    assert client.get("/api/cache-breaks").status_code == 200


def test_a_request_has_its_break_or_none(program: Client) -> None:
    row = make_break()
    other = people.make_exchange()

    assert program.get(f"/api/requests/{row.id}").json()["cacheBreak"] == {
        "lostTokens": 20_000,
        "avoidableUsd": 0.069,
        "avoidable": "0.069",
        "cause": "tool changed",
        "at": "tool Bash",
        "byApi": False,
    }
    assert program.get(f"/api/requests/{other.id}").json()["cacheBreak"] is None
