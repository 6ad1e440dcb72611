"""The page of usage by session and by agent: the most expensive ones, each with its page, and titles for readers of bodies."""

import csv
import io
import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from dashboard.pages.usage import table
from proxy.store.models import Conversation
from tests import people
from tests.dashboard.api.test_breakdown_of_conversations import NOON, id_of, run
from tests.dashboard.pages.shown import text
from tests.dashboard.pages.usage.test_usage import DAY, row
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def talks() -> None:
    """One runs three turns, and two by an agent in the evening; the other one a turn."""
    run("one", NOON, 3)
    run("one", NOON + timedelta(hours=6), 2, agent="a1")
    run("two", NOON + timedelta(hours=1), 1, domain="b.example")


def shown(page: str) -> list[str]:
    part = page.split('<table class="usage">')[1].split("<tbody>")[1].split("</tbody>")[0]
    return [unescape(label) for label in re.findall(r'<th scope="row" class="name" title="([^"]*)"', part)]


@pytest.mark.usefixtures("talks")
def test_sessions_are_listed_by_their_titles_and_lead_to_their_page(signed_in: Client) -> None:
    response = signed_in.get(f"/dashboard/usage?by=session&{DAY}")
    page = response.content.decode()

    assert sorted(shown(page)) == ["one 0", "two 0"]
    assert f'href="/dashboard/session/{id_of("one")}"' in page
    assert row(page, "one 0")[4] == "5"
    assert row(page, "Total")[4] == "6"
    assert response.headers["Cache-Control"] == "no-store"
    [requests] = [
        parse_qs(urlsplit(unescape(address)).query)["session"]
        for address in re.findall(r'href="(/dashboard/requests\?[^"]*session=one[^"]*)"', page)
    ]
    assert requests == ["one"]


@pytest.mark.usefixtures("talks")
def test_agents_are_shown_beside_the_main_thread(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/usage?by=agent&{DAY}")

    assert sorted(shown(page)) == ["one 0 / a1", "one 0 / main", "two 0 / main"]
    assert row(page, "one 0 / a1")[4] == "2"
    assert re.search(r'href="/dashboard/requests\?[^"]*session=one&amp;agent=a1', page)


@pytest.mark.usefixtures("talks")
def test_who_may_not_read_bodies_sees_ids_and_no_words(client: Client) -> None:
    client.force_login(people.reader("viewer", "view_figures"))
    response = client.get(f"/dashboard/usage?by=session&{DAY}")

    assert sorted(shown(response.content.decode())) == ["one", "two"]
    assert "one 0" not in response.content.decode()


@pytest.mark.usefixtures("talks")
def test_the_smaller_ones_are_in_the_files_which_have_ids(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "SHOWN", 1)
    page = text(signed_in, f"/dashboard/usage?by=session&{DAY}")
    content = signed_in.get(f"/dashboard/usage?by=session&format=csv&{DAY}").content.decode()

    assert "1 more, with less cost: the files have the first 10,000." in page
    assert len(shown(page)) == 1
    rows = {each["label"]: each for each in csv.DictReader(io.StringIO(content))}
    assert rows.keys() == {"one", "two"}
    assert rows["one"]["requests"] == "5"


@pytest.mark.usefixtures("talks")
def test_a_session_filters_its_agents(signed_in: Client) -> None:
    page = text(signed_in, f"/dashboard/usage?by=agent&session=one&{DAY}")

    assert sorted(shown(page)) == ["one 0 / a1", "one 0 / main"]
    assert "cannot be filtered" not in page


def test_a_session_that_is_gone_and_one_of_the_same_title_stay_apart(signed_in: Client) -> None:
    run("one", NOON, 1)
    run("two", NOON + timedelta(minutes=9), 1)
    run("three", NOON + timedelta(minutes=19), 1)
    gone = id_of("three")
    with as_owner():
        first = Conversation.objects.get(session_id="one")
        Conversation.objects.filter(session_id="two").update(title=first.title, title_id=first.title_id)
        Conversation.objects.filter(session_id="three").delete()
    page = text(signed_in, f"/dashboard/usage?by=session&{DAY}")

    assert sorted(shown(page)) == sorted([gone, "one 0", "one 0 (2)"])
    assert f'href="/dashboard/session/{gone}"' not in page
