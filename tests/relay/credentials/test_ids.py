"""Ids that responses gave lead later requests to the account that gave them, within one domain."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from accounts.access.decision import Decision
from proxy.relay.credentials import ids as module
from proxy.relay.credentials.ids import Ids, scope_of
from proxy.relay.credentials.shared_redis import SharedRedis
from proxy.wire import ids as wire_ids
from tests.relay.bench_of_attempts import ONE, TWO, Bench
from tests.relay.credentials.test_sessions import organisations, prefer
from tests.relay.redis_server import OwnRedis

UPLOAD = b'{"type":"file","id":"file_1"}'
CREDIT = b'{"id":"msg_1","stop_details":{"fallback_credit_token":"secret"}}'


def ask(**members: object) -> dict[str, Any]:
    """A message that names ids."""
    body = {"model": "claude-opus-5-5", "max_tokens": 10, "messages": [{"role": "user", "content": "go on"}]}
    return {"target": "/v1/messages", "method": "POST", "body": json.dumps(body | members).encode()}


def following(response: bytes) -> dict[str, Any]:
    """The next message of the answer's thread."""
    thread = {"type": "continue", "previous_message_id": json.loads(response)["id"]}
    return ask(thread=thread)


@pytest.fixture
async def pair(own: OwnRedis, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Ids, Ids]]:
    """Two processes on one Redis, each with the ids that it knows."""
    monkeypatch.setattr(module, "SHARE_SECONDS", 0.01)
    doors = SharedRedis(), SharedRedis()
    both = Ids(doors[0]), Ids(doors[1])
    yield both
    for ids, door in zip(both, doors, strict=True):
        await ids.stop()
        await door.close()


async def reported(own: OwnRedis, count: int) -> None:
    async with asyncio.timeout(5):
        while len(list(own.client.scan_iter("nexus:id:*"))) != count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_another_process_knows_an_id_in_its_own_domain_only(
    pair: tuple[Ids, Ids], own: OwnRedis
) -> None:
    first, second = pair
    first.learn("a.example", ONE.key, UPLOAD)
    first.learn("a.example", TWO.key, CREDIT)
    await reported(own, 3)

    assert await second.owner("a.example", [b"file_unknown", b"file_1"]) == ONE.key
    assert await second.owner("a.example", [b"secret"]) == TWO.key
    for ids in pair:
        assert await ids.owner("b.example", [b"file_1", b"msg_1", b"secret"]) == ""
    assert await second.owner("a.example", []) == ""


async def test_ids_are_kept_for_as_long_as_they_are_of_use_and_none_in_clear(
    pair: tuple[Ids, Ids], own: OwnRedis
) -> None:
    pair[0].learn("a.example", ONE.key, UPLOAD)
    pair[0].learn("a.example", ONE.key, CREDIT)
    await reported(own, 3)

    names = list(own.client.scan_iter("nexus:id:*"))
    assert sorted(own.client.ttl(name) for name in names) == [
        -1,
        pytest.approx(600, abs=5),
        pytest.approx(3600, abs=5),
    ]
    assert not [name for name in names if b"secret" in name or b"file_" in name]


async def test_a_deleted_file_is_forgotten_everywhere(pair: tuple[Ids, Ids], own: OwnRedis) -> None:
    first, _ = pair
    first.learn("a.example", ONE.key, UPLOAD)
    await reported(own, 1)
    first.forget("a.example", b"file_1")
    assert await first.owner("a.example", [b"file_1"]) == ""
    await reported(own, 0)

    assert [await ids.owner("a.example", [b"file_1"]) for ids in pair] == ["", ""]


async def test_what_is_noted_last_counts_also_of_responses_that_nobody_has_read_yet(
    pair: tuple[Ids, Ids], own: OwnRedis
) -> None:
    first, second = pair
    first.learn("a.example", ONE.key, UPLOAD)
    first.forget("a.example", b"file_1")
    assert await first.owner("a.example", [b"file_1"]) == ""

    first.learn("a.example", ONE.key, CREDIT)
    first.learn("a.example", TWO.key, CREDIT)
    assert await first.owner("a.example", [b"secret"]) == TWO.key
    await first.stop()
    assert await second.owner("a.example", [b"secret"]) == TWO.key


