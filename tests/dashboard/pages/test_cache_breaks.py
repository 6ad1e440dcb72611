"""The page of cache breaks: sums, causes with what to do, client keys, and the turns."""

import re
from decimal import Decimal

import pytest
from django.test import Client
from django.utils.html import escape

from dashboard.pages.cache_breaks import view
from dashboard.queries import cache_breaks
from proxy.conversations.findings.cause_words import ADVICE, Cause
from tests import people
from tests.dashboard.found import make_break
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db
ADDRESS = "/dashboard/cache-breaks"


def rows(page: str) -> list[str]:
    """The requests of the list, in its order."""
    return re.findall(r'class="row" href="/dashboard/request/([0-9a-f-]+)', page)


def test_causes_stand_with_their_sums_and_what_to_do(signed_in: Client) -> None:
    make_break(avoidable_usd=Decimal("2.5"))
    make_break(avoidable_usd=Decimal(1))
    make_break(cause=Cause.SYSTEM, at="system block 0", avoidable_usd=Decimal("0.25"), lost_tokens=5_000)
    page = text(signed_in, ADDRESS)

    assert "$3.75" in page
    assert "45.0K" in page
    assert "$3.50" in page
    assert ADVICE[Cause.TOOL_CHANGED].to_do in page
    assert escape(ADVICE[Cause.SYSTEM].to_do) in page
    assert page.index("?cause=tool+changed") < page.index("?cause=system+prompt+changed")


def test_each_turn_leads_to_its_difference_the_dearest_first(signed_in: Client) -> None:
    cheap = make_break(avoidable_usd=None, lost_tokens=90_000)
    dear = make_break(avoidable_usd=Decimal(2))
    page = text(signed_in, ADDRESS)

    assert rows(page) == [str(dear.id), str(cheap.id)]
    assert f'href="/dashboard/request/{dear.id}/diff"' in page
    assert ">unpriced</span>" in page
    assert rows(text(signed_in, f"{ADDRESS}?sort=lostTokens")) == [str(cheap.id), str(dear.id)]


def test_a_cause_is_shown_alone_and_the_others_stay_in_the_table(signed_in: Client) -> None:
    make_break()
    other = make_break(cause=Cause.SYSTEM)
    page = text(signed_in, f"{ADDRESS}?cause=system+prompt+changed&sort=newest&domain=api.example.com")

    assert rows(page) == [str(other.id)]
    assert ADVICE[Cause.TOOL_CHANGED].to_do in page
    assert 'href="?domain=api.example.com&amp;cause=tool+changed&amp;sort=newest"' in page
    assert 'href="?domain=api.example.com&amp;sort=newest" aria-current="true"' in page


def test_without_a_period_it_is_of_seven_days(signed_in: Client) -> None:
    make_break(people.make_exchange(at=people.hours_ago(8 * 24)))

    assert "No cache break" in text(signed_in, ADDRESS)
    assert len(rows(text(signed_in, f"{ADDRESS}?period=30d"))) == 1


def test_who_may_not_read_bodies_is_led_to_the_request(client: Client) -> None:
    row = make_break()
    client.force_login(people.reader("analyst", "view_figures"))
    page = text(client, ADDRESS)

    assert f'href="/dashboard/request/{row.id}"' in page
    assert "/diff" not in page


def test_client_keys_have_their_sums(signed_in: Client) -> None:
    make_break(people.make_exchange(client_key="laptop"), avoidable_usd=Decimal(3))
    make_break()
    page = text(signed_in, ADDRESS)
    table = page.split('id="keys"')[1].split("</section>")[0]

    assert table.index("laptop") < table.index("(none)")
    assert "$3.00" in table


def test_a_long_list_says_what_it_leaves_out(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "SHOWN", 2)
    for _ in range(3):
        make_break()

    assert "The first 2 of 3" in text(signed_in, ADDRESS)


def test_a_cause_and_an_order_that_do_not_exist_are_named(signed_in: Client) -> None:
    make_break()
    page = text(signed_in, f"{ADDRESS}?cause=bad+luck&sort=oldest")

    assert page.count("cause: it is none of") == 1
    assert page.count("sort: it is none of") == 1


def test_the_overview_has_the_sum_of_its_period(signed_in: Client) -> None:
    assert "cache break" not in text(signed_in, "/dashboard")
    make_break(avoidable_usd=Decimal("1.5"))
    make_break(people.make_exchange(at=people.hours_ago(30)), avoidable_usd=Decimal(40))
    page = text(signed_in, "/dashboard")
    [address] = re.findall(r'<a href="(/dashboard/cache-breaks\?[^"]+)">1 cache break cost \$1\.50</a>', page)

    assert len(rows(text(signed_in, address.replace("&amp;", "&")))) == 1
    assert "cache break cost" not in text(signed_in, "/dashboard?model=claude-sonnet-4-5")


def test_the_overview_says_where_its_sum_is_of_the_newest_alone(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_break(avoidable_usd=Decimal(40))
    make_break(avoidable_usd=Decimal("1.5"))
    assert "the newest" not in text(signed_in, "/dashboard")
    monkeypatch.setattr(cache_breaks, "MOST", 1)
    page = text(signed_in, "/dashboard")

    assert ">the newest 1 cache break cost $1.50</a>" in page
