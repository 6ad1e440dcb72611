"""Sums by session and by agent: over a period, over time, beside another period, and what is said of months that went."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation, DroppedMonth
from tests.conversations.clients import Thread, World, text
from tests.dashboard.api.test_breakdown import PERIOD, asked
from tests.roles import as_owner
from tests.store.conversations.replayed import record_of
from tests.store.records import make_batch

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@as_owner()
def run(session: str, at: datetime, turns: int, agent: str = "", domain: str = "a.example") -> None:
    """So many requests of a session, a minute apart."""
    world = World(sum(f"{session}{agent}{at}".encode()))
    thread = Thread(world, agent=agent)
    for number in range(turns):
        thread.ask(f"{session} {number}", [text("Well.")])
    ingest.ingest(
        make_batch(
            *(
                record_of(
                    replace(sent, session=session, started_at=at + number * timedelta(minutes=1)), domain
                )
                for number, sent in enumerate(world.sent)
            )
        )
    )


def id_of(session: str) -> str:
    return str(Conversation.objects.get(session_id=session).id)


@pytest.fixture
def talks() -> None:
    """One runs three turns at noon, five in the evening by an agent and two the day before; two others run a little."""
    run("one", NOON, 3)
    run("one", NOON + timedelta(hours=6), 5, agent="a1")
    run("one", NOON - timedelta(days=1), 2)
    run("two", NOON + timedelta(minutes=10), 4)
    run("three", NOON + timedelta(hours=1), 1, domain="b.example")


@pytest.mark.usefixtures("talks")
def test_sessions_are_ranked_beside_the_period_before(program: Client) -> None:
    report = asked(program, f"breakdown?by=session&metrics=requests,costUsd&{PERIOD}")

    found = [(row["key"], row["label"], row["values"]["requests"], row["share"]) for row in report["rows"]]
    assert found == [
        (id_of("one"), "one", 8, 8 / 13),
        (id_of("two"), "two", 4, 4 / 13),
        (id_of("three"), "three", 1, 1 / 13),
    ]
    assert [row["previous"]["requests"] for row in report["rows"]] == [2, 0, 0]
    assert (report["total"]["requests"], report["previousTotal"]["requests"], report["more"]) == (13, 2, 0)
    assert report["total"]["costUsd"] == pytest.approx(
        sum(row["values"]["costUsd"] for row in report["rows"])
    )
    assert report["notKnownBefore"] is None


@pytest.mark.usefixtures("talks")
def test_agents_are_told_apart_and_the_main_thread_has_no_name(program: Client) -> None:
    report = asked(program, f"breakdown?by=agent&metrics=requests&limit=2&{PERIOD}")

    assert [(row["key"], row["label"], row["values"]["requests"]) for row in report["rows"]] == [
        (f"{id_of('one')}/a1", "one/a1", 5),
        (f"{id_of('two')}/", "two/", 4),
    ]
    assert (report["total"]["requests"], report["more"]) == (13, 2)


@pytest.mark.usefixtures("talks")
@pytest.mark.parametrize(
    ("by", "chosen", "requests"),
    [
        ("session", "session=one", [8]),
        ("agent", "session=one", [5, 3]),
        ("session", "agent=a1", [5]),
        ("session", "domain=b.example", [1]),
        ("session", "session=one&domain=b.example", []),
        ("session", "session=nobody", []),
    ],
)
def test_sessions_and_agents_are_filtered_by_each_other_and_by_domain(
    program: Client, by: str, chosen: str, requests: list[int]
) -> None:
    report = asked(program, f"breakdown?by={by}&metrics=requests&{chosen}&{PERIOD}")

    assert [row["values"]["requests"] for row in report["rows"]] == requests
    assert report["total"]["requests"] == sum(requests)
    assert "cannot be filtered by it" in str(asked(program, f"breakdown?by={by}&model=x&{PERIOD}", 422))


@pytest.mark.usefixtures("talks")
def test_a_key_is_a_filter_as_well(program: Client) -> None:
    report = asked(program, f"breakdown?by=agent&metrics=requests&session={id_of('one')}&{PERIOD}")

    assert [row["label"] for row in report["rows"]] == ["one/a1", "one/"]


@pytest.mark.usefixtures("talks")
@pytest.mark.parametrize("metric", ["totalTokens", "averageMs", "errors", "inputTokens"])
def test_any_metric_ranks_them(program: Client, metric: str) -> None:
    rows = asked(program, f"breakdown?by=session&metrics={metric},requests&{PERIOD}")["rows"]

    values = [row["values"][metric] for row in rows]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)


@pytest.mark.usefixtures("talks")
def test_a_series_has_the_hours_of_a_session(program: Client) -> None:
    report = asked(program, f"series?by=session&metrics=requests&{PERIOD}")

    assert [row["label"] for row in report["series"]] == ["one", "two", "three"]
    assert [point["values"]["requests"] for point in report["series"][0]["points"]] == [
        {12: 3, 18: 5}.get(hour, 0) for hour in range(24)
    ]


def test_sessions_without_a_series_of_their_own_are_together(program: Client) -> None:
    for number in range(8):
        run(f"talk-{number}", NOON + number * timedelta(minutes=10), 9 - number)

    rows = asked(program, "series?by=session&metrics=requests&from=2026-11-18T00:00Z&to=2026-11-22T00:00Z")[
        "series"
    ]

    assert [row["key"] for row in rows] == [*(id_of(f"talk-{number}") for number in range(6)), None]
    assert [point["values"]["requests"] for point in rows[-1]["points"]] == [0, 0, 3 + 2, 0]


@pytest.mark.usefixtures("talks")
def test_sessions_and_agents_explain_a_difference(program: Client) -> None:
    report = asked(program, f"explain?metric=requests&{PERIOD}")

    found = {(row["by"], row["label"]): row["difference"] for row in report["contributors"]}
    assert (found["session", "one"], found["session", "two"], found["session", "three"]) == (6, 4, 1)
    assert (found["agent", "one/a1"], found["agent", "one/"]) == (5, 1)
    alone = asked(program, f"explain?metric=requests&session=one&{PERIOD}")
    assert (alone["before"], alone["now"], alone["notBy"][:2]) == (2, 8, ["model", "domain"])
    assert {row["by"] for row in alone["contributors"]} == {"session", "agent"}


@pytest.mark.usefixtures("talks")
def test_a_period_that_reaches_into_a_dropped_month_says_since_when_it_knows(program: Client) -> None:
    with as_owner():
        DroppedMonth.objects.create(month=datetime(2026, 9, 1, tzinfo=UTC), metadata_dropped_at=NOON)
        DroppedMonth.objects.create(month=datetime(2026, 10, 1, tzinfo=UTC), bodies_dropped_at=NOON)
    window = "from=2026-10-15T00:00Z&to=2026-11-21T00:00Z"

    assert asked(program, f"breakdown?by=session&{window}")["notKnownBefore"] == "2026-10-01T00:00:00Z"
    assert asked(program, f"breakdown?by=person&{window}")["notKnownBefore"] is None
    assert asked(program, f"breakdown?by=session&{PERIOD}")["notKnownBefore"] is None
