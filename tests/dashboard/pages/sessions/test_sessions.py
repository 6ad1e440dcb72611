"""The list of sessions."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from proxy.store.models import Conversation, Exchange
from tests import people
from tests.conversations.clients import Sent, Thread, World
from tests.conversations.clients import text as said
from tests.dashboard.pages.shown import text
from tests.dashboard.talk import SAID, session, stored
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


def short(number: int, turns: int) -> list[Sent]:
    world = World(number, f"session-{number:03d}")
    thread = Thread(world)
    for _ in range(turns):
        thread.ask(f"words of {number:03d}", [said(world.words())])
    for exchange in world.sent:
        exchange.started_at += timedelta(hours=number)
    return world.sent


def listed(page: str) -> list[str]:
    return re.findall(r'id="session-([^"]+)"', page)


def test_a_line_has_title_figures_and_the_way_to_its_session(signed_in: Client) -> None:
    row = stored(session())

    page = text(signed_in, "/dashboard/sessions")

    assert f'href="/dashboard/session/{row.id}">{SAID}</a>' in page
    assert "a.example" in page
    assert "claude-sonnet-5" in page
    assert "20 %" in page
    assert 'data-label="turns">11<' in page
    assert '<span class="bad-text">1</span>' in page


def test_without_the_permission_there_is_no_title_and_the_session_is_named_by_its_id(client: Client) -> None:
    stored(session())
    client.force_login(people.reader("ann", "view_figures"))

    page = text(client, "/dashboard/sessions")

    assert SAID not in page
    assert ">session-1</a>" in page


@pytest.mark.parametrize("sort", ["activity", "cost", "turns", "failed"])
def test_each_order_is_whole_over_its_pages(signed_in: Client, sort: str) -> None:
    column = {"activity": "last_at", "cost": "cost_usd", "turns": "turns", "failed": "failed"}[sort]
    for number in range(1, 54):
        stored(short(number, 1 + number % 3))
    expected = [str(row.id) for row in Conversation.objects.order_by(f"-{column}", "-id")]

    first = text(signed_in, f"/dashboard/sessions?sort={sort}")
    [older] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = text(signed_in, older.replace("&amp;", "&"))

    assert listed(first) + listed(second) == expected
    assert ">First page<" in second
    assert 'rel="next"' not in second


def test_a_filter_stands_as_a_chip_and_narrows_the_list(signed_in: Client) -> None:
    stored(short(1, 1))
    row = stored(short(2, 1))

    page = text(signed_in, "/dashboard/sessions?session=session-002&outcome=complete")

    assert listed(page) == [str(row.id)]
    assert "Session: session-002" in page
    assert "outcome: this page cannot be filtered by it" in page


def test_a_sort_keeps_the_filter(signed_in: Client) -> None:
    stored(short(1, 1))

    assert 'href="?domain=a.ex&amp;sort=cost"' in text(signed_in, "/dashboard/sessions?domain=a.ex")


def test_htmx_gets_the_list_alone(signed_in: Client) -> None:
    row = stored(session())

    part = signed_in.get("/dashboard/sessions?sort=activity", headers={"HX-Request": "true"}).text

    assert listed(part) == [str(row.id)]
    assert "<html" not in part


def test_an_empty_list_says_what_to_do(signed_in: Client) -> None:
    assert "ANTHROPIC_BASE_URL" in text(signed_in, "/dashboard/sessions")
    assert "No such session" in text(signed_in, "/dashboard/sessions?person=nobody")

    people.make_exchange()

    assert "manage.py rebuild_conversations --apply" in text(signed_in, "/dashboard/sessions")


@pytest.mark.parametrize("before", ["x", "1_2", "2026-01-01_0193a000-0000-7000-8000-00000000000"])
def test_a_place_that_is_none_is_not_found(signed_in: Client, before: str) -> None:
    assert signed_in.get(f"/dashboard/sessions?before={before}").status_code == 404


def running(client: Client) -> list[str]:
    """The sessions that the list says run."""
    marks = re.findall(r'data-runs="([^"]*)"[^>]*?( hidden)?>running<', text(client, "/dashboard/sessions"))
    return [name for name, is_hidden in marks if not is_hidden]


@pytest.mark.parametrize(
    ("ago", "lasted", "runs"), [(60, 0, True), (200, 0, False), (600, 500, True), (600, 400, False)]
)
def test_a_session_runs_until_two_minutes_after_its_last_turn_ended(
    signed_in: Client, ago: int, lasted: int, runs: bool
) -> None:
    sent = short(0, 1)
    sent[0].started_at = timezone.now() - timedelta(seconds=ago)
    row = stored(sent)
    with as_owner():
        Exchange.objects.filter(id=row.last_id).update(duration_ms=lasted * 1000)

    assert running(signed_in) == ([row.session_id] if runs else [])
    mark = text(signed_in, f"/dashboard/session/{row.id}").split('data-runs="session-000"')[1].split(">")[0]
    assert mark.endswith("hidden") is not runs
