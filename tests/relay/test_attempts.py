"""A request that is sent again: through the real transport to an emulated API that answers by credential."""

import asyncio
import json
import time
from pathlib import Path
from typing import cast
from uuid import uuid4

import httpx
import pytest
from pytest_django import Settings

from accounts.access import Claim, Decision, DomainAccess, Payer, Snapshot, decide
from accounts.hosts import parse_host
from accounts.inbound import read_credentials
from accounts.watcher import Watcher
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.emulator.answer import json_answer
from nexus_project.demo.emulator.oauth import refusal
from nexus_project.demo.serving import serve
from nexus_project.stack import ports
from proxy.record import Payment
from proxy.relay import outcome
from proxy.relay.attempts import Sender
from proxy.relay.exchange import Exchange
from proxy.relay.protocol import TARGET
from proxy.relay.refresh import Refresher
from proxy.relay.refusal import Refused
from proxy.relay.request import RelayRequest
from proxy.relay.upstream import AnswerBytes, UpstreamTransport

ONE, TWO, THREE = (
    Payer("database", str(number), "api_key", f"sk-ant-api03-{number}", f"acc_{number}")
    for number in (1, 2, 3)
)
DOMAIN = "a.example"


class Bench:
    """A sender with its domain's credentials, and what a test asks of it."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.watcher = Watcher()
        self.transport = UpstreamTransport(5, 5)
        self.sender = Sender(self.transport, self.watcher, Refresher(self.watcher))
        self.exchange = Exchange(None, lambda _: None)
        self.answers: list[AnswerBytes] = []

    def hold(self, *payers: Payer) -> None:
        """The domain's credentials of the database."""
        self.watcher._stored = Snapshot({DOMAIN: DomainAccess(DOMAIN, payers)})
        self.watcher.current = None
        self.watcher.refresh_now()

    def hold_token(
        self, token: str = "sk-ant-oat01-old", *, expires_at: float = 4e12, refresh: str | None = None
    ) -> None:
        """An OAuth credential in the domain's file, which comes after the database."""
        tokens = {
            "accessToken": token,
            "refreshToken": f"sk-ant-ort01-{uuid4().hex}" if refresh is None else refresh,
            "expiresAt": expires_at,
        }
        content = {"type": "oauth", "accountId": "acc_file", "oauth": tokens}
        (self.folder / f"{DOMAIN}.credentials.json").write_text(json.dumps(content))
        self.watcher.refresh_now()

    async def decide(self, request: RelayRequest) -> Decision:
        """As the view does."""
        tried: frozenset[str] = frozenset()
        while True:
            claim = Claim(parse_host(DOMAIN), read_credentials([]))
            decision = decide(cast(Snapshot, self.watcher.current), claim, time.time(), tried)
            if decision.pool:
                decision = await self.sender.settle(request, decision, tried)
            if decision.refresh is None:
                return decision
            await self.sender._refresher.refresh(decision.refresh)
            tried |= {decision.refresh.key}

    def request(self, session: str = "", target: str = "/v1/models") -> RelayRequest:
        headers = [(b"host", DOMAIN.encode()), (b"anthropic-version", b"2023-06-01")]
        headers += [(b"x-claude-code-session-id", session.encode())] if session else []
        scope = {
            "type": "http", "method": "GET", "path": target, "query_string": b"", "headers": headers,
            "extensions": {TARGET: target.encode()},
        }  # fmt: skip
        return RelayRequest(scope, b"")

    async def ask(self, **asked: str) -> httpx.Response:
        request = self.request(**asked)
        self.exchange = Exchange(None, lambda _: None)
        answer = await self.sender.send(request, self.exchange, await self.decide(request))
        self.answers.append(cast(AnswerBytes, answer.stream))
        return answer

    async def read(self, **asked: str) -> tuple[int, bytes]:
        """Status and body of the answer that the client gets."""
        answer = await self.ask(**asked)
        return answer.status_code, b"".join([piece async for piece in cast(AnswerBytes, answer.stream)])

    @property
    def asked(self) -> list[str | None]:
        """The credentials that upstream saw, in order."""
        return [entry.credential for entry in self.emulator.log if entry.path != "/v1/oauth/token"]

    def cooling(self) -> list[str]:
        standings = self.sender.pool._standings
        return sorted(f"{key} {one.reason}" for key, one in standings.items() if one.is_cooling(time.time()))


