"""`/api/search`: hits with their marks, how far back was searched, and who may ask."""

from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings

from proxy.store.search import find
from tests import people
from tests.store.search.texts import CONVERSATION, NOON, fill, make_text

pytestmark = pytest.mark.django_db


def test_a_hit_has_its_turn_its_place_and_its_marks(program: Client) -> None:
    row = people.make_exchange()
    make_text("a rate limit", exchange_id=row.id)
    response = program.get("/api/search?q=limit")
    [hit] = response.json()["hits"]

    assert response.headers["Cache-Control"] == "no-store"
    assert hit == {
        "requestId": str(row.id),
        "conversationId": str(CONVERSATION),
        "where": "prompt",
        "snippet": "a rate limit",
        "marks": [[7, 12]],
        "domain": "a.example",
        "startedAt": row.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def test_a_hit_whose_exchange_was_dropped_is_of_the_moment_in_its_id(program: Client) -> None:
    make_text("word")

    assert program.get("/api/search?q=word").json()["hits"][0]["startedAt"] == "2026-11-20T12:00:00Z"


def test_pages_go_on_by_their_last_id(program: Client) -> None:
    fill(3, "word")
    first = program.get("/api/search?q=word&limit=2").json()
    second = program.get(f"/api/search?q=word&limit=2&before={first['nextBefore']}").json()

    assert [len(page["hits"]) for page in (first, second)] == [2, 1]
    assert [page["more"] for page in (first, second)] == [True, False]
    assert second["nextBefore"] is None
    assert second["incomplete"] is None
    assert second["searchedBackTo"] < first["searchedBackTo"] < NOON.isoformat().replace("+00:00", "Z") + "~"


def test_the_filter_narrows_it(program: Client) -> None:
    make_text("word")
    other = make_text("word", domain="b.example", conversation=UUID(int=9))

    def found(query: str) -> list[str]:
        return [hit["requestId"] for hit in program.get(f"/api/search?q=word&{query}").json()["hits"]]

    assert found("domain=b.example") == [str(other)]
    assert found("to=2026-11-20T11:00Z") == []
    assert found("from=2026-11-20T12:01Z") == []
    assert found("from=0001-01-02&to=0001-01-03") == []
    assert len(found("from=2026-11-20")) == 2


def test_a_search_that_was_stopped_says_so(program: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "MOST_READ", 1)
    fill(2, "order in")
    found = program.get("/api/search?q=%22in+order%22").json()

    assert found["incomplete"] == find.TOO_MANY
    assert found["more"]


@pytest.mark.parametrize(
    ("query", "message"),
    [("q=-", "q: it has no word"), ("", "q: Field required"), ("q=a&model=m", "model: there is no such")],
)
def test_what_it_cannot_use_is_refused(program: Client, query: str, message: str) -> None:
    response = program.get(f"/api/search?{query}")

    assert response.status_code == 422
    assert response.json()["error"]["message"].startswith(message)
    assert (
        "Parameters: period, from, to, zone, domain, q, conversation" in response.json()["error"]["message"]
    )


def test_hits_alone_tell_so_it_needs_the_right_to_bodies(client: Client, settings: Settings) -> None:
    client.force_login(people.reader("analyst", "view_figures"))

    assert client.get("/api/search?q=word").status_code == 403
