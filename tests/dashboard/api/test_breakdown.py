"""Sums by one dimension, over time, and why they differ: each answer adds up to the traffic that was made."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from tests import people
from tests.accounts.people import make_client_key
from tests.roles import as_owner

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
PERIOD = "from=2026-11-20T00:00Z&to=2026-11-21T00:00Z"

pytestmark = pytest.mark.django_db


@pytest.fixture
def spending() -> None:
    """Ann spends 3 USD at noon and 1 the day before, Bob 2 in the evening, with a tool and an error."""
    people.make_exchange(at=NOON, user_id="ann", cost_usd=Decimal(3), model="claude-opus-4-1")
    people.make_exchange(
        at=NOON - timedelta(days=1), user_id="ann", cost_usd=Decimal(1), model="claude-opus-4-1"
    )
    people.make_exchange(
        at=NOON + timedelta(hours=6),
        user_id="bob",
        cost_usd=Decimal(2),
        tool_names=["Bash", "Bash"],
        outcome="upstream_error",
        error_type="overloaded_error",
        domain="b.example",
    )


def asked(program: Client, path: str, status: int = 200) -> Any:
    response = program.get(f"/api/{path}")
    assert response.status_code == status, response.content
    return response.json()


def keys(report: Any) -> list[tuple[str, float]]:
    return [(row["key"], row["values"]["costUsd"]) for row in report["rows"]]


@pytest.mark.usefixtures("spending")
@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("person", [("ann", 3.0), ("bob", 2.0)]),
        ("model", [("claude-opus-4-1", 3.0), ("claude-sonnet-4-5", 2.0)]),
        ("domain", [("api.example.com", 3.0), ("b.example", 2.0)]),
        ("tool", [("Bash", 2.0)]),
        ("errorType", [("overloaded_error", 2.0)]),
        ("outcome", [("complete", 3.0), ("upstream_error", 2.0)]),
    ],
)
def test_a_breakdown_has_a_row_for_each_value_the_most_expensive_first(
    program: Client, by: str, rows: list[tuple[str, float]]
) -> None:
    assert keys(asked(program, f"breakdown?by={by}&{PERIOD}")) == rows


@pytest.mark.usefixtures("spending")
def test_a_row_says_its_share_and_what_it_was_in_the_period_before(program: Client) -> None:
    report = asked(program, f"breakdown?by=person&metrics=costUsd,requests,errors&{PERIOD}")

    ann, bob = report["rows"]
    assert (ann["share"], ann["previous"]) == (0.6, {"costUsd": 1.0, "requests": 1, "errors": 0})
    assert bob["values"] == {"costUsd": 2.0, "requests": 1, "errors": 1}
    assert report["total"]["costUsd"] == 5
    assert report["previousTotal"]["costUsd"] == 1
    assert (report["previousSince"], report["previousUntil"]) == (
        "2026-11-19T00:00:00Z",
        "2026-11-20T00:00:00Z",
    )


@pytest.mark.usefixtures("spending")
def test_the_rows_that_a_limit_leaves_out_are_counted(program: Client) -> None:
    report = asked(program, f"breakdown?by=person&limit=1&{PERIOD}")

    assert (keys(report), report["more"]) == ([("ann", 3.0)], 1)


def test_a_client_key_is_called_by_its_name(program: Client) -> None:
    with as_owner():
        key, _ = make_client_key(name="build server")
    people.make_exchange(at=NOON, client_key=str(key.pk), cost_usd=Decimal(1))

    [row] = asked(program, f"breakdown?by=clientKey&clientKey=build+server&{PERIOD}")["rows"]

    assert (row["key"], row["label"]) == (str(key.pk), "build server")


@pytest.mark.usefixtures("spending")
def test_a_filter_holds_where_the_sums_know_it_and_is_refused_elsewhere(program: Client) -> None:
    assert keys(asked(program, f"breakdown?by=person&domain=b.example&{PERIOD}")) == [("bob", 2.0)]
    assert keys(asked(program, f"breakdown?by=person&person=ann&{PERIOD}")) == [("ann", 3.0)]
    refused = asked(program, f"breakdown?by=person&model=x&{PERIOD}", 422)
    assert "sums by person cannot be filtered by it" in str(refused)
    assert "metrics: there is no nonsense" in str(
        asked(program, f"breakdown?by=person&metrics=nonsense&{PERIOD}", 422)
    )


@pytest.mark.usefixtures("spending")
def test_a_series_has_a_point_for_each_bar(program: Client) -> None:
    report = asked(program, f"series?by=person&metrics=costUsd&{PERIOD}")

    assert (report["step"], [row["key"] for row in report["series"]]) == ("hour", ["ann", "bob"])
    for row, hour, cost in zip(report["series"], (12, 18), (3.0, 2.0), strict=True):
        values = [point["values"]["costUsd"] for point in row["points"]]
        assert values == [cost if at == hour else 0 for at in range(24)]


def test_what_has_no_series_of_its_own_is_together(program: Client) -> None:
    for number in range(9):
        people.make_exchange(at=NOON, user_id=f"person {number}", cost_usd=Decimal(10 - number))

    rows = asked(program, f"series?by=person&metrics=costUsd&{PERIOD}")["series"]

    assert [row["key"] for row in rows] == [*(f"person {number}" for number in range(6)), None]
    assert rows[-1]["points"][12]["values"]["costUsd"] == 4 + 3 + 2


@pytest.mark.usefixtures("spending")
def test_a_difference_is_explained_by_what_moved_it_most(program: Client) -> None:
    report = asked(program, f"explain?{PERIOD}")

    assert (report["before"], report["now"], report["difference"]) == (1, 5, 4)
    found = {(row["by"], row["key"]): (row["difference"], row["share"]) for row in report["contributors"]}
    assert found["person", "ann"] == found["person", "bob"] == (2, 0.5)
    assert found["errorType", "overloaded_error"] == (2, 0.5)
    moved = [abs(row["difference"]) for row in report["contributors"]]
    assert moved == sorted(moved, reverse=True)
    assert report["notBy"] == []


@pytest.mark.usefixtures("spending")
def test_any_two_windows_are_compared(program: Client) -> None:
    window = "from=2026-11-20T12:00Z&to=2026-11-20T13:00Z&againstFrom=2026-11-20T18:00Z&againstTo=2026-11-20T19:00Z"

    report = asked(program, f"explain?metric=requests&{window}")
    assert (report["before"], report["now"]) == (1, 1)
    assert {(row["key"], row["difference"]) for row in report["contributors"] if row["by"] == "person"} == {
        ("ann", 1),
        ("bob", -1),
    }
    assert "belong together" in str(asked(program, f"explain?{PERIOD}&againstFrom=2026-11-20T18:00Z", 422))


@pytest.mark.usefixtures("spending")
def test_an_explanation_says_what_its_filter_leaves_out(program: Client) -> None:
    report = asked(program, f"explain?person=ann&{PERIOD}")

    assert (report["before"], report["now"]) == (1, 3)
    assert {row["by"] for row in report["contributors"]} == {"person"}
    assert "model" in report["notBy"]
    assert "give it alone" in str(asked(program, f"explain?person=ann&model=x&{PERIOD}", 422))
