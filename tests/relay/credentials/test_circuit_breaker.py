"""The state machine of one credential: well, cooling, half open."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.credentials.circuit_breaker import (
    FIRST_SECONDS,
    JITTER,
    LOOK_SECONDS,
    MOST_SECONDS,
    PROBE_SECONDS,
    CircuitBreaker,
)

NOW = 1_000_000.0


def test_it_cools_until_the_api_wants_to_be_asked_again() -> None:
    breaker = CircuitBreaker()

    assert breaker.cool(NOW, NOW + 30, "429", NOW - 1)

    assert (breaker.is_ready(NOW + 29.9), breaker.is_cooling(NOW + 29.9)) == (False, True)
    assert (breaker.is_ready(NOW + 30), breaker.is_cooling(NOW + 30)) == (True, False)
    assert breaker.reason == "429"


def test_without_a_time_of_the_api_the_pause_grows_to_its_bound() -> None:
    breaker, now, pauses = CircuitBreaker(), NOW, []
    for _ in range(12):
        breaker.cool(now, None, "529", now)
        pauses.append(breaker.until - now)
        now = breaker.until

    wanted = [min(FIRST_SECONDS * 2**number, MOST_SECONDS) for number in range(12)]
    assert pauses == [pytest.approx(seconds, rel=JITTER + 0.001) for seconds in wanted]
    assert len(set(pauses)) == 12


def test_many_requests_that_were_in_flight_are_one_failure() -> None:
    breaker = CircuitBreaker()
    breaker.cool(NOW, NOW + 10, "429", NOW - 1)

    assert not breaker.cool(NOW + 1, NOW + 20, "429", NOW - 0.5)
    assert not breaker.cool(NOW + 1, None, "529", NOW - 0.5)

    assert (breaker.failures, breaker.until, breaker.reason) == (1, NOW + 20, "429")


def test_after_the_end_one_request_probes_and_the_others_wait() -> None:
    breaker = CircuitBreaker()
    breaker.cool(NOW, NOW + 10, "429", NOW)
    breaker.ask(NOW + 10)

    assert not breaker.is_ready(NOW + 10)
    assert breaker.succeed(NOW + 10)
    assert (breaker.is_ready(NOW + 10), breaker.until, breaker.failures) == (True, 0, 0)


def test_one_that_is_well_is_asked_by_all() -> None:
    breaker = CircuitBreaker()
    breaker.ask(NOW)

    assert breaker.is_ready(NOW)
    assert not breaker.succeed(NOW)


def test_a_probe_that_fails_cools_it_again() -> None:
    breaker = CircuitBreaker()
    breaker.cool(NOW, NOW + 10, "429", NOW)
    breaker.ask(NOW + 10)

    assert breaker.cool(NOW + 11, NOW + 60, "529", NOW + 10)
    assert (breaker.failures, breaker.reason, breaker.is_probed(NOW + 11)) == (2, "529", False)


def test_a_probe_without_an_outcome_ends_by_itself_or_by_an_answer_that_says_nothing() -> None:
    breaker = CircuitBreaker()
    breaker.cool(NOW, NOW + 10, "429", NOW)
    breaker.ask(NOW + 10)
    assert breaker.is_ready(NOW + 10 + PROBE_SECONDS)

    breaker.neither()
    assert breaker.is_ready(NOW + 10)
    breaker.ask(NOW + 10)
    assert not breaker.is_ready(NOW + 10)


def test_a_success_of_before_the_cool_down_says_nothing_of_the_time_after() -> None:
    breaker = CircuitBreaker()
    breaker.cool(NOW, NOW + 10, "429", NOW)

    assert not breaker.succeed(NOW - 1)
    assert breaker.is_cooling(NOW + 1)


def test_what_others_tell_is_taken_over_once() -> None:
    breaker = CircuitBreaker()
    breaker.adopt(NOW + 10, "429", NOW)
    breaker.ask(NOW + 10)
    breaker.adopt(NOW + 10, "429", NOW + 10)

    assert (breaker.until, breaker.reason, breaker.failures) == (NOW + 10, "429", 1)
    assert breaker.is_probed(NOW + 10)


def test_another_processes_probe_is_looked_after_again_in_a_moment() -> None:
    breaker = CircuitBreaker()
    breaker.cool(NOW, NOW + 10, "429", NOW)
    breaker.probed_elsewhere(NOW + 10)
    assert not breaker.is_ready(NOW + 10)
    assert breaker.is_ready(NOW + 10 + LOOK_SECONDS)

    breaker.recover()
    breaker.probed_elsewhere(NOW + 11)
    assert breaker.is_ready(NOW + 11)


async def test_who_waits_for_a_probe_hears_of_its_outcome() -> None:
    breaker, now = CircuitBreaker(), time.time()
    breaker.cool(now - 2, now - 1, "429", now - 2)
    breaker.ask(now)
    waiting = [asyncio.get_running_loop().create_task(breaker.outcome(now)) for _ in range(3)]
    await asyncio.sleep(0)
    breaker.recover()

    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)


async def test_who_waits_for_a_probe_waits_no_longer_than_it_holds() -> None:
    breaker, now = CircuitBreaker(), time.time()
    breaker.cool(now - 2, now - 1, "429", now - 2)
    breaker.ask(now - PROBE_SECONDS + 0.05)

    async with asyncio.timeout(1):
        await breaker.outcome(now)


steps = st.lists(
    st.tuples(st.sampled_from(["cool", "told", "ask", "succeed", "neither", "adopt"]), st.floats(0, 40)),
    max_size=30,
)


@given(steps)
def test_every_cool_down_has_a_reason_and_an_end_and_any_success_clears_it(
    walk: list[tuple[str, float]],
) -> None:
    breaker, now = CircuitBreaker(), NOW
    for step, seconds in walk:
        now += seconds
        match step:
            case "cool":
                breaker.cool(now, None, "529", now)
            case "told":
                breaker.cool(now, now + seconds + 1, "429", now - seconds)
            case "ask" if breaker.is_ready(now):
                breaker.ask(now)
            case "succeed":
                breaker.succeed(now)
                assert breaker.until == 0
                assert breaker.is_ready(now)
            case "neither":
                breaker.neither()
            case "adopt":
                breaker.adopt(now + 5, "429", now)
        assert bool(breaker.reason) == bool(breaker.until)
        assert breaker.until <= now + MOST_SECONDS * (1 + JITTER)
        assert breaker.is_ready(max(now, breaker.until) + PROBE_SECONDS)
