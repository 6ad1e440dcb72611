"""What the filter finds of stored exchanges: what it says and nothing else, without reading further than its bounds."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries import exchanges, filtering
from proxy.record import CLIENT_LEFT, UPSTREAM_ERROR
from tests import people
from tests.accounts.people import make_client_key

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(microsecond=0)
SPECIAL: dict[str, dict[str, Any]] = {
    "plain": {},
    "other domain": {"domain": "b.example.com"},
    "model": {"model": "claude-opus-5-5"},
    "account": {"account": "an-account"},
    "key": {"client_key": "laptop"},
    "person": {"user_id": "ada"},
    "session": {"session_id": "s-1"},
    "agent": {"agent_id": "agent-7"},
    "type": {"request_type": "count_tokens"},
    "left": {"outcome": CLIENT_LEFT, "status": 0},
    "busy": {"outcome": UPSTREAM_ERROR, "status": 529, "error_type": "overloaded_error"},
    "stopped": {"stop_reason": "max_tokens"},
    "tool": {"tool_names": ["Bash", "Read"]},
    "dear": {"cost_usd": Decimal("2.5")},
    "slow": {"duration_ms": 90_000, "first_byte_ms": 30_000},
    "old": {"at": NOW - timedelta(days=3)},
}


@pytest.fixture
def stored() -> dict[UUID, str]:
    """One exchange for each name of SPECIAL, a minute apart; the ids with their names."""
    made = {}
    for minute, (name, fields) in enumerate(SPECIAL.items()):
        defaults = {"at": NOW - timedelta(minutes=minute + 1), "duration_ms": 100, "first_byte_ms": 50}
        row = people.make_exchange(**{**defaults, "cost_usd": Decimal("0.01"), **fields})
        made[row.id] = name
    return made


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (Filter(domain="b.example.com"), {"other domain"}),
        (Filter(domain="b.exam"), {"other domain"}),
        (Filter(domain="nowhere"), set()),
        (Filter(model="claude-opus-5-5"), {"model"}),
        (Filter(account="an-account"), {"account"}),
        (Filter(client_key="laptop"), {"key"}),
        (Filter(person="ada"), {"person"}),
        (Filter(session="s-1"), {"session"}),
        (Filter(agent="agent-7"), {"agent"}),
        (Filter(type="count_tokens"), {"type"}),
        (Filter(outcome=CLIENT_LEFT), {"left"}),
        (Filter(status="529"), {"busy"}),
        (Filter(status="5xx"), {"busy"}),
        (Filter(error_type="overloaded_error"), {"busy"}),
        (Filter(stop_reason="max_tokens"), {"stopped"}),
        (Filter(tool="Bash"), {"tool"}),
        (Filter(tool="Bas"), set()),
        (Filter(min_cost_usd=Decimal("2.5")), {"dear"}),
        (Filter(min_duration_ms=90_000), {"slow"}),
        (Filter(min_first_byte_ms=30_000), {"slow"}),
        (Filter(status="5xx", model="claude-opus-5-5"), set()),
        (Filter(until=NOW - timedelta(days=2)), {"old"}),
        (Filter(since=NOW - timedelta(minutes=2, seconds=30)), {"plain", "other domain"}),
    ],
)
def test_each_filter_finds_what_it_says(stored: dict[UUID, str], chosen: Filter, names: set[str]) -> None:
    found = exchanges.page(chosen, size=50)

    assert {stored[row.id] for row in found.rows} == names
    assert (found.older, found.looked_back_to) == (None, None)


def test_pages_of_a_filter_follow_each_other_and_miss_nothing(
    stored: dict[UUID, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "STEP", 3)
    chosen = Filter(type="inference")
    everything = [row.id for row in exchanges.page(chosen, size=50).rows]

    seen: list[UUID] = []
    before = None
    for _ in range(50):
        found = exchanges.page(chosen, before, 2)
        seen += [row.id for row in found.rows]
        before = found.older
        if before is None:
            break

    assert seen == everything == sorted((key for key, name in stored.items() if name != "type"), reverse=True)
    assert [row.id for row in exchanges.page(chosen, size=3, skip=4).rows] == everything[4:7]


def test_what_looks_in_vain_stops_says_how_far_it_came_and_goes_on_from_there(
    stored: dict[UUID, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "STEP", 2)
    monkeypatch.setattr(filtering, "MOST_ROWS", 6)
    chosen = Filter(tool="Bash")

    first = exchanges.page(chosen)
    assert first.rows == []
    assert first.looked_back_to is not None
    ids = sorted(stored, reverse=True)
    assert first.older == ids[5]

    second = exchanges.page(chosen, first.older)
    third = exchanges.page(chosen, second.older)
    assert [stored[row.id] for row in (*second.rows, *third.rows)] == ["tool"]


def test_the_time_is_a_bound_too(stored: dict[UUID, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filtering, "STEP", 2)
    monkeypatch.setattr(filtering, "MOST_SECONDS", -1.0)

    found = exchanges.page(Filter(tool="Bash"))

    assert (found.rows, found.older) == ([], sorted(stored, reverse=True)[1])


def test_a_total_is_told_where_the_counters_know_it(stored: dict[UUID, str]) -> None:
    assert exchanges.stored_total(Filter()) == len(stored)
    assert exchanges.stored_total(Filter(domain="b.example.com")) == 1
    assert exchanges.stored_total(Filter(model="claude-opus-5-5")) is None
    assert exchanges.stored_total(Filter(period="24h")) is None


def test_the_year_one_is_a_moment_like_any_other(stored: dict[UUID, str]) -> None:
    assert len(exchanges.page(Filter(since=datetime(1, 1, 2, tzinfo=UTC))).rows) == len(stored)
    assert exchanges.page(Filter(since=datetime(9998, 1, 1, tzinfo=UTC))).rows == []


def test_a_client_key_is_found_by_its_name() -> None:
    named = [make_client_key(domain, name="laptop")[0].pk for domain in ("a.example", "b.example")]
    other = make_client_key(name="phone")[0].pk
    rows = [people.make_exchange(client_key=str(key)) for key in (*named, other)]

    def found(name: str) -> set[UUID]:
        return {row.id for row in exchanges.page(Filter(client_key=name)).rows}

    assert found("laptop") == {row.id for row in rows[:2]}
    assert found(str(other)) == {rows[2].id}
    assert found("tablet") == set()
