"""A body that is passed on as it arrives: what is taken of the client, recorded, reserved for, and when it is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from proxy import record
from proxy.record import Record
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.protocol import TARGET
from proxy.relay.http.refusal import Refused
from proxy.relay.http.request import RelayRequest
from proxy.relay.http.request_body import LARGE_BYTES, ClientLeft, Receive
from proxy.relay.limits.messages import Refusal
from proxy.relay.spool.assemble import assemble, read_record
from proxy.relay.spool.bounds import MAX_RECORD_BYTES, WHOLE_BYTES
from proxy.relay.spool.segments import REQUEST, Frame, StoredFile
from proxy.relay.spool.spool import Spool
from proxy.relay.upload import RESERVED_BYTES, Reserve, Upload, is_passed_on
from proxy.wire.body_limits import limit_of, too_large
from proxy.wire.errors import ErrorKind
from tests.relay.examples import make_head
from tests.relay.limited import no_body

MIB = 1024**2
BATCHES = "/v1/messages/batches"
CHUNKED = (b"transfer-encoding", b"chunked")


def sends(*chunks: bytes, leaves: bool = False) -> Receive:
    """A client that sends these, each with more to come but the last, and may leave instead of an end."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": leaves or number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    ]
    coming = iter([*messages, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(coming)

    return receive


def request(
    receive: Receive = no_body, target: str = BATCHES, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> RelayRequest:
    pairs = list(headers)
    scope = {"method": "POST", "path": target, "headers": pairs, "extensions": {TARGET: target.encode()}}
    return RelayRequest(scope, receive)


async def begun(
    spool: Spool | None, receive: Receive, reserve: Reserve | None = None
) -> tuple[Exchange, Upload]:
    exchange = Exchange(spool, lambda _: None)
    await exchange.open(make_head(b""), b"")
    asked = request(receive)
    exchange.expect_request(asked.length)
    return exchange, Upload(asked, exchange, reserve)


async def read(upload: Upload) -> list[bytes]:
    chunks = []
    while chunk := await upload.next():
        chunks.append(chunk)
    return chunks


def recorded(spool: Spool) -> Record:
    [serial] = spool.take(10, 10**9)
    found = read_record(spool, serial)
    assert found
    return found


@pytest.mark.parametrize(
    ("target", "mib"),
    [
        ("/v1/messages", 32),
        ("/v1/messages?beta=true", 32),
        ("/v1/messages/count_tokens", 32),
        ("/v1/messages/batches?x", 256),
        ("/v1/messages/batches/msgbatch_1/cancel", 256),
        ("/v1/messages/batchesque", 500),
        ("/v1/files", 500),
        ("/v1/skills", 500),
    ],
)
def test_each_path_has_the_limit_of_the_api_and_words_for_it(target: str, mib: int) -> None:
    assert limit_of(target) == mib * MIB
    assert f"{mib} MiB" in too_large(target)


@pytest.mark.parametrize(
    ("target", "header", "passed"),
    [
        ("/v1/files", (b"content-length", b"%d" % (LARGE_BYTES + 1)), True),
        ("/v1/files", (b"content-length", b"%d" % LARGE_BYTES), False),
        ("/v1/files", CHUNKED, True),
        (BATCHES, CHUNKED, True),
        ("/v1/messages", CHUNKED, False),
        ("/v1/messages", (b"content-length", b"%d" % (64 * MIB)), False),
    ],
)
def test_what_is_large_or_has_no_length_is_passed_on_where_the_api_takes_such(
    target: str, header: tuple[bytes, bytes], passed: bool
) -> None:
    assert is_passed_on(request(target=target, headers=(header,))) is passed


@given(chunks=st.lists(st.binary(max_size=20)))
async def test_all_that_comes_is_passed_on_and_recorded(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), 64 * MIB)
    exchange, upload = await begun(spool, sends(*chunks, b""))

    passed = await read(upload)
    assert await upload.next() == b""  # and nothing more is asked of the client
    exchange.finish(record.COMPLETE)
    found = recorded(spool)
    spool.shut()

    assert passed == [chunk for chunk in chunks if chunk]
    assert found.request_body == b"".join(chunks)
    assert (found.head.body_size, found.head.body_dropped) == (len(found.request_body), False)
    assert (found.closing.request_not_kept, found.closing.request_digest) == (False, b"")


async def test_the_model_is_that_of_the_first_bytes() -> None:
    exchange, upload = await begun(
        None, sends(b'{"requests":[{"params":{"model":"claude-a"', b'"model":"claude-b"')
    )
    await read(upload)
    assert exchange.model == "claude-a"


async def test_a_request_that_is_not_passed_on_has_no_such_bytes() -> None:
    exchange = Exchange(None, lambda _: None)
    exchange.feed_request(b'{"model":"claude-a"')
    assert exchange.model == ""


@pytest.mark.parametrize("announced", [None, WHOLE_BYTES + 2 * MIB])
async def test_a_longer_one_leaves_size_and_digest_and_is_not_read_again(
    spool: Spool, settings: Settings, announced: int | None
) -> None:
    settings.UPLOADS_MAX_RECORDED_BYTES = WHOLE_BYTES + MIB
    exchange = Exchange(spool, lambda _: None)
    await exchange.open(make_head(b""), b"")
    exchange.expect_request(announced)
    for _ in range(WHOLE_BYTES // MIB + 2):
        exchange.feed_request(bytes(MIB))
    exchange.answered(200, [])
    exchange.feed(b"ok")
    exchange.finish(record.COMPLETE)

    [serial] = spool.take(10, 10**9)
    read: list[int] = []

    def payload(file: StoredFile, frame: Frame) -> bytes | None:
        read.append(frame.kind)
        return StoredFile.read(file, frame)

    found = read_record(spool, serial, payload)
    assert found
    assert (found.request_body, found.response_body) == (b"", b"ok")
    assert (found.head.body_size, found.head.body_dropped) == (WHOLE_BYTES + 2 * MIB, False)
    assert found.closing.request_not_kept
    assert len(found.closing.request_digest) == 32
    assert REQUEST not in read
    assert bool(spool.body(serial, REQUEST)) == (announced is None)
    assert spool.bodies_dropped == 0


async def test_a_long_one_within_the_bound_is_read_whole(spool: Spool) -> None:
    exchange, upload = await begun(spool, sends(*[bytes(MIB)] * (WHOLE_BYTES // MIB + 1)))
    await read(upload)
    exchange.finish(record.COMPLETE)
    assert len(recorded(spool).request_body) == WHOLE_BYTES + MIB


async def test_both_bodies_may_be_long(spool: Spool, settings: Settings) -> None:
    settings.UPLOADS_MAX_RECORDED_BYTES = WHOLE_BYTES + MIB
    exchange, upload = await begun(spool, sends(*[bytes(MIB)] * (WHOLE_BYTES // MIB + 2)))
    await read(upload)
    exchange.answered(200, [])
    exchange._bound = 30 * MIB
    exchange.feed(bytes(WHOLE_BYTES + 1))
    exchange.finish(record.COMPLETE)

    found = recorded(spool)
    assert (found.request_body, len(found.response_body)) == (b"", WHOLE_BYTES + 1)


async def test_a_long_one_whose_beginning_is_damaged_is_given_up(spool: Spool) -> None:
    exchange, upload = await begun(spool, sends(*[bytes(MIB)] * (WHOLE_BYTES // MIB + 1)))
    await read(upload)
    exchange.finish(record.COMPLETE)
    [serial] = spool.take(10, 10**9)

    def payload(file: StoredFile, frame: Frame) -> bytes | None:
        return None

    assert read_record(spool, serial, payload) is None
    assert spool.dropped == 1


async def test_what_finds_no_room_is_dropped_once_and_passes_all_the_same(small: Spool) -> None:
    exchange, upload = await begun(small, sends(*[bytes(40_000)] * 4))

    assert len(await read(upload)) == 4
    exchange.finish(record.COMPLETE)

    found = recorded(small)
    assert (found.head.body_dropped, found.head.body_size) == (True, 160_000)
    assert not found.closing.request_not_kept
    assert small.bodies_dropped == 1


async def test_the_answer_has_the_room_that_the_request_leaves_it() -> None:
    exchange, _ = await begun(None, sends(b""))
    exchange.answered(200, [])
    assert exchange._bound == MAX_RECORD_BYTES - 32 * MIB


async def test_a_killed_one_has_what_had_come(spool: Spool) -> None:
    exchange, upload = await begun(spool, sends(b"a first", b"a second"))
    await upload.next()
    [serial] = spool._entries
    found = spool.read(serial)
    assert found
    aborted = assemble(found)
    assert (aborted.request_body, aborted.head.body_size, aborted.head.body_dropped) == (b"a first", 7, False)
    exchange.finish(record.ABORTED)


async def test_a_client_that_leaves_ends_it() -> None:
    _, upload = await begun(None, sends(b"a", leaves=True))
    with pytest.raises(ClientLeft):
        await read(upload)


async def test_more_than_the_api_takes_is_refused_and_the_exchange_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.relay.upload.limit_of", lambda target: 10)
    exchange, upload = await begun(None, sends(b"12345", b"123456"))

    with pytest.raises(Refused) as caught:
        await read(upload)

    assert caught.value.kind is ErrorKind.REQUEST_TOO_LARGE
    assert (exchange.outcome, exchange.status) == (record.REFUSED, 413)


async def test_it_is_reserved_for_as_it_grows_and_not_chunk_by_chunk() -> None:
    asked: list[int] = []

    async def reserve(data: bytes) -> Refusal | None:
        asked.append(len(data))
        return None

    _, upload = await begun(None, sends(*[bytes(RESERVED_BYTES // 4)] * 9, b""), reserve)
    assert len(await read(upload)) == 9
    assert asked == [RESERVED_BYTES, RESERVED_BYTES, RESERVED_BYTES // 4]

    _, empty = await begun(None, sends(b""), reserve)
    assert await read(empty) == []
    assert len(asked) == 3


async def test_a_limit_that_is_reached_on_the_way_refuses_it() -> None:
    async def reserve(data: bytes) -> Refusal | None:
        return Refusal(ErrorKind.SPEND_LIMIT, "The limit is reached.", [(b"x-should-retry", b"false")])

    exchange, upload = await begun(None, sends(b"a"), reserve)
    with pytest.raises(Refused) as caught:
        await read(upload)

    assert caught.value.headers == [(b"x-should-retry", b"false")]
    assert (exchange.outcome, exchange.status) == (record.REFUSED, ErrorKind.SPEND_LIMIT.status)
