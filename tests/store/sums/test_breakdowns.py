"""Sums by value: each dimension adds up to what the rollups say, by hour and by day."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db.models import Sum

from proxy.dimensions import DIMENSIONS, LONGEST, OTHER
from proxy.metrics import SUMS
from proxy.store.ingest import batch as ingest
from proxy.store.models import Breakdown, DayBreakdown, Exchange, Rollup
from proxy.store.sums import breakdowns, folding
from proxy.store.sums.definitions import UNKNOWN_DOMAIN
from tests.roles import as_owner
from tests.store import random_traffic
from tests.store.records import ask, make_batch, make_closing, make_head, make_record, say

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
# Each exchange has one value of these, "" where it has none.
WHOLE = ("clientKey", "person", "outcome")


def values(dimension: str, name: str = "requests") -> dict[str, object]:
    rows = Breakdown.objects.filter(dimension=dimension).order_by("value")
    return dict(rows.values_list("value").annotate(total=Sum(name)))


def test_each_dimension_adds_up_to_the_rollups(prices: None) -> None:
    for batch in random_traffic.batches(Random(7), 200):
        ingest.ingest(make_batch(*batch))

    for model, of_value in ((Rollup, Breakdown), (Rollup, DayBreakdown)):
        stated = model.objects.aggregate(**{name: Sum(name) for name in SUMS})
        for dimension in WHOLE:
            found = of_value.objects.filter(dimension=dimension).aggregate(
                **{name: Sum(name) for name in SUMS}
            )
            assert found == stated
    assert {*Breakdown.objects.values_list("dimension", flat=True)} == {item.name for item in DIMENSIONS}


def test_an_exchange_counts_once_under_each_tool_that_its_answer_calls(prices: None) -> None:
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": {}}
        for n, name in enumerate(["Bash", "Read", "Bash"])
    ]
    ingest.ingest(make_batch(make_record(ask(), say(content=calls)), make_record(serial=2)))

    assert values("tool") == {"Bash": 1, "Read": 1}
    assert values("tool", "tool_calls") == {"Bash": 3, "Read": 3}


def test_a_failure_counts_under_its_type_and_one_that_is_none_under_no_type() -> None:
    failure = make_record(
        response=b"",
        closing=make_closing(outcome="upstream_error", status=529, error_type="overloaded_error"),
    )
    ingest.ingest(make_batch(failure, make_record(serial=2)))

    assert values("errorType") == {"overloaded_error": 1}
    assert values("outcome") == {"complete": 1, "upstream_error": 1}


def test_a_stranger_makes_no_rows_of_names_that_it_chose() -> None:
    body = ask(metadata={"user_id": "invented"})
    closing = make_closing(outcome="refused", status=401)
    ingest.ingest(
        make_batch(make_record(body, b"", head=make_head(NOON, domain="x.example"), closing=closing))
    )

    assert Breakdown.objects.get(dimension="person").value == ""
    assert Breakdown.objects.get(dimension="person").domain == UNKNOWN_DOMAIN


def test_what_costs_more_after_all_moves_in_its_rows_alone(prices: None) -> None:
    ingest.ingest(
        make_batch(make_record(), make_record(ask(model="unheard-of"), say(model="unheard-of"), serial=2))
    )
    [row] = Exchange.objects.filter(cost_usd__gt=0)
    dearer = Exchange.objects.get(pk=row.pk)
    dearer.cost_usd = row.cost_usd + Decimal(2)

    breakdowns.replace([row], [dearer])

    for model in (Breakdown, DayBreakdown):
        assert model.objects.get(dimension="outcome").cost_usd == dearer.cost_usd


@pytest.fixture
def folded() -> list[str]:
    """A day of five people, of whom two may stay: the one who asked three times, and another."""
    people = ["ann", "bob", "cleo", "dan", "ann", "ann", "eve"]
    moments = [NOON + timedelta(hours=number) for number in range(len(people))]
    ingest.ingest(
        make_batch(
            *(
                make_record(ask(metadata={"user_id": name}), head=make_head(moment), serial=number)
                for number, (name, moment) in enumerate(zip(people, moments, strict=True), 1)
            )
        )
    )
    with as_owner():
        assert folding.fold([NOON.date()], most=3) == 1
    return people


def test_the_smallest_of_a_crowded_day_become_one_value(folded: list[str]) -> None:
    assert values("person") == {OTHER: 3, "ann": 3, "bob": 1}
    assert dict(DayBreakdown.objects.filter(dimension="person").values_list("value", "requests")) == values(
        "person"
    )
    assert values("outcome") == {"complete": len(folded)}
    assert Breakdown.objects.filter(value=OTHER).count() == 3  # its hours are still separate
    with as_owner():
        assert folding.fold([NOON.date()], most=3) == 0


def test_what_comes_late_counts_with_the_others_where_it_has_no_row(folded: list[str]) -> None:
    late = [
        make_record(ask(metadata={"user_id": name}), head=make_head(NOON)) for name in ("cleo", "ann", "new")
    ]
    ingest.ingest(make_batch(*late))

    assert values("person") == {OTHER: 5, "ann": 4, "bob": 1}


def test_a_long_name_is_cut_alike_here_and_there() -> None:
    [tool] = [dimension for dimension in DIMENSIONS if dimension.name == "tool"]
    row = Exchange(tool_names=["x" * 300, "x" * 299 + "y"])

    assert tool.of(row) == ["x" * LONGEST]
