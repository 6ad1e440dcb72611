"""The page of search."""

import re

import pytest
from django.test import Client
from pytest_django import Settings

from dashboard.access.signin import NOT_ALLOWED, READ_BODIES, VIEW_FIGURES
from proxy.store.search import find
from tests import people
from tests.dashboard.pages.shown import text
from tests.store.search.texts import fill, make_text

pytestmark = pytest.mark.django_db


def test_a_hit_is_marked_and_leads_to_its_request(signed_in: Client) -> None:
    row = people.make_exchange(model="model-x", domain="b.example")
    make_text("<b>call</b> getUserName & more", exchange_id=row.id, domain="b.example")

    page = text(signed_in, "/dashboard/search?q=user+call")

    assert "&lt;b&gt;<mark>call</mark>&lt;/b&gt; <mark>getUserName</mark> &amp; more" in page
    assert f'href="/dashboard/request/{row.id}"' in page
    assert "b.example, model-x" in page
    assert ">prompt<" in page
    assert "Searched everything back to" in page


def test_it_is_kept_by_no_cache_and_needs_the_right_to_bodies(signed_in: Client, client: Client) -> None:
    assert signed_in.get("/dashboard/search").headers["Cache-Control"] == "no-store"
    client.logout()
    client.force_login(people.reader("analyst", "view_figures"))

    refused = client.get("/dashboard/search?q=word")

    assert refused.status_code == 403
    assert NOT_ALLOWED[READ_BODIES] in refused.content.decode()
    assert VIEW_FIGURES not in refused.content.decode()


def test_an_empty_search_says_how_to_search(signed_in: Client) -> None:
    page = text(signed_in, "/dashboard/search")

    assert "How to search" in page
    assert 'aria-label="Hits"' not in page


def test_what_cannot_be_searched_says_why(signed_in: Client) -> None:
    assert "This cannot be searched: it has no word" in text(signed_in, "/dashboard/search?q=-")


def test_nothing_found_says_how_far_back_was_searched(signed_in: Client) -> None:
    make_text("word")
    page = text(signed_in, "/dashboard/search?q=absent")

    assert "Nothing found" in page
    assert re.search(r"Searched everything back to 20\d\d-", page)


def test_a_long_list_goes_on_and_comes_back_with_its_filter(signed_in: Client) -> None:
    fill(60, "word", domain="a.example")
    first = text(signed_in, "/dashboard/search?q=word&domain=a.example")
    [older] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = text(signed_in, "/dashboard/search" + older.replace("&amp;", "&"))

    assert first.count('class="snippet"') == 50
    assert second.count('class="snippet"') == 10
    assert "?domain=a.example&amp;q=word&amp;before=" in older
    assert 'href="?domain=a.example&amp;q=word">Newest' in second


def test_a_search_that_was_stopped_says_so(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "MOST_READ", 2)
    fill(5, "order in")
    page = text(signed_in, "/dashboard/search?q=%22in+order%22")

    assert "None found so far" in page
    assert "Incomplete: the words are in more than" in page
    assert ">Search further<" in page


def test_search_that_is_off_is_shown_as_off(signed_in: Client, settings: Settings) -> None:
    assert "Search is off" not in text(signed_in, "/dashboard/search")
    settings.SEARCH_ENABLED = False

    assert "Search is off" in text(signed_in, "/dashboard/search")


def test_an_id_that_is_none_is_not_found(signed_in: Client) -> None:
    assert signed_in.get("/dashboard/search?q=word&before=x").status_code == 404


def test_a_filter_that_search_cannot_serve_is_named(signed_in: Client) -> None:
    assert "model: this page cannot be filtered by it" in text(signed_in, "/dashboard/search?q=word&model=m")
