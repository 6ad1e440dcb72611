"""A request that is sent again with another credential: through the real transport to an emulated API."""

import asyncio
import json
import time
from typing import cast

import httpx
import pytest
from pytest_django import Settings

from accounts.access.decision import Decision
from accounts.credentials.health import claim_probe, release_probe
from nexus_project.stack.machine import ports
from proxy.record import Payment
from proxy.relay.credentials import circuit_breaker as breaker
from proxy.relay.credentials import outcome
from proxy.relay.credentials.circuit_breaker import PROBE_SECONDS
from proxy.relay.http.refusal import Refused
from proxy.relay.upstream.response_body import ResponseBody
from tests.relay.bench_of_attempts import DOMAIN, ONE, THREE, TWO, Bench


@pytest.mark.parametrize(
    ("rule", "why"),
    [("status=429,retry-after=30", "429"), ("status=529", "529"), ("head-cut", "unreachable")],
)
async def test_the_second_pays_when_the_first_is_refused_and_the_client_sees_its_bytes(
    bench: Bench, rule: str, why: str
) -> None:
    bench.hold(TWO)
    direct = await bench.read()
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = rule

    assert await bench.read() == direct
    assert bench.asked == [TWO.secret, ONE.secret, TWO.secret]
    assert bench.exchange.payment == Payment("database:acc_2", "acc_2", (f"database:acc_1 ({why})",))

    assert await bench.read() == direct
    assert bench.asked[3:] == [TWO.secret]
    assert bench.exchange.payment is None


async def test_the_connection_of_a_refusal_is_given_back(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = "status=429"

    await bench.read()

    [(_, free)] = bench.transport._connector._conns.items()  # the one address
    assert len(free) == 1


async def test_a_refusal_that_has_no_end_is_cut_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "DISCARD_SECONDS", 0.05)
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = "status=429,split=1,stall-ms=5000@3"

    async with asyncio.timeout(3):
        assert (await bench.read())[0] == 200


