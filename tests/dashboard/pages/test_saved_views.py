"""Views that people save from the filter bar."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client

from dashboard.access.signin import MANAGE_ACCESS
from dashboard.models import SavedView
from dashboard.pages import saved_views
from dashboard.pages.registry import PAGES
from tests import people
from tests.dashboard.pages.shown import text
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
FAILED = "model=m&status=5xx"


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def ann() -> Client:
    return browser(people.reader("ann", "view_figures"))


@pytest.fixture
def bob() -> Client:
    return browser(people.reader("bob", "view_figures", "read_bodies"))


def save(
    client: Client, name: str = "Failures", query: str = FAILED, page: str = "requests", **more: str
) -> SavedView:
    response = client.post("/dashboard/views", {"name": name, "query": query, "page": page, **more})
    assert response.status_code == 302, response.content
    return SavedView.objects.get(name=name, page=page)


def listed(client: Client, path: str = "/dashboard/requests?period=7d") -> list[tuple[str, str]]:
    """The views in the filter bar, with their queries."""
    bar = text(client, path).split('<details class="views">')[1].split('<form class="save"')[0]
    return re.findall(r'<a href="\?([^"]*)"[^>]*>([^<]+)</a>', bar)


def test_a_view_is_saved_and_listed_on_its_page_without_a_place_in_the_list(ann: Client) -> None:
    id_ = people.make_id()
    save(
        ann,
        query=f"before={id_}&{FAILED}&columns=timestamp,costUsd&sort=oldest&at=2026-11-29T14:05&format=csv",
    )

    assert listed(ann) == [
        ("model=m&amp;status=5xx&amp;columns=timestamp%2CcostUsd&amp;sort=oldest", "Failures"),
    ]
    assert listed(ann, "/dashboard/usage?period=7d") == []
    led = ann.post("/dashboard/views", {"name": "Failures", "query": "model=n", "page": "requests"})
    assert led.headers["Location"] == "/dashboard/requests?model=n"
    assert listed(ann) == [("model=n", "Failures")]


def test_a_view_of_ones_own_is_seen_and_changed_by_nobody_else(
    ann: Client, bob: Client, signed_in: Client
) -> None:
    view = save(ann)

    for other in (bob, signed_in):
        assert listed(other) == []
        assert other.post(f"/dashboard/views/{view.id}", {"do": "delete"}).status_code == 404
    ann.post(f"/dashboard/views/{view.id}", {"do": "share"})
    for other in (bob, signed_in):
        assert listed(other) == [("model=m&amp;status=5xx", "Failures")]
        assert ">Delete<" not in text(other, "/dashboard/requests?period=7d")
        assert other.post(f"/dashboard/views/{view.id}", {"do": "rename", "name": "Mine"}).status_code == 404


def test_a_view_is_renamed_taken_anew_and_deleted(ann: Client) -> None:
    view = save(ann)
    save(ann, name="Other")

    ann.post(f"/dashboard/views/{view.id}", {"do": "rename", "name": "  All   failures "})
    ann.post(f"/dashboard/views/{view.id}", {"do": "query", "query": "status=4xx"})
    assert listed(ann) == [("status=4xx", "All failures"), ("model=m&amp;status=5xx", "Other")]
    assert ann.post(f"/dashboard/views/{view.id}", {"do": "rename", "name": "Other"}).status_code == 400
    assert ann.post(f"/dashboard/views/{view.id}", {"do": "rename", "name": " "}).status_code == 400
    ann.post(f"/dashboard/views/{view.id}", {"do": "delete"})
    assert listed(ann) == [("model=m&amp;status=5xx", "Other")]


def test_a_page_opens_with_the_default_of_its_reader_and_clearing_all_leaves_it(
    ann: Client, bob: Client
) -> None:
    view, other = save(ann, shared="1"), save(ann, name="Other", query="status=4xx")
    for chosen in (other, view):
        ann.post(f"/dashboard/views/{chosen.id}", {"do": "default"})

    assert ann.get("/dashboard/requests").headers["Location"] == f"/dashboard/requests?{FAILED}"
    assert ann.get("/dashboard/requests?status=429").status_code == 200
    assert ann.get("/dashboard/usage").status_code == 200
    cleared = ann.get(
        "/dashboard/requests", headers={"Referer": f"http://testserver/dashboard/requests?{FAILED}"}
    )
    assert cleared.status_code == 200
    assert bob.get("/dashboard/requests").status_code == 200


def test_with_the_dashboards_key_views_are_shared_and_of_whoever_has_it(
    signed_in: Client, ann: Client
) -> None:
    view = save(signed_in)
    for do in ("share", "default"):
        signed_in.post(f"/dashboard/views/{view.id}", {"do": do})

    view.refresh_from_db()
    assert (view.owner, view.is_shared, view.is_default) == (None, True, False)
    assert signed_in.get("/dashboard/requests").status_code == 200
    assert listed(ann) == [("model=m&amp;status=5xx", "Failures")]
    assert ann.post(f"/dashboard/views/{view.id}", {"do": "delete"}).status_code == 404
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.filter(id=view.id).update(is_shared=False)


def test_a_shared_view_widens_nothing(bob: Client, ann: Client) -> None:
    people.make_exchange()
    save(bob, name="With words", query="columns=title,model&q=secret", shared="1")
    save(bob, name="Searched", page="search", query="q=secret", shared="1")
    [(query, _)] = listed(ann)
    page = text(ann, f"/dashboard/requests?{query.replace('&amp;', '&')}")

    assert "The first words of its session" not in page
    assert "Not used of this address" in page
    assert ann.get("/dashboard/search?q=secret").status_code == 403


def test_what_cannot_be_kept_is_refused(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for form in ({"name": ""}, {"query": f"model={'m' * 3000}"}):
        assert (
            ann.post("/dashboard/views", {"page": "requests", "name": "n", "query": "", **form}).status_code
            == 400
        )
    for page in ("login", "https://evil.example", "request"):
        assert ann.post("/dashboard/views", {"page": page, "name": "n", "query": ""}).status_code == 404
    monkeypatch.setattr(saved_views, "MOST_OWNED", 1)
    save(ann)
    assert ann.post("/dashboard/views", {"page": "requests", "name": "n", "query": ""}).status_code == 400
    assert SavedView.objects.count() == 1


def test_views_go_with_their_owner(ann: Client, bob: Client) -> None:
    save(ann, shared="1")
    with as_owner():
        User.objects.get(username="ann").delete()

    assert listed(bob) == []


def test_every_page_with_a_filter_bar_has_its_views(signed_in: Client) -> None:
    with_bar = {
        page.name
        for page in PAGES
        if page.permission not in ("", MANAGE_ACCESS) and "<" not in page.address
        if 'class="views"' in text(signed_in, f"/{page.address}")
    }

    assert with_bar == set(saved_views.PAGES)
