"""What fills the context of a session, as its page draws it when that comes in sight."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from dashboard.queries import makeup
from tests import people
from tests.dashboard.large import large_session
from tests.dashboard.pages.sessions.test_session import address
from tests.dashboard.pages.shown import text
from tests.dashboard.talk import session, stored

pytestmark = pytest.mark.django_db


def bars(part: str) -> list[str]:
    return re.findall(r'<a class="bar" href="\?at=([^#"]+)#turn-\1">', part)


def test_the_context_is_drawn_on_demand_with_a_link_for_each_turn(signed_in: Client) -> None:
    sent = large_session(8)
    row = stored(sent)
    main = [str(each.id) for each in sent if not each.agent]

    page = text(signed_in, address(row))
    part = text(signed_in, address(row, "?part=filling"))

    assert 'hx-get="?part=filling" hx-trigger="intersect once"' in page
    assert "tool results" not in page
    assert bars(part) == main
    assert re.findall(r'<th scope="row"><a class="only" href="\?at=([^#]+)#', part) == main[::-1]
    assert "10 turns; shares of the last one." in part
    assert ">exact</span>" in part
    assert ">estimate</span>" in part
    assert "style=" not in part


def test_the_context_of_an_agent_is_chosen(signed_in: Client) -> None:
    sent = large_session(8)
    row = stored(sent)
    own = [str(each.id) for each in sent if each.agent]

    assert bars(text(signed_in, address(row, "?part=filling&agent=a-writers"))) == own
    assert '<option value="a-writers" selected>' in text(
        signed_in, address(row, "?part=filling&agent=a-writers")
    )
    assert 'hx-get="?part=filling&amp;agent=a-writers"' in text(signed_in, address(row, f"?at={own[0]}"))


def test_a_long_line_says_that_it_is_sampled(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(makeup, "MOST_TURNS", 4)
    row = stored(large_session(20))

    part = text(signed_in, address(row, "?part=filling"))

    assert len(bars(part)) == 4
    assert "The fullest 4 of 22 turns, spread over the line" in part


def test_a_session_of_small_requests_has_no_chart(signed_in: Client) -> None:
    part = text(signed_in, address(stored(session()), "?part=filling"))

    assert "No turn has 5,000 tokens" in part
    assert "<svg" not in part


def test_the_context_holds_figures_and_no_words(client: Client) -> None:
    row = stored(large_session(8))
    client.force_login(people.reader("analyst", "view_figures"))

    part = text(client, address(row, "?part=filling"))

    assert bars(part)
    assert "billing" not in part


def test_its_requests_are_read_in_few_questions(
    signed_in: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    row = stored(large_session(60))

    with django_assert_max_num_queries(60):
        text(signed_in, address(row, "?part=filling"))