async def test_a_process_forgets_what_has_ended_and_what_is_too_much(
    pair: tuple[Ids, Ids], own: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_IDS", 2)
    monkeypatch.setattr(wire_ids, "MESSAGE_SECONDS", 0.01)
    first, _ = pair
    for number in range(3):
        first.learn("a.example", ONE.key, b'{"id":"file_%d"}' % number)
    assert await first.owner("a.example", [b"file_2"]) == ONE.key
    assert len(first._known) == 2
    first.learn("a.example", ONE.key, b'{"id":"msg_1"}')
    own.stop()
    await asyncio.sleep(0.02)

    assert await first.owner("a.example", [b"msg_1"]) == ""


async def test_without_redis_a_process_goes_by_the_ids_that_it_saw(
    pair: tuple[Ids, Ids], own: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    own.stop()
    first, second = pair
    first.learn("a.example", ONE.key, UPLOAD)
    await asyncio.sleep(0.1)
    first.learn("a.example", ONE.key, CREDIT)

    assert await first.owner("a.example", [b"file_1"]) == ONE.key
    started = time.monotonic()
    assert [await second.owner("a.example", [b"file_1"]) for _ in range(50)] == [""] * 50
    assert time.monotonic() - started < 1
    assert set(caplog.messages) == {"affinity.unshared"}
    assert first._unshared == {}


def test_ids_of_a_wildcard_are_known_to_all_its_hosts() -> None:
    assert scope_of(Decision("a.wild.example", (), tenant="*.wild.example")) == "*.wild.example"
    assert scope_of(Decision("a.example", ())) == "a.example"


async def test_a_thread_goes_on_where_its_last_message_came_from(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b")
    prefer(bench, TWO)
    _, response = await bench.read(**ask())
    prefer(bench, ONE)

    assert (await bench.read(**following(response)))[0] == 200
    assert (await bench.read(session="new", **following(response)))[0] == 200
    assert (await bench.read(session="new"))[0] == 200
    await bench.read(**ask(thread={"type": "continue", "previous_message_id": "msg_unknown"}))
    assert bench.asked == [TWO.secret] * 4 + [ONE.secret]


async def test_an_id_of_another_account_moves_no_session(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b")
    await bench.read(session="s")
    prefer(bench, TWO)
    _, response = await bench.read(**ask())

    await bench.read(session="s", **following(response))
    assert bench.exchange.left_organisation == ""
    await bench.read(session="s")
    assert bench.asked == [ONE.secret, TWO.secret, TWO.secret, ONE.secret]


@pytest.mark.parametrize(
    ("rule", "statuses", "asked"),
    [("status=429,retry-after=90", [200], [TWO, ONE]), ("status=529", [529], [TWO])],
)
async def test_an_account_that_is_away_for_long_is_left_in_spite_of_the_id(
    bench: Bench, rule: str, statuses: list[int], asked: list[object]
) -> None:
    organisations(bench, "org-a", "org-b")
    prefer(bench, TWO)
    _, response = await bench.read(**ask())
    bench.emulator.rules[TWO.secret] = rule

    assert [(await bench.read(**following(response)))[0]] == statuses
    assert bench.asked[1:] == [credential.secret for credential in asked]  # type: ignore[attr-defined]  # credentials


async def test_an_id_opens_no_credential_that_the_request_could_not_use(bench: Bench) -> None:
    organisations(bench, "org-a", "org-b", "org-c")
    bench.sender.ids.learn("a.example", "database:99", b'{"id":"msg_foreign"}')
    await bench.read(**ask(thread={"type": "continue", "previous_message_id": "msg_foreign"}))

    assert bench.asked == [ONE.secret]


async def test_files_are_asked_of_the_credential_that_has_them(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    prefer(bench, TWO)
    await bench.read(session="s")
    files: dict[str, Any] = {"target": "/v1/files", "method": "POST", "body": b"--x"}
    assert (await bench.read(session="s", **files))[0] in {200, 400}
    file = f"file_{uuid4().hex}"
    bench.sender.ids.learn("a.example", TWO.key, b'{"id":"%b"}' % file.encode())

    await bench.read(target=f"/v1/files/{file}")
    await bench.read(target="/v1/files/file_unknown")
    for _ in range(2):
        await bench.read(session="t", target="/v1/files")
    prefer(bench, TWO)
    await bench.read(session="t")
    bench.hold(ONE)
    await bench.read(target=f"/v1/files/{file}")
    assert bench.asked == [TWO.secret] * 3 + [ONE.secret] * 5


async def test_the_token_of_the_credential_that_has_a_file_is_refreshed_first(bench: Bench) -> None:
    bench.hold(ONE)
    bench.hold_token(expires_at=time.time() * 1000)
    token = next(credential for credential in bench.credentials if credential.is_oauth)
    file = f"file_{uuid4().hex}"
    bench.sender.ids.learn("a.example", token.key, b'{"id":"%b"}' % file.encode())

    await bench.read(target=f"/v1/files/{file}")
    assert bench.asked == [bench.emulator.oauth.grants[0]["access_token"]]


async def test_a_file_that_the_api_deleted_is_forgotten(bench: Bench) -> None:
    bench.hold(ONE, TWO)
    bench.emulator.rules[TWO.secret] = "status=200"
    file = f"file_{uuid4().hex}"
    bench.sender.ids.learn("a.example", TWO.key, b'{"id":"%b"}' % file.encode())
    await bench.read(target=f"/v1/files/{file}", method="DELETE")
    await bench.read(target=f"/v1/files/{file}")

    assert bench.asked == [TWO.secret, ONE.secret]
