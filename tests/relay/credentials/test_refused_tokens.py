"""A credential that the API refuses with 401: its token is renewed and the request sent again, or another one pays."""

import asyncio

import httpx
import pytest

from accounts.access.decision import AccessCredential
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.emulator.endpoints.oauth import refusal
from proxy.record import Payment
from tests.flow.services import wait_for
from tests.relay.bench_of_attempts import ONE, TWO, Bench


async def test_a_refused_token_is_refreshed_once_and_the_request_sent_again(bench: Bench) -> None:
    bench.hold_token()
    bench.emulator.revoked.add("sk-ant-oat01-old")

    responses = await asyncio.gather(*(bench.read() for _ in range(10)))

    assert [status for status, _ in responses] == [200] * 10
    assert bench.emulator.oauth.calls == 1
    assert set(bench.asked[10:]) == {bench.emulator.oauth.grants[0]["access_token"]}


async def test_a_request_that_a_fresh_token_does_not_open_goes_to_the_client_and_refreshes_no_more(
    bench: Bench,
) -> None:
    bench.hold_token()
    bench.emulator.oauth.responses.append(
        json_response({"access_token": "sk-ant-oat01-new", "expires_in": 3600})
    )
    bench.emulator.revoked |= {"sk-ant-oat01-old", "sk-ant-oat01-new"}

    statuses = [(await bench.read())[0] for _ in range(3)]

    assert statuses == [401] * 3
    assert bench.emulator.oauth.calls == 1
    assert bench.asked == ["sk-ant-oat01-old"] + ["sk-ant-oat01-new"] * 3


async def test_a_token_that_cannot_be_renewed_is_the_clients_401(bench: Bench) -> None:
    bench.hold_token()
    bench.emulator.oauth.responses.append(refusal("invalid_grant", "gone"))
    bench.emulator.revoked.add("sk-ant-oat01-old")

    assert (await bench.read())[0] == 401
    assert bench.asked == ["sk-ant-oat01-old"]


async def test_a_token_without_a_refresh_token_is_not_refreshed(bench: Bench) -> None:
    bench.hold_token(refresh="")
    bench.emulator.revoked.add("sk-ant-oat01-old")

    assert (await bench.read())[0] == 401
    assert bench.emulator.oauth.calls == 0


async def test_a_token_that_somebody_else_renewed_is_used_without_another_refresh(bench: Bench) -> None:
    bench.hold_token()
    decision = await bench.decide(bench.request())
    assert decision.credential
    bench.hold_token("sk-ant-oat01-newer")

    renewed = await bench.sender.tokens.renewed(decision.credential)

    assert (renewed and renewed.secret, bench.emulator.oauth.calls) == ("sk-ant-oat01-newer", 0)


async def test_a_credential_that_is_gone_is_not_renewed(bench: Bench) -> None:
    gone = AccessCredential(
        "file", str(bench.folder / "gone.json"), "oauth", "sk-ant-oat01-gone", "gone", refreshable=True
    )
    bench.hold(ONE)

    assert await bench.sender.tokens.renewed(gone) is None
    bench.watcher.current = None
    assert bench.sender.tokens.current(ONE) is None


@pytest.mark.parametrize(
    "refused", [ONE, AccessCredential("database", "9", "oauth", "sk-ant-oat01-dead", "acc_1")]
)
async def test_a_credential_of_a_pool_that_is_refused_cools_down_and_another_pays(
    bench: Bench, refused: AccessCredential
) -> None:
    bench.hold(refused, TWO)
    bench.emulator.revoked.add(refused.secret)

    assert (await bench.read())[0] == 200
    assert bench.cooling() == [f"{refused.key} 401"]


async def test_a_request_that_all_refuse_cools_down_none(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.revoked |= {ONE.secret, TWO.secret}

    assert (await bench.read())[0] == 401
    assert (bench.asked, bench.cooling()) == ([ONE.secret, TWO.secret], [])


async def test_the_next_of_a_pool_is_refreshed_first_where_its_token_is_due(bench: Bench) -> None:
    bench.hold(ONE)
    bench.hold_token(expires_at=1000)
    bench.emulator.rules[ONE.secret] = "status=429"

    assert (await bench.read())[0] == 200
    assert bench.asked[1:] == [bench.emulator.oauth.grants[0]["access_token"]]


async def test_the_first_of_a_pool_is_refreshed_where_its_token_is_due(bench: Bench) -> None:
    bench.hold(ONE)
    bench.hold_token(expires_at=1000)
    bench.sender.updates.gauges[ONE.key] = {"unified-5h": (0.5, 4e9)}

    assert (await bench.read())[0] == 200
    assert bench.asked == [bench.emulator.oauth.grants[0]["access_token"]]


async def test_the_next_of_a_pool_that_cannot_be_refreshed_is_passed_over(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.hold_token(expires_at=1000)
    bench.emulator.oauth.responses.append(refusal("invalid_grant", "gone"))
    bench.sender.updates.gauges[TWO.key] = {"unified-5h": (0.5, 4e9)}
    bench.emulator.rules[ONE.secret] = "status=529"

    assert (await bench.read())[0] == 200
    assert bench.asked == [ONE.secret, TWO.secret]
    assert bench.exchange.payment == Payment(
        "database:acc_2", "acc_2", ("database:acc_1 (529)", "file:acc_file")
    )


async def test_a_client_that_leaves_during_a_refresh_lets_go_of_the_connection(bench: Bench) -> None:
    bench.hold_token()
    bench.emulator.revoked.add("sk-ant-oat01-old")
    slow = json_response({"access_token": "sk-ant-oat01-new", "expires_in": 3600})
    bench.emulator.oauth.responses.append(
        slow.__class__(slow.status, slow.headers, slow.chunks, head_pause=0.5)
    )

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.ask(), 0.3)

    assert not bench.transport._connector._acquired


class Sent:
    """A body that is gone once it was sent."""

    length = 2

    def __init__(self) -> None:
        self._left = [b"{}"]

    async def next(self) -> bytes:
        return self._left.pop() if self._left else b""


async def test_what_was_passed_on_is_not_sent_again_but_the_next_finds_a_new_token(bench: Bench) -> None:
    bench.hold_token()
    bench.emulator.revoked.add("sk-ant-oat01-old")

    status, _ = await bench.read(upload=Sent())

    assert (status, bench.asked) == (401, ["sk-ant-oat01-old"])
    await asyncio.to_thread(wait_for, lambda: bench.emulator.oauth.grants)
    assert (await bench.read())[0] == 200


@pytest.mark.parametrize("rule", ["status=429,retry-after=30", "status=401", "status=529", "no-answer"])
async def test_the_refusal_of_what_was_passed_on_is_the_clients(bench: Bench, rule: str) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = rule.replace("no-answer", "head-cut")

    if rule == "no-answer":
        with pytest.raises(httpx.TransportError):
            await bench.read(upload=Sent())
    else:
        assert (await bench.read(upload=Sent()))[0] == int(rule[7:10])
    assert bench.asked == [ONE.secret]
    assert bool(bench.cooling()) is (rule != "status=401")


async def test_an_api_that_says_nothing_to_what_was_passed_on_is_no_fault_of_the_credential(
    bench: Bench,
) -> None:
    bench.hold(ONE, TWO)
    bench.transport._idle_seconds = 0.2
    bench.emulator.rules[ONE.secret] = "delay-ms=2000"

    with pytest.raises(httpx.ReadTimeout):
        await bench.read(upload=Sent())
    assert bench.cooling() == []
