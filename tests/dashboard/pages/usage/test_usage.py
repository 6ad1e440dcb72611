"""The page of usage: by any dimension, beside the period before, with bars that lead on."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from dashboard.queries.sums.breakdowns import DIMENSIONS
from tests import people
from tests.accounts.people import make_client_key
from tests.dashboard.pages.shown import text
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
DAY = "from=2026-11-20T00:00Z&to=2026-11-21T00:00Z"


@pytest.fixture
def spending() -> None:
    """Ann spends 1 USD a day before and 3 at noon, Bob 2 at one, with a tool, an error and a key."""
    people.make_exchange(at=NOON - timedelta(days=1), user_id="ann", cost_usd=Decimal(1))
    people.make_exchange(at=NOON, user_id="ann", cost_usd=Decimal(3), cost_state="partial")
    people.make_exchange(
        at=NOON + timedelta(hours=1),
        user_id="bob",
        cost_usd=Decimal(2),
        tool_names=["Bash"],
        outcome="upstream_error",
        error_type="overloaded_error",
        domain="b.example",
        account="other",
        client_key="a key",
        request_type="query_evaluation",
    )


def row(page: str, label: str) -> list[str]:
    """What the table says of a value, cell by cell."""
    table = page.split('<table class="usage">')[1].split("</table>")[0]
    [found] = [line for line in table.split("<tr>") if re.search(f">{re.escape(label)}(</a>)?</th>", line)]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", found, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in cells]


def leads(page: str, title: str) -> list[str]:
    """Where the bars of a chart lead."""
    chart = page.split(f"<figcaption>{title}")[1].split("</figure>")[0]
    return [unescape(found) for found in re.findall(r'<a class="bar" href="([^"]+)"', chart)]


def test_e0_the_usage_page_splits_by_model_and_domain(signed_in: Client) -> None:
    people.make_exchange(domain="a.example", model="model-a", cost_state="unpriced", cost_usd=None)
    people.make_exchange(domain="b.example", model="", at=people.hours_ago(2))

    by_model = text(signed_in, "/dashboard/usage")
    by_domain = text(signed_in, "/dashboard/usage?by=domain")

    assert "Requests per hour by model" in by_model
    assert "(none)" in by_model
    assert "Cost per hour by domain, USD" in by_domain
    assert '<th scope="row" class="name" title="a.example"><a class="only"' in by_domain
    assert ">a.example</a></th>" in by_domain


def test_the_usage_page_gathers_what_has_no_colour(signed_in: Client) -> None:
    for index in range(9):
        people.make_exchange(model=f"model-{index}")

    assert "everything else" in text(signed_in, "/dashboard/usage")


@pytest.mark.usefixtures("spending")
@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("model", "claude-sonnet-4-5"),
        ("domain", "b.example"),
        ("account", "other"),
        ("type", "query_evaluation"),
        ("clientKey", "a key"),
        ("person", "bob"),
        ("tool", "Bash"),
        ("errorType", "overloaded_error"),
        ("outcome", "upstream_error"),
    ],
)
def test_each_dimension_has_its_values_which_lead_on(signed_in: Client, by: str, value: str) -> None:
    assert by in DIMENSIONS

    page = text(signed_in, f"/dashboard/usage?by={by}&{DAY}")
    found = [unescape(query) for query in re.findall(r'<a class="only" href="([^"]*)"', page)]

    filtered = [parse_qs(urlsplit(address).query).get(by) for address in found if address.startswith("?")]
    assert [value] in filtered
    requests = [
        address for address in found if address.startswith("/dashboard/requests") and f"{by}=" in address
    ]
    assert [value] in [parse_qs(urlsplit(address).query)[by] for address in requests]
    assert signed_in.get(f"/dashboard/usage{found[0]}").status_code == 200
    assert "exchanges" in text(signed_in, requests[0])


@pytest.mark.usefixtures("spending")
def test_a_row_has_its_share_and_what_it_was_before(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/usage?by=person&{DAY}")

    assert row(page, "ann")[:6] == ["$3.00 partial", "60 %", "$1.00", "+$2.00 +200 %", "1", "0"]
    assert row(page, "bob")[:6] == ["$2.00", "40 %", "$0.00", "+$2.00 new", "1", "1"]
    assert row(page, "Total")[:6] == ["$5.00 partial", "", "$1.00", "+$4.00 +400 %", "2", "1"]


@pytest.mark.usefixtures("spending")
def test_what_there_was_only_before_is_in_the_table(signed_in: Client) -> None:
    page = text(signed_in, "/dashboard/usage?by=person&from=2026-11-20T13:00Z&to=2026-11-20T14:00Z")

    assert row(page, "ann")[:5] == ["$0.00", "0 %", "$3.00", "\N{MINUS SIGN}$3.00 \N{MINUS SIGN}100 %", "0"]


@pytest.mark.usefixtures("spending")
def test_the_total_has_each_request_once_whatever_it_is_split_by(signed_in: Client) -> None:
    people.make_exchange(at=NOON, cost_usd=Decimal(1), tool_names=["Bash", "Read"])

    for by in (name for name, each in DIMENSIONS.items() if not each.of_conversations):
        page = text(signed_in, f"/dashboard/usage?by={by}&{DAY}")
        assert row(page, "Total")[0] == "$6.00 partial"
        assert row(page, "Total")[4] == "3"


@pytest.mark.usefixtures("spending")
def test_tokens_by_kind_are_those_of_all_requests_and_nothing_is_drawn_of_nothing(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/usage?by=errorType&{DAY}")
    tools = text(signed_in, f"/dashboard/usage?by=tool&domain=api.example.com&{DAY}")

    assert re.search(r'title="input">input</span> <span class="dim">24</span>', page)
    assert "Cost per hour by tool" not in tools
    assert "Tokens per hour by kind" in tools


@pytest.mark.usefixtures("spending")
def test_a_filter_that_a_dimension_cannot_serve_is_a_notice(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/usage?by=person&model=other&{DAY}")

    assert "model: sums by person cannot be filtered by it" in page
    assert row(page, "ann")[0] == "$3.00 partial"
    assert "cannot be filtered" not in text(signed_in, f"/dashboard/usage?by=person&domain=b.example&{DAY}")


@pytest.mark.usefixtures("spending")
def test_without_a_dimension_the_first_is_taken_that_serves_the_filter(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/usage?person=bob&{DAY}")

    assert "By person" in page
    assert "cannot be filtered" not in page
    assert row(page, "Total")[0] == "$2.00"


@pytest.mark.usefixtures("spending")
def test_each_bar_leads_to_its_requests_or_its_day_with_the_same_filter(signed_in: Client) -> None:
    hours = text(signed_in, f"/dashboard/usage?by=person&person=ann&{DAY}")
    days = text(
        signed_in, "/dashboard/usage?by=person&person=ann&from=2026-11-18T00:00Z&to=2026-11-22T00:00Z"
    )

    for title in ("Cost per hour", "Requests per hour", "Tokens per hour"):
        assert leads(hours, title) == [
            "/dashboard/requests?from=2026-11-20T12%3A00%3A00Z&to=2026-11-20T13%3A00%3A00Z&person=ann"
        ]
    assert leads(days, "Cost per day")[-1] == (
        "/dashboard/usage?from=2026-11-20T00%3A00%3A00Z&to=2026-11-21T00%3A00%3A00Z&person=ann&by=person"
    )
    assert "<title>Fri 20 Nov, 12:00: $3.00\nann: $3.00</title>" in hours


@pytest.mark.usefixtures("spending")
def test_the_change_and_each_bar_can_be_explained(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/usage?domain=b.example&{DAY}")
    found = [unescape(path) for path in re.findall(r'href="(/dashboard/explain[^"]+)"', page)]

    queries = [parse_qs(urlsplit(path).query) for path in found]
    assert {query["domain"][0] for query in queries} == {"b.example"}
    assert (queries[0]["from"], queries[0]["againstFrom"]) == (
        ["2026-11-20T00:00:00Z"],
        ["2026-11-19T00:00:00Z"],
    )
    hour = queries[1]
    assert (hour["from"], hour["to"]) == (["2026-11-20T13:00:00Z"], ["2026-11-20T14:00:00Z"])
    assert (hour["againstFrom"], hour["againstTo"]) == (["2026-11-20T12:00:00Z"], ["2026-11-20T13:00:00Z"])
    assert "Fri 20 Nov, 13:00 +$2.00" in page
    assert "Explain" in text(signed_in, found[1])


def test_a_client_key_is_called_by_its_name_and_two_of_a_name_stay_apart(signed_in: Client) -> None:
    with as_owner():
        keys = [make_client_key(domain, name="laptop")[0].pk for domain in ("a.example", "b.example")]
    for key in keys:
        people.make_exchange(at=NOON, client_key=str(key), cost_usd=Decimal(key))

    page = text(signed_in, f"/dashboard/usage?by=clientKey&{DAY}")

    assert row(page, "laptop")[0] == f"${keys[1]}.00"
    assert row(page, "laptop (1)")[0] == f"${keys[0]}.00"


def test_no_secret_in_a_value_is_shown_or_put_into_an_address(signed_in: Client) -> None:
    secret = "sk-ant-api03-" + "a1B2" * 12
    people.make_exchange(at=NOON, user_id=secret)

    for path in ("usage?by=person", "usage?by=person&format=csv", "explain?", "explain?format=jsonl"):
        assert secret not in text(signed_in, f"/dashboard/{path}&{DAY}")


@pytest.mark.usefixtures("spending")
def test_the_table_is_a_file_with_every_digit(signed_in: Client) -> None:
    people.make_exchange(at=NOON, user_id="eve", cost_usd=Decimal("0.000216"))

    response = signed_in.get(f"/dashboard/usage?by=person&format=csv&{DAY}")
    lines = list(csv.DictReader(io.StringIO(response.content.decode())))

    assert response.headers["Content-Disposition"] == 'attachment; filename="usage-by-person.csv"'
    assert [(line["value"], line["costUsd"], line["costState"]) for line in lines] == [
        ("ann", "3", "partial"),
        ("bob", "2", "exact"),
        ("eve", "0.000216", "exact"),
    ]
    assert (lines[0]["previousCostUsd"], lines[0]["differenceUsd"]) == ("1", "2")
    assert (lines[1]["requests"], lines[1]["errors"], lines[1]["inputTokens"]) == ("1", "1", "12")


@pytest.mark.usefixtures("spending")
def test_the_table_is_json_lines(signed_in: Client) -> None:
    response = signed_in.get(f"/dashboard/usage?by=tool&format=jsonl&{DAY}")

    [line] = [json.loads(line) for line in response.content.decode().splitlines()]
    assert (line["by"], line["value"], line["costUsd"], line["share"]) == ("tool", "Bash", 2.0, 0.4)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_value_is_a_formula_for_a_spreadsheet(signed_in: Client, start: str) -> None:
    people.make_exchange(at=NOON, user_id=f"{start}1+1")

    file = text(signed_in, f"/dashboard/usage?by=person&format=csv&{DAY}")

    [line] = csv.DictReader(io.StringIO(file, newline=""))
    assert (line["value"], line["label"]) == (f"'{start}1+1", f"'{start}1+1")


def test_a_format_that_there_is_not_is_a_notice(signed_in: Client) -> None:
    assert "format: it is none of" in text(signed_in, "/dashboard/usage?format=xlsx")
