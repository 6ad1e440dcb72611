"""Live events: hints of what runs, through a real Redis, never in the way of a request."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from channels.layers import channel_layers, get_channel_layer
from django.test import override_settings
from redis.asyncio import Redis

from proxy import record
from proxy.live_events import ASKED_KEY, GROUP, MESSAGE_TYPE, Event
from proxy.record import Head
from proxy.relay.capture import live as module
from proxy.relay.capture.exchange import Exchange
from proxy.relay.capture.live import LivePublisher


@pytest.fixture(autouse=True)
def fresh_layer() -> Iterator[None]:
    """A layer belongs to the event loop of its test."""
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


def begun(publisher: LivePublisher) -> Exchange:
    exchange = Exchange(None, publisher.end)
    publisher.begin(exchange)
    return exchange


def reported(events: list[Event]) -> list[tuple[str, str]]:
    return [(event["kind"], event["id"]) for event in events]


def test_what_is_new_or_has_grown_is_told_once() -> None:
    publisher = LivePublisher()
    first, second = begun(publisher), begun(publisher)

    assert reported(publisher.changes()) == [("running", first.id), ("running", second.id)]
    assert publisher.changes() == []

    second.feed(b"more")
    assert reported(publisher.changes()) == [("running", second.id)]


def test_what_ended_is_told_with_its_outcome_and_forgotten() -> None:
    publisher = LivePublisher()
    exchange = begun(publisher)
    publisher.changes()
    exchange.finish(record.COMPLETE)

    [event] = publisher.changes()

    assert (event["kind"], event["outcome"]) == ("ended", record.COMPLETE)
    assert (publisher.changes(), publisher.running, publisher._reported) == ([], {}, {})


def test_what_never_ran_is_not_told() -> None:
    publisher = LivePublisher()
    Exchange(None, publisher.end).finish(record.REFUSED)

    assert publisher.changes() == []


def test_however_many_run_each_is_told_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EVENTS", 10)
    publisher = LivePublisher()
    running = [begun(publisher) for _ in range(25)]
    heard: set[str] = set()
    for _ in range(3):
        for exchange in running:
            exchange.feed(b"x")
        events = publisher.changes()
        assert len(events) == 10
        heard |= {event["id"] for event in events}

    assert len(heard) == 25


def test_ends_that_nobody_fetches_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EVENTS", 10)
    publisher = LivePublisher()
    for _ in range(50):
        exchange = begun(publisher)
        publisher.changes()
        exchange.finish(record.COMPLETE)
        publisher._ended *= 2

    assert len(publisher.changes()) <= 20
    assert publisher._reported == {}


async def test_a_watcher_hears_of_it_through_redis() -> None:
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    publisher = LivePublisher()
    publisher.start()
    await asyncio.sleep(2 * module.INTERVAL_SECONDS)
    exchange = begun(publisher)

    heard: dict[str, Any] = await asyncio.wait_for(layer.receive(channel), 10)

    assert heard["type"] == MESSAGE_TYPE
    assert reported(heard["events"]) == [("running", exchange.id)]
    await publisher.stop()
    await layer.group_discard(GROUP, channel)
    await layer.flush()


async def test_who_opens_a_page_later_hears_of_all_that_runs_and_nobody_else_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    publisher = LivePublisher()
    publisher.start()
    exchange = begun(publisher)
    await asyncio.sleep(3 * module.INTERVAL_SECONDS)
    begun(publisher).finish(record.COMPLETE)
    assert (publisher._reported, publisher._ended) == ({}, [])

    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    heard: dict[str, Any] = await asyncio.wait_for(layer.receive(channel), 10)
    assert reported(heard["events"]) == [("running", exchange.id)]

    await layer.group_discard(GROUP, channel)
    await asyncio.sleep(3 * module.INTERVAL_SECONDS)
    await layer.group_add(GROUP, channel)
    heard = await asyncio.wait_for(layer.receive(channel), 10)
    assert reported(heard["events"]) == [("running", exchange.id)]
    await publisher.stop()
    await layer.group_discard(GROUP, channel)
    await layer.flush()


async def test_who_asks_for_all_that_runs_hears_it_once_more_though_others_listen(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    publisher = LivePublisher()
    publisher.start()
    exchange = begun(publisher)
    assert reported((await asyncio.wait_for(layer.receive(channel), 10))["events"]) == [
        ("running", exchange.id)
    ]

    async with Redis.from_url(settings.REDIS_URL) as connection:
        await connection.set(ASKED_KEY, exchange.id, ex=60)
    heard: dict[str, Any] = await asyncio.wait_for(layer.receive(channel), 10)

    assert reported(heard["events"]) == [("running", exchange.id)]
    await publisher.stop()
    await layer.group_discard(GROUP, channel)
    await layer.flush()


async def test_a_stream_is_told_with_its_session_and_its_first_byte() -> None:
    exchange = Exchange(None, lambda _: None)
    names = [("x-claude-code-session-id", "s-1"), ("x-claude-code-agent-id", "a-1")]
    await exchange.open(Head(exchange.id, 0.0, "a.example", "POST", "/", names, "", ""), b"{}")
    before = exchange.event("running")
    exchange.feed(b"x")
    event = exchange.event("running")

    assert (event["session_id"], event["agent_id"], before["first_byte_ms"]) == ("s-1", "a-1", None)
    assert event["first_byte_ms"] is not None
    assert 0 <= event["first_byte_ms"] <= event["elapsed_ms"] + 1


async def test_what_is_silent_is_reported_again_for_who_opens_a_page_beside_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(module, "REPEAT_SECONDS", 0.3)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    publisher = LivePublisher()
    publisher.start()
    exchange = begun(publisher)

    for _ in range(3):
        heard: dict[str, Any] = await asyncio.wait_for(layer.receive(channel), 10)
        assert reported(heard["events"]) == [("running", exchange.id)]
    await publisher.stop()
    await layer.group_discard(GROUP, channel)
    await layer.flush()


async def test_an_unreachable_redis_is_told_once_and_hurts_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.01)
    publisher = LivePublisher()
    tries = 0

    class Unreachable:
        async def group_send(self, *_: object) -> None:
            nonlocal tries
            tries += 1
            if tries != 3:
                raise ConnectionError

    publisher._layer = Unreachable()
    publisher._next_look = float("inf")
    publisher.start()
    exchange = begun(publisher)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while tries < 5:
                exchange.feed(b"x")
                await asyncio.sleep(0.005)
    await publisher.stop()

    assert caplog.messages == ["live.unreachable"] * 2


async def test_a_client_of_redis_that_swallows_the_cancellation_does_not_keep_it_running() -> None:
    sending = asyncio.Event()

    class Swallowing:
        async def group_send(self, *_: object) -> None:
            sending.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(10)

    publisher = LivePublisher()
    publisher._layer = Swallowing()
    publisher._next_look = float("inf")
    publisher.start()
    begun(publisher)
    await asyncio.wait_for(sending.wait(), 5)

    await asyncio.wait_for(publisher.stop(), 5)


@override_settings(CHANNEL_LAYERS={})
async def test_without_redis_nothing_is_told() -> None:
    publisher = LivePublisher()
    publisher.start()
    begun(publisher).finish(record.COMPLETE)
    await publisher.stop()

    assert publisher.changes() == []


async def test_a_stream_is_told_with_its_silence_a_guess_at_its_output_and_who_stopped_it() -> None:
    exchange = Exchange(None, lambda _: None)
    exchange.feed(b"event: content_block_delta\ndata: %b\n\n" % (b"x" * 500))
    running = exchange.event("running")

    exchange.stopped_by = "ann"
    exchange.finish("aborted", "stopped", "Stopped by ann.")
    ended = exchange.event("ended")

    assert "stopped_by" not in running
    assert running["estimated_tokens"] > 90
    assert 0 <= running["silent_ms"] <= running["elapsed_ms"] + 1
    assert (ended["stopped_by"], ended["outcome"]) == ("ann", "aborted")
