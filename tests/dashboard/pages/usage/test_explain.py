"""The page that explains a difference: who moved it, sorted by their part, each with its usage."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client

from dashboard.queries.sums.breakdowns import DIMENSIONS
from tests import people
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db
TWO = datetime(2026, 11, 20, 14, 10, tzinfo=UTC)
HOUR = "from=2026-11-20T14:00Z&to=2026-11-20T15:00Z"


@pytest.fixture
def jump() -> None:
    """At two o'clock Bob spends 6 USD on opus; Ann spends as much as in the hour before."""
    for hour in (0, 1):
        people.make_exchange(at=TWO - timedelta(hours=hour), user_id="ann", cost_usd=Decimal(2))
    people.make_exchange(at=TWO, user_id="bob", model="claude-opus-4-1", cost_usd=Decimal(6))


def contributors(page: str) -> list[tuple[str, str]]:
    """The dimension and the value of each, in their order."""
    found = re.findall(r'<span class="dimension">([^<]+)</span> <a href="[^"]+">([^<]+)</a>', page)
    return [(dimension, unescape(value)) for dimension, value in found]


@pytest.mark.usefixtures("jump")
def test_the_contributors_are_those_of_the_api_in_its_order(signed_in: Client, program: Client) -> None:
    page = text(signed_in, f"/dashboard/explain?{HOUR}")
    report: Any = program.get(f"/api/explain?{HOUR}").json()

    assert [value for _, value in contributors(page)] == [
        row["label"] or "(none)" for row in report["contributors"]
    ]
    assert ("Person", "bob") in contributors(page)
    assert ("Person", "ann") not in contributors(page)
    for figure in ("+$6.00", "$8.00", "$2.00", "+300 %"):
        assert figure in page


@pytest.mark.usefixtures("jump")
def test_what_stands_out_is_what_did_not_have_its_part_before(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/explain?{HOUR}")

    reasons = page.split('<ol class="reasons">')[1].split("</ol>")[0]
    assert {"bob", "claude-opus-4-1"} == set(re.findall(r'<a href="[^"]+">([^<]+)</a>', reasons))
    assert "(of all 0 % before)" in reasons


@pytest.mark.usefixtures("jump")
def test_each_contributor_leads_to_its_usage(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/explain?{HOUR}")

    [path] = {unescape(found) for found in re.findall(r'<a href="(/dashboard/usage[^"]+)">bob</a>', page)}
    assert path == (
        "/dashboard/usage?from=2026-11-20T14%3A00%3A00Z&to=2026-11-20T15%3A00%3A00Z&person=bob&by=person"
    )
    usage = text(signed_in, path)
    assert "$6.00" in usage
    assert "cannot be filtered" not in usage


@pytest.mark.usefixtures("jump")
def test_why_cost_jumped_is_three_clicks_from_the_overview(signed_in: Client) -> None:
    assert 'href="/dashboard/usage"' in text(signed_in, "/dashboard")
    usage = text(signed_in, "/dashboard/usage?from=2026-11-20T00:00Z&to=2026-11-21T00:00Z")
    [step] = re.findall(r'<a href="([^"]+)">Fri 20 Nov, 14:00 \+\$6.00</a>', usage)

    page = text(signed_in, unescape(step))

    assert "Fri 20 Nov 14:00 to 15:00 against Fri 20 Nov 13:00 to 14:00" in page
    assert ("Person", "bob") in contributors(page)


@pytest.mark.usefixtures("jump")
def test_the_same_hours_of_another_day_can_be_compared_with(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/explain?{HOUR}")
    [query] = re.findall(r'<a href="(\?[^"]+)">the day before</a>', page)

    moved = text(signed_in, f"/dashboard/explain{unescape(query)}")

    assert "against Thu 19 Nov 14:00 to 15:00" in moved
    assert ">the day before</a>" in moved
    assert ("Person", "ann") in contributors(moved)


@pytest.mark.usefixtures("jump")
def test_another_metric_is_explained_alike(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/explain?metric=requests&{HOUR}")

    assert '<p class="figure">+1</p>' in page
    assert ("Model", "claude-opus-4-1") in contributors(page)
    assert "metric: it is none of" in text(signed_in, "/dashboard/explain?metric=speed")


@pytest.mark.usefixtures("jump")
@pytest.mark.parametrize(
    ("query", "notice"),
    [
        ("person=bob&tool=Bash", "sums are kept by one of client key"),
        ("stopReason=max_tokens", "stopReason: this page cannot be filtered by it"),
        ("againstFrom=2026-11-20T14:00Z", "againstFrom and againstTo belong together"),
        ("againstFrom=soon&againstTo=2026-11-20T14:00Z", "againstFrom: it is no moment"),
    ],
)
def test_what_cannot_be_used_is_a_notice(signed_in: Client, query: str, notice: str) -> None:
    assert notice in text(signed_in, f"/dashboard/explain?{HOUR}&{query}")


@pytest.mark.usefixtures("jump")
def test_dimensions_that_a_filter_leaves_out_are_named(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/explain?person=bob&{HOUR}")

    left = page.split("cannot be filtered so: ")[1].split(".")[0].split(", ")
    assert set(left) == DIMENSIONS.keys() - {"person"}


def test_no_difference_and_no_traffic_are_told_apart(signed_in: Client) -> None:
    assert "No traffic yet" in text(signed_in, "/dashboard/explain")

    for hour in (0, 1):
        people.make_exchange(at=TWO - timedelta(hours=hour))

    assert "No difference" in text(signed_in, f"/dashboard/explain?{HOUR}")


def test_parts_of_a_difference_of_almost_nothing_are_not_told(signed_in: Client) -> None:
    people.make_exchange(at=TWO, model="model-a", cost_usd=Decimal("9.999"))
    people.make_exchange(at=TWO - timedelta(hours=1), model="model-b", cost_usd=Decimal(10))

    page = text(signed_in, f"/dashboard/explain?{HOUR}")

    assert "What stands out" not in page
    assert "less than 1 % cost" in page
    assert "999,900" not in page


@pytest.mark.usefixtures("jump")
def test_the_contributors_are_a_file(signed_in: Client) -> None:
    file = text(signed_in, f"/dashboard/explain?format=csv&{HOUR}")

    lines = [line for line in csv.DictReader(io.StringIO(file)) if line["by"] == "person"]
    assert [(line["value"], Decimal(line["difference"]), line["share"]) for line in lines] == [
        ("bob", Decimal(6), "1.0")
    ]