async def test_a_refusal_that_breaks_off_is_passed_over(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = "status=429,cut-after=5"

    assert (await bench.read())[0] == 200


async def test_when_all_are_limited_nexus_answers_with_the_earliest_reset(bench: Bench) -> None:
    bench.hold(ONE, TWO, THREE)
    for credential, seconds in ((ONE, 50), (TWO, 20), (THREE, 30)):
        bench.emulator.rules[credential.secret] = f"status=429,retry-after={seconds}"

    for number in range(2):
        with pytest.raises(Refused) as caught:
            await bench.ask()
        assert caught.value.kind.status == 429
        assert caught.value.headers[0][1] in {b"19", b"20"}
        assert "All credentials that Nexus has for a.example cool down (429)" in caught.value.message
        assert caught.value.passed_over == tuple(f"database:acc_{item} (429)" for item in (1, 2, 3))
        assert bench.exchange.outcome == ("upstream_error", "")[number]
    assert bench.asked == [ONE.secret, TWO.secret, THREE.secret]


async def test_when_all_are_overloaded_the_client_gets_the_last_answer(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules |= {ONE.secret: "status=529", TWO.secret: "status=529"}

    status, body = await bench.read()

    assert (status, json.loads(body)["error"]["type"]) == (529, "overloaded_error")
    assert bench.cooling() == ["database:1 529", "database:2 529"]


async def test_when_the_api_cannot_be_reached_the_client_hears_of_that(
    bench: Bench, settings: Settings
) -> None:
    settings.CLAUDE_API_BASE_URL = f"http://127.0.0.1:{ports.free()}"
    bench.hold(ONE, TWO)

    with pytest.raises(httpx.ConnectError):
        await bench.ask()
    assert bench.cooling() == ["database:1 unreachable", "database:2 unreachable"]


async def test_when_some_are_limited_and_the_last_is_not_reached_the_pool_is_exhausted(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules |= {ONE.secret: "status=429,retry-after=30", TWO.secret: "head-cut"}

    with pytest.raises(Refused) as caught:
        await bench.ask()
    assert "(429, unreachable)" in caught.value.message


async def test_who_pays_for_itself_gets_what_the_api_answers(bench: Bench) -> None:
    bench.watcher.refresh_now()
    decision = Decision(DOMAIN, ((b"x-api-key", b"sk-ant-api03-own"),))
    bench.emulator.rules["sk-ant-api03-own"] = "status=429"

    response = await bench.sender.send(bench.request(), bench.exchange, decision)
    bench.responses.append(cast(ResponseBody, response.stream))

    assert (response.status_code, bench.asked) == (429, ["sk-ant-api03-own"])
    assert bench.sender.updates.take() == {}


async def test_a_silence_is_no_reason_to_ask_twice(bench: Bench) -> None:
    bench.transport._idle_seconds = 0.1
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = "delay-ms=3000"

    with pytest.raises(httpx.ReadTimeout):
        await bench.ask()
    assert bench.asked == [ONE.secret]
    assert bench.cooling() == []


@pytest.mark.parametrize("rule", ["status=429,retry-after=30", "status=529", "status=401"])
async def test_a_single_credential_never_cools_down_and_its_refusal_is_the_clients(
    bench: Bench, rule: str
) -> None:
    bench.hold(ONE)
    bench.emulator.rules[ONE.secret] = rule

    statuses = [(await bench.read())[0] for _ in range(2)]

    assert [str(status) for status in statuses] == [rule[7:10]] * 2
    assert (bench.asked, bench.cooling()) == ([ONE.secret] * 2, [])
    assert bench.sender.updates.take()[ONE.key]["error"] == f"the API answered {rule[7:10]}"


async def test_a_stream_that_broke_off_after_its_first_byte_is_not_sent_again(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = "cut-after=5"
    response = await bench.ask()

    with pytest.raises(httpx.ReadError):
        [fragment async for fragment in cast(ResponseBody, response.stream)]
    assert bench.asked == [ONE.secret]


@pytest.mark.parametrize(
    "target",
    ["/v1/files", "/v1/files?limit=1", "/v1/messages/batches/msgbatch_1/results", "/v1/skills/skill_1"],
)
async def test_what_lies_in_one_account_is_asked_of_the_first_credential_only(
    bench: Bench, target: str
) -> None:
    bench.hold(ONE, TWO)
    bench.sender.updates.gauges[ONE.key] = {"unified-5h": (0.5, 4e9)}
    bench.emulator.rules[ONE.secret] = "status=429"

    assert (await bench.read(target=target))[0] == 429
    assert (bench.asked, bench.cooling()) == ([ONE.secret], [])


async def test_after_a_cool_down_one_request_probes_and_the_others_wait_for_its_outcome(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.sender.pool.failed(TWO, "429", time.time() + 60, time.time())
    bench.sender.pool.failed(ONE, "429", time.time() + 0.05, time.time())
    await asyncio.sleep(0.06)
    bench.emulator.rules[ONE.secret] = "delay-ms=200"

    responses = await asyncio.gather(*(bench.read() for _ in range(5)))

    assert [status for status, _ in responses] == [200] * 5
    arrivals = [entry.started_at.timestamp() for entry in bench.emulator.log]
    assert min(arrivals[1:]) - arrivals[0] > 0.15
    assert bench.cooling() == ["database:2 429"]


@pytest.mark.parametrize(("redis_answers", "probes"), [(True, 1), (False, 2)])
async def test_of_two_processes_one_probes_and_without_redis_each_does(
    bench: Bench, other: Bench, settings: Settings, redis_answers: bool, probes: int
) -> None:
    if not redis_answers:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
    until = time.time() + 0.05
    for item in (bench, other):
        item.hold(ONE, TWO)
        item.sender.pool.failed(ONE, "429", until, time.time())
    await asyncio.sleep(0.06)
    bench.emulator.rules[ONE.secret] = "delay-ms=200"

    responses = await asyncio.gather(*(item.read() for item in (bench, other, bench, other)))

    assert [status for status, _ in responses] == [200] * 4
    assert bench.asked.count(ONE.secret) == probes


async def half_open(*benches: Bench) -> float:
    """Of two credentials one cools down for long, the other one's cool-down has ended: all wait for its probe. Its end."""
    until = time.time() + 0.05
    for bench in benches:
        bench.hold(ONE, TWO)
        bench.sender.pool.failed(TWO, "529", until + 60, time.time())
        bench.sender.pool.failed(ONE, "529", until, time.time())
    await asyncio.sleep(0.06)
    return until


@pytest.mark.parametrize("rule", ["status=403", "status=500", "status=401", "delay-ms=3000"])
async def test_a_probe_that_says_nothing_holds_up_another_process_no_longer_than_it_lasts(
    bench: Bench, other: Bench, rule: str
) -> None:
    for item in (bench, other):
        item.transport._idle_seconds = 0.4
    bench.emulator.rules[ONE.secret] = rule
    await half_open(bench, other)

    async with asyncio.timeout(PROBE_SECONDS - 2):
        await asyncio.gather(bench.read(), other.read(), return_exceptions=True)

    assert bench.asked == [ONE.secret] * 2


async def test_a_client_that_leaves_before_its_probe_is_answered_holds_up_nobody(
    bench: Bench, other: Bench
) -> None:
    bench.emulator.rules[ONE.secret] = "delay-ms=2000"
    await half_open(bench, other)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.read(), 0.3)
    bench.emulator.rules.clear()

    async with asyncio.timeout(PROBE_SECONDS - 2):
        assert (await other.read())[0] == 200


async def test_without_redis_a_probe_that_says_nothing_is_followed_by_the_next(
    bench: Bench, settings: Settings
) -> None:
    settings.REDIS_URL = ""
    bench.emulator.rules[ONE.secret] = "status=403"
    await half_open(bench)

    assert [(await bench.read())[0] for _ in range(2)] == [403, 403]
    assert bench.asked == [ONE.secret] * 2


async def test_a_prober_that_crashed_is_waited_for_until_its_claim_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "LOOK_SECONDS", 0.05)
    until = await half_open(bench)
    assert claim_probe(ONE.key, until, "a process that crashed", 0.6)
    started = time.monotonic()

    assert (await bench.read())[0] == 200

    assert 0.4 < time.monotonic() - started < 2


async def test_a_claim_is_given_back_by_its_holder_alone() -> None:
    assert claim_probe("database:9", 1.0, "holder", 5)

    release_probe("database:9", 1.0, "somebody else")
    assert not claim_probe("database:9", 1.0, "somebody else", 5)

    release_probe("database:9", 1.0, "holder")
    assert claim_probe("database:9", 1.0, "somebody else", 5)
