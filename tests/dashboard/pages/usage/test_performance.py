"""The page of performance: percentiles in lines and tables, the slowest requests, errors by type."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client

from dashboard.queries import exchanges, filtering
from tests import people
from tests.dashboard.pages.shown import text
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
DAY = "from=2026-11-20T00:00Z&to=2026-11-21T00:00Z"


@pytest.fixture
def streams() -> None:
    """Nine fast ones at noon; a slow one of another model at six, after an overloaded one."""
    for number in range(9):
        people.make_exchange(
            at=NOON, streamed=True, duration_ms=1100 + number, first_byte_ms=100, output_tokens=100
        )
    evening = NOON + timedelta(hours=6)
    people.make_exchange(
        at=evening,
        model="model-b",
        streamed=True,
        duration_ms=101_000,
        first_byte_ms=1000,
        output_tokens=1000,
    )
    people.make_exchange(
        at=evening,
        model="model-b",
        duration_ms=40,
        outcome="upstream_error",
        status=529,
        error_type="overloaded_error",
    )


def percentiles(page: str, label: str) -> list[str]:
    table = page.split('<table class="percentiles">')[1].split("</table>")[0]
    [found] = [line for line in table.split("<tr>") if f'title="{label}"' in line]
    return re.findall(r'<td class="number">([^<]*)</td>', found)


@pytest.mark.usefixtures("streams")
def test_each_model_has_its_percentiles(signed_in: Client, program: Client) -> None:
    page = text(signed_in, f"/dashboard/performance?{DAY}")
    [fast, _] = program.get(f"/api/performance?{DAY}").json()["rows"]

    shown = percentiles(page, "claude-sonnet-4-5")
    assert shown[0] == "9"
    assert shown[1] == f"{fast['firstByteMs']['p50']:.0f} ms"
    assert shown[4] == f"{fast['durationMs']['p50'] / 1000:.1f} s"
    assert shown[7] == f"{fast['tokensPerSecond']['p50']:.0f}/s"
    assert page.index('title="claude-sonnet-4-5"') < page.index('title="model-b"')


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize("by", ["model", "domain", "account", "type"])
def test_it_is_split_by_what_histograms_are_kept_by(signed_in: Client, by: str) -> None:
    page = text(signed_in, f"/dashboard/performance?by={by}&{DAY}")

    assert f"Percentiles by {by}" in page
    assert f"&amp;{by}=" in page.split('<table class="percentiles">')[1]
    assert "by: it is none of model" in text(signed_in, "/dashboard/performance?by=person")


@pytest.mark.usefixtures("streams")
def test_lines_and_their_tables_have_the_bars_that_have_anything(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/performance?{DAY}")

    assert page.count('<path class="line dot l') == 9
    chart = page.split("<figcaption>First byte per hour")[1].split("</figure>")[0]
    assert [unescape(found) for found in re.findall(r'<a class="bar" href="([^"]+)"', chart)] == [
        f"/dashboard/requests?from=2026-11-20T{hour}%3A00%3A00Z&to=2026-11-20T{hour + 1}%3A00%3A00Z"
        for hour in (12, 18)
    ]
    assert re.findall(r'<th scope="row"><a[^>]*>([^<]+)</a>', chart) == [
        "Fri 20 Nov, 18:00",
        "Fri 20 Nov, 12:00",
    ]
    assert re.search(r"<title>Fri 20 Nov, 12:00\np50: [^\n]+\np95: [^\n]+\np99: ", chart)


@pytest.mark.usefixtures("streams")
def test_the_slowest_come_first(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/performance?{DAY}")

    listed = page.split('id="exchanges"')[1].split("</table>")[0]
    durations = re.findall(r'<a class="row"[^>]*>([^<]+)</a>', listed)
    assert (durations[0], durations[-1], len(durations)) == ("1m 41s", "40 ms", 11)
    assert "looked back no further" not in page


@pytest.mark.usefixtures("streams")
def test_the_list_of_the_slowest_says_how_far_it_looked(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "STEP", 2)
    monkeypatch.setattr(exchanges, "SLOWEST_STEPS", 1)

    page = text(signed_in, f"/dashboard/performance?{DAY}")

    assert "since 2026-11-20 18:30:00: the list looked back no further" in page
    assert page.split('id="exchanges"')[1].split("</table>")[0].count('class="row"') == 2


@pytest.mark.usefixtures("streams")
def test_errors_are_told_by_type_and_lead_to_their_requests(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/performance?{DAY}")

    [path] = re.findall(r'<a href="(/dashboard/requests[^"]+)">overloaded_error</a>', page)
    assert "529" in text(signed_in, unescape(path))
    assert '<td class="number">9 %</td>' in page


@pytest.mark.usefixtures("streams")
def test_a_filter_that_errors_are_not_summed_by_is_said(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/performance?model=model-b&{DAY}")

    assert "model cannot filter them" in page
    assert "overloaded_error</a>" not in page
    assert percentiles(page, "model-b")[0] == "2"


def test_an_empty_page_says_how_to_send_traffic(signed_in: Client) -> None:
    assert "No traffic yet" in text(signed_in, "/dashboard/performance")


def test_sums_without_their_requests_are_said_to_be(signed_in: Client) -> None:
    with as_owner():
        people.make_exchange(at=NOON).delete()

    assert "None is stored" in text(signed_in, f"/dashboard/performance?{DAY}")
