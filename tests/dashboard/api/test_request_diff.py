"""`/api/requests/{id}/diff`: against the turn before or a named request, for who may read bodies."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from proxy.store.models import Exchange, ExchangeBody
from tests import people
from tests.conversations.clients import Thread, World, call, result, text
from tests.dashboard.found import make_break
from tests.roles import as_owner
from tests.store.conversations.replayed import record_of
from tests.store.records import make_batch

pytestmark = pytest.mark.django_db


def made(system: str) -> Exchange:
    return people.make_exchange(request=people.REQUEST | {"system": system})


def diff(program: Client, exchange: UUID, against: UUID | None = None, status: int = 200) -> Any:
    response = program.get(f"/api/requests/{exchange}/diff{f'?against={against}' if against else ''}")
    assert response.status_code == status, response.content
    return response.json()


def test_it_names_both_requests_and_what_differs_part_by_part(program: Client) -> None:
    before, after = made("You are old."), made("You are new.")
    found = diff(program, after.id, before.id)

    assert (found["requestId"], found["against"], found["cacheBreak"]) == (
        str(after.id),
        str(before.id),
        None,
    )
    assert [section["name"] for section in found["sections"]] == [
        "settings",
        "tools",
        "system",
        "messages",
        "deferred tools",
    ]
    assert found["sections"][2] == {
        "name": "system",
        "entries": [
            {
                "kind": "changed",
                "at": "system block 0",
                "before": "You are old.",
                "after": "You are new.",
                "endsPrefix": True,
            }
        ],
        "more": 0,
    }


def test_without_another_one_it_is_the_turn_that_it_goes_on_from(program: Client) -> None:
    world = World()
    thread = Thread(world)
    thread.ask([text("go")], [used := call(world)])
    thread.ask([result(used)], [text("Done.")])
    people.take_in(make_batch(*map(record_of, world.sent)))
    first, second = (sent.id for sent in world.sent)
    found = diff(program, second)

    assert found["against"] == str(first)
    assert any(entry["kind"] == "added" for entry in found["sections"][3]["entries"])
    assert "goes on from no other one" in diff(program, first, status=404)["error"]["message"]


def test_a_turn_that_lost_its_cache_is_compared_with_what_it_lost(program: Client) -> None:
    before, after, other = made("old"), made("new"), made("other")
    make_break(after, parent=before.id, cause="system prompt changed", at="system block 0")

    assert diff(program, after.id)["against"] == str(before.id)
    assert diff(program, after.id)["cacheBreak"]["cause"] == "system prompt changed"
    assert diff(program, after.id, other.id)["cacheBreak"] is None


def test_a_missing_body_is_named(program: Client) -> None:
    before, after = made("old"), made("new")
    with as_owner():
        ExchangeBody.objects.filter(id=before.id).update(request_dropped=True, request_manifest=b"")

    message = diff(program, after.id, before.id, status=404)["error"]["message"]

    assert message.startswith(f"The body of request {before.id} cannot be compared: ")


def test_requests_that_are_not_stored_are_named(program: Client) -> None:
    known, unknown = made("new").id, people.make_id()

    assert "No exchange with this id" in diff(program, unknown, status=404)["error"]["message"]
    assert f"no request {unknown}" in diff(program, known, unknown, status=404)["error"]["message"]


def test_what_is_no_request_of_messages_says_so(program: Client) -> None:
    row = people.make_exchange(request=b"no JSON")

    assert "its body is no JSON" in diff(program, row.id, row.id, status=404)["error"]["message"]


def test_so_many_entries_are_given(program: Client) -> None:
    tools = [{"name": f"tool-{number}"} for number in range(5)]
    before, after = made("s"), people.make_exchange(request=people.REQUEST | {"system": "s", "tools": tools})
    found = program.get(f"/api/requests/{after.id}/diff?against={before.id}&limit=2").json()["sections"][1]

    assert (len(found["entries"]), found["more"]) == (2, 3)
    assert program.get(f"/api/requests/{after.id}/diff?limit=0").status_code == 422


def test_it_is_kept_by_nobody_and_needs_the_right_to_bodies(program: Client, client: Client) -> None:
    row = made("s")
    address = f"/api/requests/{row.id}/diff?against={row.id}"
    client.force_login(people.reader("analyst", "view_figures"))

    assert program.get(address).headers["Cache-Control"] == "no-store"
    assert client.get(address).status_code == 403
    assert json.loads(client.get(address).content)["error"]["message"].startswith("Your user lacks")