@pytest.fixture
async def bench(settings: Settings, tmp_path: Path) -> object:
    settings.DATABASE_URL = ""
    settings.CREDENTIALS_DIR = tmp_path
    with serve(create_app(), http=ConnectionProtocol) as running:
        settings.CLAUDE_API_BASE_URL = running.url
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{running.url}/v1/oauth/token"
        made = Bench(running.app, tmp_path)
        yield made
        for answer in made.answers:
            answer.close()
        await made.transport.aclose()


@pytest.mark.parametrize("rule", ["status=429,retry-after=30", "status=529", "head-cut"])
async def test_the_second_pays_when_the_first_is_refused_and_the_client_sees_its_bytes(
    bench: Bench, rule: str
) -> None:
    bench.hold(TWO)
    direct = await bench.read()
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = rule

    assert await bench.read() == direct
    assert bench.asked == [TWO.secret, ONE.secret, TWO.secret]
    assert bench.exchange.payment == Payment("database:acc_2", "acc_2", ("database:acc_1",))

    assert await bench.read() == direct
    assert bench.asked[3:] == [TWO.secret]
    assert bench.exchange.payment is None


async def test_the_connection_of_a_refusal_is_given_back(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = "status=429"

    await bench.read()

    [(_, free)] = bench.transport._session.connector._conns.items()  # type: ignore[union-attr]  # the one address
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
    for payer, seconds in ((ONE, 50), (TWO, 20), (THREE, 30)):
        bench.emulator.rules[payer.secret] = f"status=429,retry-after={seconds}"

    for number in range(2):
        with pytest.raises(Refused) as caught:
            await bench.ask()
        assert caught.value.kind.status == 429
        assert caught.value.headers[0][1] in {b"19", b"20"}
        assert "All credentials that Nexus has for a.example cool down (429)" in caught.value.message
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

    answer = await bench.sender.send(bench.request(), bench.exchange, decision)
    bench.answers.append(cast(AnswerBytes, answer.stream))

    assert (answer.status_code, bench.asked) == (429, ["sk-ant-api03-own"])
    assert bench.sender.notes.take() == {}


async def test_a_silence_is_no_reason_to_ask_twice(bench: Bench) -> None:
    bench.transport._session._timeout = bench.transport._session.timeout.__class__(sock_read=0.1)
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
    assert bench.sender.notes.take()[ONE.key]["error"] == f"the API answered {rule[7:10]}"


async def test_a_stream_that_broke_off_after_its_first_byte_is_not_sent_again(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules[ONE.secret] = "cut-after=5"
    answer = await bench.ask()

    with pytest.raises(httpx.ReadError):
        [piece async for piece in cast(AnswerBytes, answer.stream)]
    assert bench.asked == [ONE.secret]


async def test_a_session_keeps_its_credential(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.sender.notes.gauges[ONE.key] = {"unified-5h": (0.5, 4e9)}

    await bench.read(session="s")
    bench.sender.notes.gauges[TWO.key] = {"unified-5h": (0.9, 4e9)}
    await bench.read(session="s")
    await bench.read(session="t")

    assert bench.asked == [TWO.secret, TWO.secret, ONE.secret]


@pytest.mark.parametrize(
    "target", ["/v1/files", "/v1/files?limit=1", "/v1/messages/batches/msgbatch_1/results"]
)
async def test_what_lies_in_one_account_is_asked_of_the_first_credential_only(
    bench: Bench, target: str
) -> None:
    bench.hold(ONE, TWO)
    bench.sender.notes.gauges[ONE.key] = {"unified-5h": (0.5, 4e9)}
    bench.emulator.rules[ONE.secret] = "status=429"

    assert (await bench.read(target=target))[0] == 429
    assert (bench.asked, bench.cooling()) == ([ONE.secret], [])


async def test_after_a_cool_down_one_request_probes_and_the_others_wait_for_its_outcome(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.sender.pool.failed(TWO, "429", time.time() + 60, time.time())
    bench.sender.pool.failed(ONE, "429", time.time() + 0.05, time.time())
    await asyncio.sleep(0.06)
    bench.emulator.rules[ONE.secret] = "delay-ms=200"

    answers = await asyncio.gather(*(bench.read() for _ in range(5)))

    assert [status for status, _ in answers] == [200] * 5
    arrivals = [entry.started_at.timestamp() for entry in bench.emulator.log]
    assert min(arrivals[1:]) - arrivals[0] > 0.15
    assert bench.cooling() == ["database:2 429"]


async def test_a_refused_token_is_refreshed_once_and_the_request_sent_again(bench: Bench) -> None:
    bench.hold_token()
    bench.emulator.revoked.add("sk-ant-oat01-old")

    answers = await asyncio.gather(*(bench.read() for _ in range(10)))

    assert [status for status, _ in answers] == [200] * 10
    assert bench.emulator.oauth.calls == 1
    assert set(bench.asked[10:]) == {bench.emulator.oauth.grants[0]["access_token"]}


async def test_a_request_that_a_fresh_token_does_not_open_goes_to_the_client_and_refreshes_no_more(
    bench: Bench,
) -> None:
    bench.hold_token()
    bench.emulator.oauth.answers.append(json_answer({"access_token": "sk-ant-oat01-new", "expires_in": 3600}))
    bench.emulator.revoked |= {"sk-ant-oat01-old", "sk-ant-oat01-new"}

    statuses = [(await bench.read())[0] for _ in range(3)]

    assert statuses == [401] * 3
    assert bench.emulator.oauth.calls == 1
    assert bench.asked == ["sk-ant-oat01-old"] + ["sk-ant-oat01-new"] * 3


async def test_a_token_that_cannot_be_renewed_is_the_clients_401(bench: Bench) -> None:
    bench.hold_token()
    bench.emulator.oauth.answers.append(refusal("invalid_grant", "gone"))
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
    assert decision.payer
    bench.hold_token("sk-ant-oat01-newer")

    renewed = await bench.sender.renewed(decision.payer)

    assert (renewed and renewed.secret, bench.emulator.oauth.calls) == ("sk-ant-oat01-newer", 0)


async def test_a_credential_that_is_gone_is_not_renewed(bench: Bench) -> None:
    gone = Payer(
        "file", str(bench.folder / "gone.json"), "oauth", "sk-ant-oat01-gone", "gone", refreshable=True
    )
    bench.hold(ONE)

    assert await bench.sender.renewed(gone) is None
    bench.watcher.current = None
    assert bench.sender.current(ONE) is None


@pytest.mark.parametrize("refused", [ONE, Payer("database", "9", "oauth", "sk-ant-oat01-dead", "acc_1")])
async def test_a_credential_of_a_pool_that_is_refused_cools_down_and_another_pays(
    bench: Bench, refused: Payer
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
    bench.sender.notes.gauges[ONE.key] = {"unified-5h": (0.5, 4e9)}

    assert (await bench.read())[0] == 200
    assert bench.asked == [bench.emulator.oauth.grants[0]["access_token"]]


async def test_the_next_of_a_pool_that_cannot_be_refreshed_is_passed_over(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.hold_token(expires_at=1000)
    bench.emulator.oauth.answers.append(refusal("invalid_grant", "gone"))
    bench.sender.notes.gauges[TWO.key] = {"unified-5h": (0.5, 4e9)}
    bench.emulator.rules[ONE.secret] = "status=529"

    assert (await bench.read())[0] == 200
    assert bench.asked == [ONE.secret, TWO.secret]
    assert bench.exchange.payment == Payment("database:acc_2", "acc_2", ("database:acc_1", "file:acc_file"))


async def test_a_client_that_leaves_during_a_refresh_lets_go_of_the_connection(bench: Bench) -> None:
    bench.hold_token()
    bench.emulator.revoked.add("sk-ant-oat01-old")
    slow = json_answer({"access_token": "sk-ant-oat01-new", "expires_in": 3600})
    bench.emulator.oauth.answers.append(
        slow.__class__(slow.status, slow.headers, slow.chunks, head_pause=0.5)
    )

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.ask(), 0.3)

    assert not bench.transport._session.connector._acquired  # type: ignore[union-attr]  # it has one
