"""Each value in a table adds itself to the filter of its page."""

import pytest
from django.test import Client

from tests import people
from tests.dashboard.pages.shown import BY_HTMX, text

pytestmark = pytest.mark.django_db


def test_a_value_of_a_list_adds_itself_to_the_filter(signed_in: Client) -> None:
    row = people.make_exchange(
        domain="a&b.example", model="claude-opus-5-5", status=529, outcome="upstream_error"
    )

    page = text(
        signed_in, f"/dashboard/requests?period=24h&model=claude-opus-5-5&before={_later(str(row.id))}"
    )

    for query, shown in (
        ("period=24h&amp;domain=a%26b.example&amp;model=claude-opus-5-5", "a&amp;b.example"),
        ("period=24h&amp;model=claude-opus-5-5", "claude-opus-5-5"),
        ("period=24h&amp;model=claude-opus-5-5&amp;status=529", "529"),
        ("period=24h&amp;model=claude-opus-5-5&amp;outcome=upstream_error", "upstream error"),
    ):
        assert f'<a class="only" href="?{query}">{shown}</a>' in page


def _later(exchange_id: str) -> str:
    return f"{int(exchange_id[:8], 16) + 1:08x}{exchange_id[8:]}"


def test_a_value_that_a_page_cannot_be_filtered_by_is_plain(signed_in: Client) -> None:
    people.make_exchange(model="claude-opus-5-5", status=200)

    fragment = text(signed_in, "/dashboard", BY_HTMX)

    assert '<a class="only" href="?model=claude-opus-5-5">claude-opus-5-5</a>' in fragment
    assert "status=200" not in fragment
    assert "200 complete</span>" in fragment


def test_a_value_of_a_table_of_usage_keeps_how_it_is_split(signed_in: Client) -> None:
    people.make_exchange(model="claude-opus-5-5", domain="a.example")
    people.make_exchange(model="")

    by_domain, by_model = (
        text(signed_in, f"/dashboard/usage?by={by}&period=7d") for by in ("domain", "model")
    )

    assert 'href="?period=7d&amp;domain=a.example&amp;by=domain">a.example</a></th>' in by_domain
    assert 'href="?period=7d&amp;model=claude-opus-5-5&amp;by=model">claude-opus-5-5</a></th>' in by_model
    assert ">(none)</th>" in by_model


def test_a_value_that_no_filter_takes_is_plain(signed_in: Client) -> None:
    people.make_exchange(model="m" * 119 + "\x01", status=0, outcome="client_left", domain="d" * 250)

    page = text(signed_in, "/dashboard/requests")

    assert 'href="?outcome=client_left">client left</a></span>' in page
    assert "status=0" not in page
