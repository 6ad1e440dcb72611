"""Message batches on pages and in the API: what they cost, and those whose cost nobody knows yet."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.queries import batches
from nexus_project.operations.grants import WORKER
from proxy.record import Part
from proxy.store.ingest.batch import take_part
from proxy.store.models import MessageBatch
from tests import people
from tests.people import take_in
from tests.roles import acting_as, as_owner
from tests.store.batch_records import BATCH, create, fetch
from tests.store.records import make_batch
from tests.wire.batch_files import SEVERAL_MODELS, answered, usage

pytestmark = pytest.mark.django_db


@pytest.fixture
def fetches() -> list[str]:
    """The ids of four fetches of one batch: cut, whole, again, and again in part."""
    now = timezone.now()
    for model in ("claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"):
        people.make_price(model)
    records = [
        create(created_at=now.isoformat(), moment=now),
        fetch(SEVERAL_MODELS[:900], moment=now, closing={"outcome": "client_left"}),
        fetch(SEVERAL_MODELS, moment=now, domain="b.example"),
        fetch(SEVERAL_MODELS, moment=now),
    ]
    for record in records:
        take_in(make_batch(record))
    return [record.head.id for record in records[1:]]


def page(client: Client, exchange_id: str, view: str = "") -> str:
    return client.get(f"/dashboard/request/{exchange_id}?view={view}").content.decode()


def test_the_page_of_results_shows_what_they_say_and_cost(signed_in: Client, fetches: list[str]) -> None:
    shown = page(signed_in, fetches[1])

    for expected in (
        "<h1>(several)</h1>", "The cost of this batch is counted here, under", "?domain=a.example", BATCH, ">Results</a>",
        "<dt>Results</dt><dd>6 of 6</dd>", "<dt>Succeeded</dt><dd>4</dd>", "<dt>Errored</dt><dd>1</dd>",
        "claude-sonnet-4-5-20250929", "4,000", "exact", "The first 6 results", "max_tokens: Field required",
    ):  # fmt: skip
        assert expected in shown


def test_the_page_of_a_second_fetch_names_the_one_that_counted(signed_in: Client, fetches: list[str]) -> None:
    shown = page(signed_in, fetches[2])

    assert "was counted before, by" in shown
    assert f'href="/dashboard/request/{fetches[1]}"' in shown
    assert "unpriced" not in shown


def test_the_page_of_a_cut_fetch_says_that_nothing_counts(signed_in: Client, fetches: list[str]) -> None:
    shown = page(signed_in, fetches[0])

    assert "did not come to their end" in shown
    assert "<dt>Unreadable</dt>" in shown


def test_a_large_file_of_results_makes_a_small_page(signed_in: Client, program: Client) -> None:
    line = answered("claude-haiku-4-5", usage(1, 1), text="x" * 100_000 + "sk-ant-api03-abcdefghijklmnop")
    record = fetch(line * 60)
    take_in(make_batch(record))

    pages = [page(signed_in, record.head.id, view) for view in ("conversation", "raw")]
    response = program.get(f"/api/requests/{record.head.id}").json()

    assert len(pages[0]) < 100_000
    assert len(pages[1]) < 400_000
    assert "The first 2,000 of 100,3" in pages[0]
    assert len(response["responseBody"]) == 20
    assert not any("abcdefghijklmnop" in item for item in (*pages, str(response)))


def test_results_whose_body_is_gone_still_have_a_page(signed_in: Client) -> None:
    record = fetch(b"", closing={"response_dropped": True, "response_size": 10})
    take_in(make_batch(record))

    assert "spool was full" in page(signed_in, record.head.id)


def test_results_that_came_in_parts_show_what_they_cost_and_that_they_are_not_kept(signed_in: Client) -> None:
    people.make_price("claude-haiku-4-5")
    body = answered("claude-haiku-4-5", usage(10, 2))
    record = fetch(b"", closing={"response_not_kept": True, "response_size": len(body)})
    with acting_as(WORKER):
        take_part(Part(record.head.id, 0, make_batch(record), body))

    shown = page(signed_in, record.head.id)

    assert "The cost of this batch is counted here" in shown
    assert f"was not kept (size {len(body)} bytes" in shown
    assert "dropped" not in shown


def test_a_batch_whose_results_were_not_fetched_is_told_beside_the_figures(signed_in: Client) -> None:
    now = timezone.now()
    for number, domain in enumerate(("a.example", "a.example", "b.example")):
        take_in(make_batch(create(f"msgbatch_{number}", created_at=None, moment=now, domain=domain)))

    every, only = (
        signed_in.get(f"/dashboard/usage{query}").content.decode() for query in ("", "?domain=b.example")
    )

    assert '3 <a href="/api/batches">batches</a> created, results not fetched' in every
    assert '1 <a href="/api/batches?domain=b.example">batch</a> created' in only


def test_a_batch_that_was_counted_or_is_too_old_does_not_wait(signed_in: Client, fetches: list[str]) -> None:
    with as_owner():
        MessageBatch.objects.create(
            id="old", domain="a.example", created_at=timezone.now() - timedelta(days=30)
        )

    assert "results not fetched" not in signed_in.get("/dashboard/usage").content.decode()


def listed(client: Client, query: str = "") -> Any:
    return client.get(f"/api/batches{query}").json()


def test_the_api_lists_batches_with_their_state(program: Client, fetches: list[str]) -> None:
    now = timezone.now()
    old = {"domain": "b.example", "account": "x", "created_at": now - timedelta(days=30)}
    with as_owner():
        MessageBatch.objects.create(id="old", **old)
    take_in(make_batch(create("new", created_at=None, moment=now, domain="b.example", requests=7)))

    found = listed(program)
    counted = next(batch for batch in found["batches"] if batch["batchId"] == BATCH)

    assert found["waiting"] == 1
    assert [(batch["batchId"], batch["state"]) for batch in found["batches"]] == [
        ("new", "waiting"),
        (BATCH, "counted"),
        ("old", "lost"),
    ]
    assert (counted["domain"], counted["accountId"], counted["requests"]) == ("a.example", "team", 6)
    assert counted["countedBy"] == fetches[1]
    assert UUID(counted["createdBy"]).version == 7
    assert counted["countedAt"] >= counted["createdAt"][:10]


def test_the_api_lists_the_batches_of_one_domain_and_no_more_than_asked(
    program: Client, fetches: list[str]
) -> None:
    for number in range(3):
        take_in(make_batch(create(str(number), domain="b.example")))

    assert {batch["domain"] for batch in listed(program, "?domain=B.example")["batches"]} == {"b.example"}
    assert len(listed(program, "?limit=2")["batches"]) == 2


def test_the_api_tells_what_a_batch_cost_by_model(program: Client, fetches: list[str]) -> None:
    found = program.get(f"/api/requests/{fetches[1]}").json()

    assert (found["model"], found["costState"]) == ("(several)", "exact")
    assert found["usageData"]["batch"]["results"]["types"] == {"succeeded": 4, "errored": 1, "expired": 1}
    assert [share["model"] for share in found["usageData"]["batch"]["results"]["shares"]] == [
        "claude-haiku-4-5",
        "claude-opus-4-5",
        "claude-sonnet-4-5-20250929",
    ]


@pytest.fixture
def batches_of_two_keys() -> None:
    """One that was counted, of a key and a session, and one that waits, of another account and domain."""
    people.make_price("claude-haiku-4-5")
    now = timezone.now()
    take_in(make_batch(create("counted", created_at=None, moment=now - timedelta(hours=3), client_key="7")))
    take_in(
        make_batch(fetch(answered("claude-haiku-4-5", usage(1, 1)), "counted", moment=now, client_key="8"))
    )
    other: dict[str, Any] = {"domain": "b.example", "account": "other", "client_key": "9"}
    take_in(make_batch(create("waits", created_at=None, moment=now, **other)))


@pytest.mark.usefixtures("batches_of_two_keys")
@pytest.mark.parametrize(
    ("query", "ids", "waiting"),
    [
        ("", ["waits", "counted"], 1),
        ("?account=other", ["waits"], 1),
        ("?domain=b.ex&account=team", [], 0),
        ("?model=claude-haiku-4-5", ["counted"], 1),
        ("?clientKey=7", ["counted"], 0),
        ("?clientKey=8", ["counted"], 0),
        ("?clientKey=9", ["waits"], 1),
        ("?period=1h", ["waits"], 1),
        ("?period=24h&limit=1", ["waits"], 1),
        ("?session=nobody", [], 0),
        ("?to=2026-01-01", [], 0),
    ],
)
def test_the_api_lists_the_batches_of_a_filter(
    program: Client, query: str, ids: list[str], waiting: int
) -> None:
    found = listed(program, query)

    assert [batch["batchId"] for batch in found["batches"]] == ids
    assert (found["waiting"], found["lookedBackTo"]) == (waiting, None)


@pytest.mark.usefixtures("batches_of_two_keys")
def test_the_list_of_batches_says_where_it_stopped_to_look(
    program: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "STEP", 1)
    monkeypatch.setattr(batches, "MOST_ROWS", 1)

    found = listed(program, "?clientKey=7")

    assert found["batches"] == []
    assert found["lookedBackTo"] == listed(program)["batches"][0]["createdAt"]


@pytest.mark.parametrize("query", ["status=5xx", "type=batch", "minCostUsd=1", "tool=Bash"])
def test_what_no_batch_knows_is_refused(program: Client, query: str) -> None:
    response = program.get(f"/api/batches?{query}")

    assert response.status_code == 422
    assert response.json()["error"]["message"].startswith(f"{query.partition('=')[0]}: there is no such")


@pytest.mark.usefixtures("batches_of_two_keys")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("model=claude-haiku-4-5&account=other", '1 <a href="/api/batches?account=other">batch</a>'),
        ("period=24h&type=batch", '1 <a href="/api/batches?period=24h">batch</a>'),
        ("account=team", None),
        ("type=inference", None),
    ],
)
def test_usage_tells_of_the_batches_of_its_filter(
    signed_in: Client, query: str, expected: str | None
) -> None:
    shown = signed_in.get(f"/dashboard/usage?{query}").text

    assert ("results not fetched" in shown) is (expected is not None)
    assert (expected or "") in shown
