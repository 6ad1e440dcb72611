"""`/api/live`: what runs now, as a proxy's own publisher tells it through a real Redis."""

import asyncio
import time
from collections.abc import Iterator
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
import redis
from django.test import Client
from pytest_django.fixtures import Settings

from dashboard.queries import running as module
from proxy import record
from proxy.live_events import ASKED_KEY
from proxy.record import Head
from proxy.relay.capture.exchange import Exchange
from proxy.relay.capture.live import LivePublisher
from tests import people

pytestmark = pytest.mark.django_db
USAGE = b'{"type":"message_start","message":{"model":"m","usage":{"input_tokens":12,"output_tokens":1}}}'
START = b"event: message_start\ndata: " + USAGE + b"\n\n"


class Proxy:
    """A proxy process as far as live events go: a publisher in an event loop of its own."""

    def __init__(self) -> None:
        self._began, self._loop = Flag(), asyncio.new_event_loop()
        self._thread = Thread(target=self._run)
        self._thread.start()
        self._began.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def begin() -> None:
            self.publisher = LivePublisher()
            self.publisher.start()
            self._began.set()

        self._loop.run_until_complete(begin())
        self._loop.run_forever()

    def stream(
        self, domain: str = "a.example", *chunks: bytes, headers: Any = (), started: float = 0
    ) -> Exchange:
        """A stream that runs."""

        async def begin() -> Exchange:
            exchange = Exchange(None, self.publisher.end)
            exchange.started_at = started or exchange.started_at
            head = Head(exchange.id, 0.0, domain, "POST", "/v1/messages", list(headers), "", "")
            await exchange.open(head, b'{"model": "claude-test", "messages": []}')
            self.publisher.begin(exchange)
            for chunk in chunks:
                exchange.feed(chunk)
            return exchange

        return asyncio.run_coroutine_threadsafe(begin(), self._loop).result(10)

    def end(self, exchange: Exchange) -> None:
        self._loop.call_soon_threadsafe(exchange.finish, record.COMPLETE)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.publisher.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    running = Proxy()
    yield running
    running.stop()


def streams(program: Client, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = program.get(f"/api/live?{query}").json()["streams"]
    return found


def test_a_stream_is_told_with_session_agent_times_and_tokens(program: Client, proxy: Proxy) -> None:
    names = [("x-claude-code-session-id", "s-1"), ("x-claude-code-agent-id", "a-1")]
    exchange = proxy.stream("a.example", START, headers=names)
    waiting = proxy.stream("b.example")
    before = time.time()
    found = program.get("/api/live").json()
    first, second = found.pop("streams")

    assert found == {"redisAnswers": True, "listenedMs": 1200}
    assert abs(first.pop("elapsedMs") - 1000 * (time.time() - exchange.started_at)) < 5000
    assert 0 <= first.pop("firstByteMs") < 1000 * (before - exchange.started_at) + 1
    assert first.pop("startedAt").endswith("Z")
    assert first == {
        "requestId": exchange.id,
        "domain": "a.example",
        "sessionId": "s-1",
        "agentId": "a-1",
        "model": "m",
        "inputTokens": 12,
        "outputTokens": 1,
        "toolCallCount": 0,
        "responseBytes": len(START),
    }
    assert [second[name] for name in ("requestId", "model", "sessionId", "agentId", "firstByteMs")] == [
        waiting.id,
        "claude-test",
        None,
        None,
        None,
    ]


def test_who_asks_again_hears_of_silent_streams_too_and_not_of_what_ended(
    program: Client, proxy: Proxy
) -> None:
    silent, ending = proxy.stream(), proxy.stream()
    assert [stream["requestId"] for stream in streams(program)] == [silent.id, ending.id]

    proxy.end(ending)

    assert [stream["requestId"] for stream in streams(program)] == [silent.id]


def test_the_oldest_comes_first_and_the_filter_is_that_of_lists(program: Client, proxy: Proxy) -> None:
    people.make_exchange(domain="a.example")
    younger = proxy.stream("a.example", started=2000.0, headers=[("x-claude-code-session-id", "s-1")])
    older = proxy.stream("a.example.org", started=1000.0)

    assert [stream["requestId"] for stream in streams(program)] == [older.id, younger.id]
    for query, found in {
        "domain=a.example": [younger.id],
        "domain=example.o": [older.id],
        "session=s-1": [younger.id],
        "model=other": [],
    }.items():
        assert [stream["requestId"] for stream in streams(program, query)] == found
    assert program.get("/api/live?account=x").status_code == 422


def test_without_redis_nobody_knows(
    program: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert program.get("/api/live").json() == {"redisAnswers": False, "listenedMs": 1200, "streams": []}

    monkeypatch.setattr(module, "get_channel_layer", lambda: None)
    assert program.get("/api/live").json()["redisAnswers"] is False


def test_figures_alone_open_it(client: Client, real_redis: redis.Redis) -> None:
    real_redis.delete(ASKED_KEY)
    client.force_login(people.reader("bob"))
    assert client.get("/api/live").status_code == 403
    assert real_redis.get(ASKED_KEY) is None

    client.force_login(people.reader("ann", "view_figures"))
    assert client.get("/api/live").json()["streams"] == []
