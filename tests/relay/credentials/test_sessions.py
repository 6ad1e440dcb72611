"""Sessions on a pool, through the real transport: they stay with their organisation, wait up to a minute, else move."""

import time
from dataclasses import replace

import httpx
import pytest
from pytest_django import Settings

from accounts.access.decision import AccessCredential
from nexus_project.stack.machine import ports
from proxy.relay.http.refusal import Refused
from tests.relay.bench_of_attempts import ONE, THREE, TWO, Bench
from tests.relay.redis_server import OwnRedis


def organisations(bench: Bench, *names: str) -> None:
    """Credentials of these organisations, in order, all of which have answered once."""
    credentials = (ONE, TWO, THREE)[: len(names)]
    bench.hold(*credentials)
    for credential, name in zip(credentials, names, strict=True):
        bench.emulator.organizations[credential.secret] = name
        bench.sender.updates.organisations[credential.key] = name


def prefer(bench: Bench, credential: AccessCredential) -> None:
    """New sessions get this one."""
    for item in (ONE, TWO, THREE):
        bench.sender.updates.gauges[item.key] = {"unified-5h": (0.1 if item is credential else 0.5, 4e9)}


async def refused(bench: Bench, session: str) -> Refused:
    with pytest.raises(Refused) as caught:
        await bench.ask(session=session)
    return caught.value


async def test_a_session_keeps_its_credential(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    prefer(bench, TWO)

    await bench.read(session="s")
    prefer(bench, ONE)
    await bench.read(session="s")
    await bench.read(session="t")

    assert bench.asked == [TWO.secret, TWO.secret, ONE.secret]


async def test_other_processes_and_a_restart_find_the_sessions_credential(
    own: OwnRedis, bench: Bench, other: Bench
) -> None:
    organisations(bench, "org-a", "org-b")
    other.hold(ONE, TWO)
    prefer(bench, TWO)
    await bench.read(session="s")
    prefer(other, ONE)
    assert (await other.read(session="s"))[0] == 200

    own.stop()
    assert (await other.read(session="s"))[0] == 200
    assert (await other.read(session="new"))[0] == 200
    assert bench.asked == [TWO.secret, TWO.secret, TWO.secret, ONE.secret]


async def test_redis_hears_nothing_of_domains_with_one_credential_and_of_requests_without_a_session(
    own: OwnRedis, bench: Bench
) -> None:
    bench.hold(ONE)
    await bench.read(session="s")
    bench.hold(ONE, TWO)
    await bench.read()

    assert list(own.client.scan_iter("nexus:affinity:*")) == []
    assert "cmdstat_evalsha" not in own.client.info("commandstats")


async def test_at_its_limit_for_a_minute_at_most_a_session_waits_while_others_go_on(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b")
    await bench.read(session="s")
    bench.emulator.rules[ONE.secret] = "status=429,retry-after=50"

    for number in range(2):
        refusal = await refused(bench, "s")
        assert (refusal.kind.status, refusal.headers[0][0]) == (429, b"retry-after")
        assert refusal.headers[0][1] in {b"49", b"50"}
        assert "The credential that this session uses for a.example cools down (429)" in refusal.message
        assert bench.exchange.outcome == ("upstream_error", "")[number]
    assert (await bench.read(session="new"))[0] == 200
    assert (await bench.read())[0] == 200
    assert bench.asked == [ONE.secret, ONE.secret, TWO.secret, TWO.secret]


async def test_a_new_session_takes_whichever_is_free_and_stays_where_it_was_answered(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b")
    bench.emulator.rules[ONE.secret] = "status=429,retry-after=50"

    assert (await bench.read(session="s"))[0] == 200
    bench.sender.pool._breakers[ONE.key].recover()
    bench.emulator.rules.clear()
    assert (await bench.read(session="s"))[0] == 200
    assert bench.asked == [ONE.secret, TWO.secret, TWO.secret]


async def test_another_credential_of_the_same_organisation_takes_the_session_at_once(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b", "org-a")
    await bench.read(session="s")
    prefer(bench, TWO)
    bench.emulator.rules[ONE.secret] = "status=429,retry-after=50"

    statuses = [(await bench.read(session="s"))[0] for _ in range(2)]

    assert bench.exchange.left_organisation == ""
    assert (statuses, bench.asked[1:]) == ([200] * 2, [ONE.secret, THREE.secret, THREE.secret])


@pytest.mark.parametrize("rule", ["status=429,retry-after=90", "status=401"])
async def test_at_its_limit_for_longer_or_dead_it_is_left_for_good(bench: Bench, rule: str) -> None:
    organisations(bench, "org-a", "org-b")
    await bench.read(session="s")
    bench.emulator.rules[ONE.secret] = rule

    assert (await bench.read(session="s"))[0] == 200
    assert bench.exchange.left_organisation == "org-a"
    bench.sender.pool._breakers[ONE.key].recover()
    bench.emulator.rules.clear()
    assert (await bench.read(session="s"))[0] == 200
    assert bench.exchange.left_organisation == ""
    assert bench.asked[1:] == [ONE.secret, TWO.secret, TWO.secret]


async def test_a_request_that_all_refuse_moves_no_session(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b")
    await bench.read(session="s")
    bench.emulator.rules |= {ONE.secret: "status=401", TWO.secret: "status=401"}
    assert (await bench.read(session="s"))[0] == 401
    bench.emulator.rules.clear()
    prefer(bench, TWO)

    assert (await bench.read(session="s"))[0] == 200
    assert bench.asked[1:] == [ONE.secret, TWO.secret, ONE.secret]


async def test_a_disabled_credential_is_left_even_where_only_one_remains(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b")
    await bench.read(session="s")
    bench.hold(TWO)
    await bench.read(session="s", target="/v1/files")
    assert bench.exchange.left_organisation == ""
    await bench.read(session="s")
    assert bench.exchange.left_organisation == "org-a"
    bench.hold(ONE, TWO)
    await bench.read(session="s")

    assert bench.asked == [ONE.secret, TWO.secret, TWO.secret, TWO.secret]


async def test_a_credential_that_no_refresh_saves_is_left(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b")
    await bench.read(session="s")
    bench.hold(replace(ONE, expires_at=time.time() - 1), TWO, THREE)

    assert (await bench.read(session="s"))[0] == 200
    assert bench.asked[1] in {TWO.secret, THREE.secret}


async def test_overload_stays_overload_for_a_session_and_while_all_cool_down(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b")
    await bench.read(session="s")
    bench.emulator.rules[ONE.secret] = "status=529"

    assert (await bench.read(session="s"))[0] == 529
    refusal = await refused(bench, "s")
    assert (refusal.kind.status, refusal.kind.type) == (529, "overloaded_error")
    assert 1 <= int(refusal.headers[0][1]) <= 6
    assert bench.asked == [ONE.secret] * 2

    bench.emulator.rules[TWO.secret] = "status=529"
    assert (await bench.read())[0] == 529
    assert (await refused(bench, "new")).kind.status == 529


async def test_an_api_that_is_not_reached_is_told_as_that(bench: Bench, settings: Settings) -> None:
    organisations(bench, "org-a", "org-b")
    await bench.read(session="s")
    settings.CLAUDE_API_BASE_URL = f"http://127.0.0.1:{ports.free()}"

    with pytest.raises(httpx.ConnectError):
        await bench.ask(session="s")
    assert (await refused(bench, "s")).kind.status == 502
