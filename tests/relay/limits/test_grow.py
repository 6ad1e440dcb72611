"""A request that is still arriving reserves as it grows, against a real Redis."""

import json
from collections.abc import AsyncIterator

import pytest

from proxy import record
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.request import RelayRequest
from proxy.relay.limits.limiter import Limiter
from proxy.wire.errors import ErrorKind
from tests.relay.limited import MODEL, ask, capped, level, limiter, request, reserved, rule
from tests.relay.limits.test_limiter import away, end

BATCH = json.dumps({"requests": [{"custom_id": "a", "params": {"model": MODEL}}]}).encode()
FRAGMENT = BATCH + b" " * (
    400_000 - len(BATCH)
)  # 100,000 tokens, written to the cache at half the price of 3.75
FRAGMENT_USD = 187_500  # millionths


@pytest.fixture
async def door() -> AsyncIterator[Limiter]:
    made = limiter()
    yield made
    await made.stop()


def batch() -> RelayRequest:
    made = request("/v1/messages/batches")
    made.content = b""
    return made


async def test_a_batch_reserves_what_has_come_until_the_cap_is_reached(door: Limiter) -> None:
    limit, sent = capped("0.5"), batch()
    exchange, refused = await ask(door, limit, sent=sent)
    assert (refused, reserved(limit)) == (None, 0)

    for times in (1, 2, 3):
        assert await door.grow(exchange, sent, FRAGMENT) is None
        assert reserved(limit) == times * FRAGMENT_USD

    full = await door.grow(exchange, sent, FRAGMENT)
    assert full
    assert full.kind is ErrorKind.RATE_LIMIT
    assert reserved(limit) == 3 * FRAGMENT_USD
    await end(door, exchange, record.REFUSED, 429)
    assert reserved(limit) == 0


async def test_tokens_are_taken_of_the_bucket_once_and_come_back(door: Limiter) -> None:
    limit, sent = (
        rule(tokens_per_minute=250_000, requests_per_minute=2, concurrent_streams=2),
        request("/v1/x"),
    )
    sent.content = b""
    first, second = [(await ask(door, limit, sent=sent))[0] for _ in range(2)]

    assert await door.grow(first, sent, FRAGMENT) is None
    assert await door.grow(second, sent, FRAGMENT) is None
    assert 50_000 <= level(limit, "tokens") < 60_000
    full = await door.grow(first, sent, FRAGMENT)

    assert full
    assert full.kind is ErrorKind.RATE_LIMIT
    await end(door, first, record.REFUSED, 429)
    assert level(limit, "tokens") >= 150_000
    await end(door, second, record.REFUSED, 429)


async def test_what_is_larger_than_a_minutes_tokens_passes_when_none_are_used(door: Limiter) -> None:
    limit, sent = rule(tokens_per_minute=150_000), request("/v1/x")
    sent.content = b""
    exchange, _ = await ask(door, limit, sent=sent)

    assert [await door.grow(exchange, sent, FRAGMENT) for _ in range(3)] == [None] * 3

    assert level(limit, "tokens") < 1000
    await end(door, exchange, record.REFUSED, 429)
    assert level(limit, "tokens") >= 150_000 - 1000


async def test_a_file_costs_nothing_however_large(door: Limiter) -> None:
    limit, sent = capped("0.5"), request("/v1/files")
    exchange, _ = await ask(door, limit, sent=sent)
    assert [await door.grow(exchange, sent, FRAGMENT) for _ in range(9)] == [None] * 9
    assert reserved(limit) == 0


async def test_without_redis_it_goes_on(door: Limiter) -> None:
    limit, sent = capped("0.5"), batch()
    exchange, _ = await ask(door, limit, sent=sent)
    working, door._store = door._store, away()
    assert await door.grow(exchange, sent, FRAGMENT) is None
    door._store, door._asks_again_at = working, 0.0
    await end(door, exchange)

    nobody = Exchange(None, door.end)
    assert await door.grow(nobody, sent, FRAGMENT) is None


async def test_what_ended_meanwhile_stays_given_back(door: Limiter, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, sent = capped("0.5"), batch()
    exchange, _ = await ask(door, limit, sent=sent)
    asked = door._asked

    async def slow(*hold: object, **more: int) -> list[object]:
        exchange.finish(record.CLIENT_LEFT)
        return await asked(*hold, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(door, "_asked", slow)
    assert await door.grow(exchange, sent, FRAGMENT) is None
    assert exchange.id not in door._held
