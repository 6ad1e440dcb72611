"""What the overview shows."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from dashboard.queries import filtering
from tests import people
from tests.dashboard.pages.shown import BY_HTMX, text

pytestmark = pytest.mark.django_db


def test_e0_the_overview_shows_the_last_day(signed_in: Client) -> None:
    people.make_exchange(input_tokens=1_500, output_tokens=500)
    people.make_exchange(domain="b.example", outcome="upstream_error", status=529)
    people.make_exchange(at=people.hours_ago(30), domain="old.example")

    page = text(signed_in, "/dashboard", BY_HTMX)

    assert 'title="2 requests"' in page
    assert "1 failed" in page
    assert 'title="2,017 tokens"' in page
    assert "$0.0004" in page
    assert ">exact</span>" in page
    assert '<h2>Active domains</h2><p class="figure">2</p>' in page
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
