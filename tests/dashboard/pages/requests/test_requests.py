"""The list of requests."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.test import Client

from dashboard.api.resources.request_export.columns import COLUMNS as EXPORTED
from dashboard.pages.requests import columns, place
from proxy.store.models import Exchange
from tests import people
from tests.accounts.people import make_client_key
from tests.dashboard.api.test_request_export import export
from tests.dashboard.pages.shown import text
from tests.dashboard.talk import SAID, session, stored

pytestmark = pytest.mark.django_db
NOON = people.hours_ago(2).replace(minute=0, second=0, microsecond=0)


def test_an_unpriced_request_is_not_shown_as_free(signed_in: Client) -> None:
    people.make_exchange(cost_state="unpriced", cost_usd=None)

    page = text(signed_in, "/dashboard/requests")

    assert "unpriced" in page
    assert "$0.00" not in page


def test_the_list_goes_on_where_it_stopped(signed_in: Client) -> None:
    rows = [
        people.make_exchange(at=people.hours_ago(hour), model=f"model-{hour:03d}") for hour in range(1, 53)
    ]

    first = text(signed_in, "/dashboard/requests")
    second = text(signed_in, f"/dashboard/requests?before={rows[49].id}")

    assert f"?before={rows[49].id}" in first
    assert "52 stored" in first
    assert 'title="model-050"' in first
    assert 'title="model-051"' not in first
    assert 'title="model-051"' in second
    assert 'title="model-050"' not in second
    assert ">Newest<" in second
    assert ">Older<" not in second


def test_predecessor_defect_26_a_filter_looks_at_all_requests_and_not_at_one_page(signed_in: Client) -> None:
    people.make_exchange(at=people.hours_ago(100), domain="rare.example", model="model-rare")
    for hour in range(1, 60):
        people.make_exchange(at=people.hours_ago(hour))

    assert 'title="model-rare"' not in text(signed_in, "/dashboard/requests")
    assert 'title="model-rare"' in text(signed_in, "/dashboard/requests?domain=rare.example")


def test_the_end_of_the_list_is_named(signed_in: Client) -> None:
    row = people.make_exchange()

    assert "No older requests" in text(signed_in, f"/dashboard/requests?before={row.id}")


def test_an_id_that_is_none_is_not_found(signed_in: Client) -> None:
    assert signed_in.get("/dashboard/requests?before=x").status_code == 404


def models(page: str) -> list[str]:
    """Those of the lines, in order."""
    return re.findall(r'class="model name"[^>]* title="([^"]*)"', page)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> list[Exchange]:
    """One request an hour, the newest first, each with a model named for its hour; five are a page."""
    monkeypatch.setattr(place, "PAGE_SIZE", 5)
    return [
        people.make_exchange(at=NOON - timedelta(hours=hour), model=f"m{hour:02d}", user_id="ann")
        for hour in range(12)
    ]


def test_chosen_columns_stand_in_the_address_and_are_remembered(signed_in: Client) -> None:
    people.make_exchange(user_id="ann", tool_names=["Bash", "Bash", "Read"], request_bytes=4096)
    form = {"query": "domain=api.example.com&columns=path", "column": ["person", "tools", "requestBytes"]}

    led = signed_in.post("/dashboard/requests/columns", form)
    page = text(signed_in, led.headers["Location"])
    again = signed_in.get("/dashboard/requests?period=7d")

    chosen = "timestamp,costUsd,person,tools,requestBytes"
    assert (
        led.headers["Location"]
        == f"/dashboard/requests?{urlencode({'domain': 'api.example.com', 'columns': chosen})}"
    )
    assert re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', page) == [
        "Time",
        "Cost",
        "Person",
        "Tools called",
        "Sent",
    ]
    assert "Bash, Read" in page
    assert 'href="?domain=api.example.com&amp;person=ann&amp;columns=timestamp' in page
    assert again.headers["Location"] == f"?{urlencode({'period': '7d', 'columns': chosen})}"
    signed_in.post("/dashboard/requests/columns", {"query": "", "usual": "1"})
    assert signed_in.get("/dashboard/requests").status_code == 200


def test_money_stays_and_a_column_that_is_none_is_a_notice(signed_in: Client) -> None:
    people.make_exchange()
    page = text(signed_in, "/dashboard/requests?columns=model,nonsense")

    assert "there is no column nonsense" in page
    assert 'class="number cost"' in page
    assert 'class="domain' not in page


def test_every_column_can_be_shown_and_exports_know_what_they_have_of_it(signed_in: Client) -> None:
    key, _ = make_client_key(name="ci")
    people.make_exchange(client_key=str(key.pk))
    page = text(signed_in, f"/dashboard/requests?columns={','.join(columns.BY_NAME)}")

    assert len(re.findall('<th scope="col"', page)) == len(columns.COLUMNS)
    assert ">ci</a>" in page
    assert {name for column in columns.COLUMNS for name in column.exported} <= {*EXPORTED}


def test_a_file_has_the_filter_and_the_columns_of_the_page(signed_in: Client) -> None:
    row = people.make_exchange()
    page = text(signed_in, "/dashboard/requests?columns=model&domain=api.example.com")
    [address] = re.findall(r'href="(/api/requests\.csv[^"]+)" download', page)
    _, content = export("csv", unescape(address).partition("?")[2])

    assert content.decode().splitlines() == [
        "requestId,timestamp,costUsd,cost,costState,model",
        f"{row.id},{row.started_at.isoformat().replace('+00:00', 'Z')},0.000216,0.000216,exact,claude-sonnet-4-5",
    ]
    assert "/api/requests.parquet?" in page


def test_the_list_can_be_walked_in_both_directions(signed_in: Client, hours: list[Exchange]) -> None:
    second = text(signed_in, f"/dashboard/requests?before={hours[4].id}")
    [newer] = re.findall(r'rel="prev" href="([^"]+)"', second)
    first = text(signed_in, unescape(newer))

    assert models(second) == [f"m{hour:02d}" for hour in range(5, 10)]
    assert models(first) == [f"m{hour:02d}" for hour in range(5)]
    assert 'rel="prev"' not in first
    assert f"before={hours[4].id}" in first


@pytest.mark.parametrize("others", ["", "&person=ann"])
def test_the_oldest_come_first_where_that_is_asked(
    signed_in: Client, hours: list[Exchange], others: str
) -> None:
    first = text(signed_in, f"/dashboard/requests?sort=oldest{others}")
    [further] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = text(signed_in, unescape(further))

    assert models(first) == [f"m{hour:02d}" for hour in range(11, 6, -1)]
    assert models(second) == [f"m{hour:02d}" for hour in range(6, 1, -1)]
    assert 'aria-sort="ascending"' in first
    assert ">Newest<" not in first


def test_a_moment_leads_into_the_middle_of_the_list(signed_in: Client, hours: list[Exchange]) -> None:
    at = f"{NOON - timedelta(hours=7):%Y-%m-%dT%H:%M}"
    page = text(signed_in, f"/dashboard/requests?at={at}&zone=UTC")
    up = text(signed_in, f"/dashboard/requests?at={at}&zone=UTC&sort=oldest")
    [newer] = re.findall(r'rel="prev" href="([^"]+)"', page)

    assert models(page)[0] == "m07"
    assert models(up)[:2] == ["m07", "m06"]
    assert f'value="{at}"' in page
    assert models(text(signed_in, unescape(newer)))[-1] == "m06"


def test_a_moment_is_one_of_the_filters_zone_and_puts_off_a_period_without_it(
    signed_in: Client, hours: list[Exchange]
) -> None:
    kolkata = f"{NOON - timedelta(hours=7) + timedelta(hours=5, minutes=30):%Y-%m-%dT%H:%M}"
    page = text(signed_in, f"/dashboard/requests?at={kolkata}&zone=Asia/Kolkata&period=1h")

    assert models(page)[0] == "m07"
    assert "period: it does not hold the moment" in page
    for odd in ("soon", "0001-01-01T00:00-23:59", "9999-12-31T23:59"):
        assert signed_in.get("/dashboard/requests", {"at": odd}).status_code == 200


def test_the_first_words_of_a_session_are_for_readers_of_bodies(client: Client, signed_in: Client) -> None:
    sent = session()
    stored(sent)
    shown = text(signed_in, "/dashboard/requests")
    client.logout()
    client.force_login(people.reader("ann", "view_figures"))
    hidden = text(client, "/dashboard/requests?columns=title,model")

    assert shown.count(f'title="{SAID}"') == len(sent)
    assert SAID not in hidden
    assert signed_in.get("/dashboard/requests").headers["Cache-Control"] == "no-store"


def test_times_are_those_of_a_clock_with_how_long_ago_on_hover(signed_in: Client) -> None:
    row = people.make_exchange(at=people.hours_ago(3))
    page = text(signed_in, "/dashboard/requests")

    [(title, shown)] = re.findall(r'<time datetime="[^"]+" title="([^"]+)">([^<]+)</time>', page)
    assert title.startswith("3h ago, ")
    assert shown.endswith(f"{row.started_at:%M:%S}")
