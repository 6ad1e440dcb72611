"""What the overview shows."""

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from dashboard.queries import conversations, filtering
from tests import people
from tests.dashboard.pages.shown import BY_HTMX, text
from tests.dashboard.talk import session, stored

pytestmark = pytest.mark.django_db


def test_e0_the_overview_shows_the_last_day(signed_in: Client) -> None:
    people.make_exchange(input_tokens=1_500, output_tokens=500)
    people.make_exchange(domain="b.example", outcome="upstream_error", status=529)
    people.make_exchange(at=people.hours_ago(30), domain="old.example")

    page = text(signed_in, "/dashboard", BY_HTMX)

    assert 'title="2 requests"' in page
    assert 'title="1 of 2 requests">50.0 %' in page
    assert "2.0K tokens" in page
    assert "$0.0004" in page
    assert ">exact</span>" in page
    assert "529 upstream error" in page


def test_e0_the_overview_filters_by_domain(signed_in: Client) -> None:
    people.make_exchange(domain="a.example", model="model-a")
    people.make_exchange(domain="b.example", model="model-b")

    page = text(signed_in, "/dashboard?domain=B.example")

    assert 'title="model-b"' in page
    assert 'title="model-a"' not in page
    assert 'value="b.example"' in page


@pytest.mark.parametrize(("state", "label"), [("unpriced", "1 unpriced"), ("partial", "1 partial")])
def test_a_cost_says_how_far_it_can_be_trusted(signed_in: Client, state: str, label: str) -> None:
    people.make_exchange(cost_state=state, cost_usd=None)

    assert label in text(signed_in, "/dashboard")


def test_the_overview_shows_the_pipeline(signed_in: Client) -> None:
    people.make_spool(accepted=12, stored=9, dropped=1)

    page = text(signed_in, "/dashboard")

    assert "Records dropped" in page
    assert "<dt>Waiting</dt><dd>2</dd>" in page


def test_with_storage_off_the_empty_page_says_so(signed_in: Client, settings: Any) -> None:
    settings.STORAGE_ENABLED = False

    assert "STORAGE_ENABLED=true" in text(signed_in, "/dashboard")


def test_a_nul_in_a_filter_is_ignored(signed_in: Client) -> None:
    assert signed_in.get("/dashboard?domain=a%00b").status_code == 200


def test_the_fragment_is_a_part_of_the_page_and_has_no_frame(signed_in: Client) -> None:
    people.make_exchange()

    fragment = text(signed_in, "/dashboard?domain=a.example", BY_HTMX).strip()

    assert 'aria-label="Pipeline"' in fragment
    assert "<html" not in fragment
    assert 'id="fresh"' not in fragment
    assert fragment in text(signed_in, "/dashboard?domain=a.example")


def test_a_page_that_htmx_restores_is_whole(signed_in: Client) -> None:
    page = text(signed_in, "/dashboard", BY_HTMX | {"HX-History-Restore-Request": "true"})

    assert "<html" in page
    assert 'id="fresh"' in page


def test_htmx_reads_the_fragment_of_the_chosen_domain(signed_in: Client) -> None:
    page = text(signed_in, "/dashboard?domain=a%26b.example")

    assert 'hx-get="/dashboard?domain=a%26b.example" hx-trigger="stale"' in page


def test_htmx_gets_a_policy_as_strict_as_the_servers(signed_in: Client) -> None:
    page = text(signed_in, "/dashboard")

    [config] = re.findall(r"""<meta name="htmx-config" content='([^']+)'>""", page)
    assert json.loads(config) == {
        "includeIndicatorStyles": False,
        "allowEval": False,
        "allowScriptTags": False,
        "selfRequestsOnly": True,
        "historyEnabled": False,
        "ignoreTitle": True,
    }


def test_the_overview_says_how_far_it_looked_for_its_latest_requests(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "STEP", 2)
    for index in range(5):
        people.make_exchange(at=people.hours_ago(index), model="rare" if index == 4 else "often")

    page = text(signed_in, "/dashboard?model=rare")

    assert "None found so far" in page
    assert "The list looked back to" in page
    assert 'id="all-requests" href="/dashboard/requests?model=rare"' in page


