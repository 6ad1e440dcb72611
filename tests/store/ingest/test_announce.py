import logging
from uuid import UUID

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from pytest_django import Settings

from proxy import live_events
from proxy.store import announce
from proxy.store.announce import Stored
from proxy.store.ingest import batch as ingest
from proxy.store.listeners import live
from proxy.wire.billing.usage import Counts
from tests.store.records import NOON, ask, make_batch, make_closing, make_head, make_record, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Stored]:
    stored: list[Stored] = []
    monkeypatch.setattr(
        announce,
        "_LISTENERS",
        ("tests.store.ingest.test_announce.fail", "tests.store.ingest.test_announce.hear"),
    )
    monkeypatch.setattr("tests.store.ingest.test_announce.hear", stored.extend)
    return stored


def fail(stored: list[Stored]) -> None:
    raise ConnectionError(f"nobody hears of {len(stored)}")


def hear(stored: list[Stored]) -> None:
    raise NotImplementedError


def test_each_new_exchange_is_announced_with_what_it_says(heard: list[Stored]) -> None:
    record = make_record(ask("Why?"), say("Because."))

    ingest.ingest(make_batch(record))

    [only] = heard
    assert (only.exchange_id, only.domain, only.account) == (UUID(record.head.id), "a.example", "team")
    assert (only.user_text, only.first_user_text, only.model) == ("Why?", "Why?", "claude-sonnet-4-5")
    assert (only.started_at, only.duration_ms, only.counts) == (NOON, 251, Counts(10, 5, 0, 0))
    assert only.message is not None
    assert only.message["content"] == [{"type": "text", "text": "Because."}]


def test_an_exchange_that_comes_again_is_not_announced_again(heard: list[Stored]) -> None:
    batch = make_batch(make_record())
    ingest.ingest(batch)

    ingest.ingest(batch)

    assert len(heard) == 1


def test_a_listener_that_fails_is_logged_and_stops_nothing(
    heard: list[Stored], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        assert ingest.ingest(make_batch(make_record())) == 1

    assert [(line.message, line.exc_info is not None) for line in caplog.records] == [
        ("announce.failed", True)
    ]
    assert len(heard) == 1


async def next_about(channel: str, exchange: str) -> live_events.Message:
    while True:
        message: live_events.Message = await get_channel_layer().receive(channel)
        if any(event["id"] == exchange for event in message["events"]):
            return message


def test_open_pages_get_one_message_a_batch(heard: list[Stored]) -> None:
    records = [make_record(), make_record(closing=make_closing(outcome="client_left"))]
    ingest.ingest(make_batch(*records))

    async def listen_and_publish() -> live_events.Message:
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(live_events.GROUP, channel)
        await sync_to_async(live.publish)(heard)
        return await next_about(channel, records[0].head.id)

    message = async_to_sync(listen_and_publish)()
    assert {event["id"]: event["outcome"] for event in message["events"]} == {
        records[0].head.id: "complete",
        records[1].head.id: "client_left",
    }


def test_an_event_names_its_session_where_it_has_one(heard: list[Stored]) -> None:
    named = make_head(headers=[("x-claude-code-session-id", "session-1")])
    ingest.ingest(make_batch(make_record(), make_record(head=named)))

    assert {live.event(stored).get("session_id") for stored in heard} == {None, "session-1"}


def test_a_worker_without_a_channel_layer_publishes_nothing(heard: list[Stored], settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {}
    ingest.ingest(make_batch(make_record()))

    live.publish(heard)

    assert get_channel_layer() is None
