"""What passes the door under limits, against a real Redis."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings
from pytest_django.fixtures import Settings

from accounts.access.limits import Rules, spent_key
from proxy import record
from proxy.relay.capture.exchange import Exchange
from proxy.relay.limits import limiter as limits
from proxy.relay.limits import store as limit_store
from proxy.relay.limits.limiter import Limiter
from proxy.relay.limits.messages import Refusal
from proxy.relay.limits.store import LimitStore
from proxy.wire.errors import ErrorKind
from tests.relay.limited import (
    Known,
    age,
    ask,
    capped,
    client,
    decision,
    level,
    limiter,
    request,
    reserved,
    rule,
    running,
    spend,
)
from tests.relay.redis_server import OwnRedis

RESPONSE = (
    b'{"type":"message","model":"claude-sonnet-4-5","content":[],'
    b'"usage":{"input_tokens":100,"cache_creation_input_tokens":20,"cache_read_input_tokens":5000,"output_tokens":30}}'
)
COST = 100 * 3 + 20 * 3.75 + 5000 * 0.3 + 30 * 15


@pytest.fixture
async def door() -> AsyncIterator[Limiter]:
    made = limiter()
    yield made
    await made.stop()


async def settle(door: Limiter) -> None:
    """Wait for what the door does in the background."""
    await asyncio.gather(*door._ending)


async def end(door: Limiter, exchange: Exchange, outcome: str = record.COMPLETE, status: int = 200) -> None:
    exchange.status = status
    exchange.finish(outcome)
    await settle(door)


def away() -> LimitStore:
    """A Redis that does not answer."""
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        return LimitStore()


def text(refused: Refusal | None) -> str:
    assert refused
    return refused.message


async def test_what_no_limit_is_for_costs_nothing(door: Limiter) -> None:
    limit = rule(scope="organisation", requests_per_minute=1)
    knows = Known(Rules(limit, {"a.example": limit}, {"7": limit}))
    door._watcher = knows  # type: ignore[assignment]  # all that it reads

    assert door.rules(decision("b.example"), request()) == ()
    assert door.rules(decision("b.example", credential=True), request()) == (limit,)
    assert door.rules(decision("a.example", client_key="7"), request()) == (limit, limit, limit)
    assert door.rules(decision("a.example"), request("/v1/messages/count_tokens?beta=true")) == ()
    knows.current = None
    assert door.rules(decision("a.example"), request()) == ()
    assert limiter().rules(decision("a.example"), request()) == ()
    door.end(Exchange(None, door.end))
    assert not door._ending


async def test_requests_per_minute_with_a_retry_after_that_is_true(door: Limiter) -> None:
    limit = rule(requests_per_minute=3)
    passed = [(await ask(door, limit))[1] for _ in range(3)]

    _, refused = await ask(door, limit)

    assert passed == [None] * 3
    assert refused
    assert (refused.kind, refused.headers) == (ErrorKind.RATE_LIMIT, [(b"retry-after", b"20")])
    assert "The limit of domain a.example, 3 requests per minute, is reached. Try again in 20 s" in text(
        refused
    )
    age(limit, "requests", 19)
    assert (await ask(door, limit))[1]
    age(limit, "requests", 1)
    assert (await ask(door, limit))[1] is None


async def test_tokens_per_minute_are_reserved_and_what_is_not_used_comes_back(door: Limiter) -> None:
    limit = rule(tokens_per_minute=2000)
    exchange, _ = await ask(door, limit)
    assert 2000 - 1000 - 20 <= level(limit, "tokens") < 1000

    _, refused = await ask(door, limit)
    exchange.feed(RESPONSE)
    await end(door, exchange)

    assert "2000 tokens per minute" in text(refused)
    assert 1850 - 1 <= level(limit, "tokens") <= 1850 + 10
    assert (await ask(door, limit))[1] is None


async def test_a_request_larger_than_a_minutes_tokens_passes_when_none_are_used(door: Limiter) -> None:
    limit = rule(tokens_per_minute=100)

    first, second = [(await ask(door, limit))[1] for _ in range(2)]

    assert first is None
    assert second
    assert second.headers == [(b"retry-after", b"60")]


async def test_what_was_used_beyond_the_estimate_is_a_debt(door: Limiter) -> None:
    limit = rule(tokens_per_minute=100)
    exchange, _ = await ask(door, limit, sent=request(max_tokens=1))
    exchange.feed(RESPONSE)

    await end(door, exchange)

    _, refused = await ask(door, limit, sent=request(max_tokens=1))
    assert level(limit, "tokens") < 0
    assert refused
    missing = -level(limit, "tokens") + 12  # of body, and one of answer
    assert int(refused.headers[0][1]) == pytest.approx(missing * 60 / 100, abs=2)


async def test_concurrent_streams(door: Limiter) -> None:
    limit = rule(concurrent_streams=2)
    first, _ = await ask(door, limit)
    await ask(door, limit)

    _, refused = await ask(door, limit)
    await end(door, first)

    assert refused
    assert (refused.kind, refused.headers) == (ErrorKind.RATE_LIMIT, [(b"x-should-retry", b"true")])
    assert "2 requests of domain a.example are under way, and its limit is 2 at a time" in text(refused)
    assert (await ask(door, limit))[1] is None


async def test_a_spent_cap_is_a_billing_error_that_no_client_should_try_again(door: Limiter) -> None:
    limit = capped("1.00", "month")
    spend(limit, "1.00", "month")

    _, refused = await ask(door, limit)

    assert refused
    assert (refused.kind.type, refused.kind.status) == ("billing_error", 429)
    assert refused.kind.is_final
    assert "for this month is used up: $1.00 of $1.00. It begins anew on " in text(refused)
    assert "ask Nexus's operator" in text(refused)


async def test_what_was_spent_before_a_period_began_does_not_count_in_it(door: Limiter) -> None:
    limit = capped("1.00")
    with client() as store:
        store.set(spent_key(limit.scope, "day", datetime.now(UTC).date() - timedelta(days=1)), 5_000_000)

    assert (await ask(door, limit))[1] is None


async def test_spent_money_is_told_before_a_rate(door: Limiter) -> None:
    limit, other = capped("1.00", requests_per_minute=1), rule(requests_per_minute=1)
    await ask(door, other)
    spend(limit, "2")

    _, refused = await ask(door, other, limit)

    assert refused
    assert refused.kind is ErrorKind.SPEND_LIMIT


async def test_a_request_that_one_limit_refuses_takes_nothing_from_another(door: Limiter) -> None:
    generous, strict = capped("9", requests_per_minute=9, tokens_per_minute=9000), rule(concurrent_streams=1)
    await ask(door, strict)

    assert (await ask(door, generous, strict))[1]

    assert reserved(generous) == 0
    with client() as store:
        assert list(store.scan_iter(f"nexus:limits:{generous.scope}:*")) == []


async def test_what_costs_nothing_passes_a_spent_cap(door: Limiter) -> None:
    limit = capped("0")

    assert (await ask(door, limit, sent=request("/v1/models", "GET")))[1] is None
    assert (await ask(door, limit))[1]
    assert (await ask(door, limit, sent=request("/v1/messages/batches")))[1]


async def test_of_a_hundred_at_once_only_those_pass_that_the_rest_of_a_cap_has_room_for() -> None:
    limit = capped("0.031")  # two requests of 0.015 fill it all but for a little
    doors = [limiter() for _ in range(4)]

    responses = await asyncio.gather(*(ask(doors[number % 4], limit) for number in range(100)))

    refused = [response for _, response in responses if response]
    assert len(refused) == 97
    assert {response.kind for response in refused} == {ErrorKind.RATE_LIMIT}
    assert "Requests under way may use up the spend limit of domain a.example" in text(refused[0])
    for door in doors:
        await door.stop()


async def test_an_answer_leaves_what_it_cost_reserved_until_it_is_stored(door: Limiter) -> None:
    limit = capped("5")
    exchange, _ = await ask(door, limit)
    assert reserved(limit) >= 15_000

    exchange.feed(RESPONSE)
    await end(door, exchange)

    assert reserved(limit) == COST


@pytest.mark.parametrize(
    ("outcome", "status"), [(record.UPSTREAM_ERROR, 529), (record.UPSTREAM_ERROR, 502), (record.REFUSED, 0)]
)
async def test_a_failure_gives_all_back_at_once(door: Limiter, outcome: str, status: int) -> None:
    limit = capped("5", tokens_per_minute=2000, concurrent_streams=1)
    exchange, _ = await ask(door, limit)

    await end(door, exchange, outcome, status)

    assert (reserved(limit), running(limit)) == (0, 0)
    assert level(limit, "tokens") == pytest.approx(2000)


async def test_a_client_that_leaves_while_redis_is_asked_holds_nothing(door: Limiter) -> None:
    limit = capped("5", concurrent_streams=1)
    exchange = Exchange(None, door.end)
    await door.admit((limit,), exchange, request())

    exchange.finish(record.CLIENT_LEFT)
    await settle(door)

    assert (reserved(limit), running(limit)) == (0, 0)


async def test_a_client_that_leaves_before_the_answer_may_have_cost_its_estimate(door: Limiter) -> None:
    limit = capped("5", concurrent_streams=1)
    exchange, _ = await ask(door, limit)

    await end(door, exchange, record.CLIENT_LEFT, 0)

    assert (reserved(limit) >= 15_000, running(limit)) == (True, 0)


async def test_a_killed_proxy_holds_its_slot_and_its_reservation_for_the_length_of_a_lease(
    door: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limit_store._TIMES, "lease", 150)
    limit = capped("0.001", concurrent_streams=1)
    killed = limiter()
    await ask(killed, limit)
    assert (await ask(door, limit))[1]

    await asyncio.sleep(0.2)

    assert (await ask(door, limit))[1] is None
    await killed.stop()


async def test_a_living_proxy_renews_the_lease(door: Limiter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limit_store._TIMES, "lease", 300)
    monkeypatch.setattr(limits, "RENEW_SECONDS", 0.1)
    limit = capped("0.001", concurrent_streams=1)
    exchange, _ = await ask(door, limit)

    await asyncio.sleep(0.5)

    assert (await ask(door, limit))[1]
    assert (reserved(limit) > 0, running(limit)) == (True, 1)
    await end(door, exchange)
    assert door._renewal
    await asyncio.wait_for(door._renewal, 2)
    assert (await ask(door, rule(concurrent_streams=1)))[1] is None


async def test_what_runs_is_held_again_after_redis_was_wiped(own: OwnRedis) -> None:
    door, limit = limiter(), capped("0.001", concurrent_streams=1)
    await ask(door, limit)
    own.client.flushall()
    assert running(limit) == 0

    await door.renew()

    assert (reserved(limit) > 0, running(limit)) == (True, 1)
    assert (await ask(door, limit))[1]
    await door.stop()


async def test_without_redis_requests_pass_and_redis_is_told_how_many(
    own: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    door, limit = limiter(), capped("1", concurrent_streams=1)
    spend(limit, "1")
    exchange, _ = await ask(door, rule(concurrent_streams=1))
    answering, door._store = door._store, away()

    with caplog.at_level(logging.INFO, "nexus.limits"):
        responses = [(await ask(door, limit))[1] for _ in range(3)]
        await door.renew()
        await end(door, exchange)

    assert responses == [None] * 3
    assert [line.message for line in caplog.records] == [
        "limits.redis_down", "limits.not_renewed", "limits.not_given_back",
    ]  # fmt: skip
    door._store, door._asks_again_at = answering, 0
    assert (await ask(door, limit))[1]
    await settle(door)
    assert own.client.hget("nexus:limits:unchecked", "count") == b"3"
    await door.stop()


async def test_what_redis_could_not_be_told_is_told_later(door: Limiter) -> None:
    answering, door._store, door._unchecked = door._store, away(), 5

    await door._report_unchecked()

    door._store = answering

    assert door._unchecked == 5


async def test_a_redis_that_hangs_holds_up_one_request_and_not_the_next(own: OwnRedis) -> None:
    door, limit = limiter(), rule(requests_per_minute=1)
    await ask(door, limit)
    own.client.client_pause(2000)

    assert (await ask(door, limit))[1] is None
    started = time.monotonic()
    assert (await ask(door, limit))[1] is None

    assert time.monotonic() - started < 0.2
    own.client.client_unpause()
    await door.stop()


async def test_without_redis_nothing_passes_if_the_operator_wants_it_so(settings: Settings) -> None:
    settings.REDIS_URL, settings.LIMITS_FAIL_CLOSED = "", True
    door, limit = limiter(), rule(requests_per_minute=5)

    _, refused = await ask(door, limit)

    assert refused
    assert refused.kind is ErrorKind.UNAVAILABLE
    assert "Nexus cannot check the limits of this request" in refused.message
    assert door._unchecked == 0
    await door.renew()
    await door.stop()