def card(page: str, title: str) -> str:
    """The part of a page that is a card."""
    [found] = [
        part for part in page.split('<div class="card">')[1:] if f">{title}</a>" in part.partition("</h2>")[0]
    ]
    return found


def test_each_card_leads_to_the_page_that_says_more(signed_in: Client) -> None:
    people.make_exchange()

    page = text(signed_in, "/dashboard?domain=api.example.com")

    for title, address in {
        "Cost": "/dashboard/usage?domain=api.example.com",
        "Requests": "/dashboard/requests?domain=api.example.com",
        "Cache share": "/dashboard/cache-breaks?",
        "Sessions": "/dashboard/sessions?domain=api.example.com",
        "Failed": "/dashboard/performance?domain=api.example.com#failures",
        "First byte p95": "/dashboard/performance?domain=api.example.com",
    }.items():
        assert f'<h2><a href="{address}' in card(page, title), title


def test_more_cost_is_bad_and_its_difference_is_explained(signed_in: Client) -> None:
    people.make_exchange(cost_usd=Decimal(3))
    people.make_exchange(at=people.hours_ago(30), cost_usd=Decimal(2))

    found = card(text(signed_in, "/dashboard"), "Cost")

    assert '<span class="trend bad" title="$2.00 in the period before">\u25b2 50 %</span>' in found
    assert re.search(r'href="/dashboard/explain\?from=[^"]+againstFrom=[^"]+">\+\$1\.00 explained</a>', found)


def test_fewer_failures_are_good(signed_in: Client) -> None:
    people.make_exchange()
    people.make_exchange(at=people.hours_ago(30), outcome="upstream_error")

    assert '<span class="trend good" title="100.0 % in the period before">\u25bc 100.0</span>' in card(
        text(signed_in, "/dashboard"), "Failed"
    )


def test_the_commonest_error_leads_to_its_requests(signed_in: Client) -> None:
    for _ in range(2):
        people.make_exchange(outcome="upstream_error", status=529, error_type="overloaded_error")
    people.make_exchange(outcome="upstream_error", status=500, error_type="api_error")

    found = card(text(signed_in, "/dashboard"), "Failed")

    assert re.search(
        r'href="/dashboard/requests\?from=[^"]+errorType=overloaded_error">2 overloaded_error', found
    )


def test_the_newest_failures_are_those_that_sums_count(signed_in: Client) -> None:
    people.make_exchange(model="left", outcome="client_left")
    people.make_exchange(model="broken", outcome="upstream_cut")

    page = text(signed_in, "/dashboard")
    panel = page[page.index('id="failures-title"') : page.index('aria-label="Pipeline"')]

    assert "broken" in panel
    assert "left" not in panel.replace("client_left", "").replace("upstream", "")


def test_cost_over_time_is_stacked_by_model_and_each_bar_leads_on(signed_in: Client) -> None:
    people.make_exchange(model="model-a", cost_usd=Decimal(3))
    people.make_exchange(model="model-b", cost_usd=Decimal(1))

    page = text(signed_in, "/dashboard")
    chart = page[page.index("Cost per hour by model") : page.index("As a table")]

    assert "model-b: $1.00\nmodel-a: $3.00" in chart
    assert chart.count('<a class="bar" href="/dashboard/requests?from=') == 1


def test_the_dearest_session_is_named_by_its_title_for_readers_of_bodies_alone(
    signed_in: Client, client: Client
) -> None:
    conversation = stored(session())
    day = conversation.last_at.date()
    address = f"/dashboard?from={day - timedelta(days=1)}&to={day + timedelta(days=1)}"

    mine = text(signed_in, address)
    client.logout()
    client.force_login(people.reader("ann", "view_figures"))
    theirs = text(client, address)

    title = conversations.title(conversation)
    assert title
    assert "1</p>" in card(mine, "Sessions")
    assert "0 active now" in card(mine, "Sessions")
    assert "2 agents" in card(mine, "Sessions")
    assert f'href="/dashboard/session/{conversation.id}">{title}' in mine
    assert f'href="/dashboard/session/{conversation.id}">' in theirs
    assert title not in theirs
