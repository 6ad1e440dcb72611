"""One exchange: all that passed is recorded, once, with one outcome."""

import asyncio
import os
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy import record
from proxy.record import Record
from proxy.relay.capture import exchange as module
from proxy.relay.capture.exchange import LARGE_BYTES, SPILL_BYTES, Exchange
from proxy.relay.spool.assemble import assemble
from proxy.relay.spool.record import Entry
from proxy.relay.spool.spool import Spool
from tests.relay.examples import make_head

STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-x","usage":'
    b'{"input_tokens":7,"output_tokens":1}}}\n\n'
)


def ignore(_: Exchange) -> None:
    """For tests that do not watch the end."""


def recorded(spool: Spool) -> Record:
    [serial] = spool.take(10, 10**9)
    found = spool.read(serial)
    assert found
    return assemble(found)


async def opened(spool: Spool | None, body: bytes = b"{}") -> Exchange:
    exchange = Exchange(spool, ignore)
    await exchange.open(make_head(body), body)
    exchange.answered(200, [("content-type", "text/event-stream")])
    return exchange


@given(chunks=st.lists(st.binary(min_size=1, max_size=400) | st.builds(bytes, st.integers(1, 150_000))))
def test_the_bytes_and_their_cuts_are_recorded(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"), 1024**3)
    exchange = asyncio.run(opened(spool))
    for chunk in chunks:
        exchange.feed(chunk)
    exchange.finish(record.COMPLETE)
    found = recorded(spool)
    spool.shut()

    assert found.response_body == b"".join(chunks)
    assert [size for _, size in found.closing.chunks] == [len(chunk) for chunk in chunks]
    times = [moment for moment, _ in found.closing.chunks]
    assert times == sorted(times)
    assert found.closing.first_byte_ms == (times[0] if times else None)
    assert found.closing.response_dropped is False
    assert found.closing.response_size == exchange.size


async def test_moments_are_milliseconds_since_its_start_with_one_decimal(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = [0.0, 0.000_04, 0.012_34, 0.012_36, 2.0, 3600.000_1]
    clock = iter([1_000_000.0 + seconds for seconds in (0.0, *after, after[-1])])
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    exchange = await opened(spool)
    for _ in after:
        exchange.feed(b"x")
    exchange.finish(record.COMPLETE)

    closing = recorded(spool).closing
    assert [moment for moment, _ in closing.chunks] == [0.0, 0.0, 12.3, 12.4, 2000.0, 3_600_000.1]
    assert closing.duration_ms == 3_600_000.1


async def test_only_the_first_end_counts(spool: Spool) -> None:
    ends: list[str] = []
    exchange = Exchange(spool, lambda item: ends.append(item.outcome))
    await exchange.open(make_head(), b"")
    exchange.finish(record.UPSTREAM_CUT, "upstream_cut", "It broke off.")
    exchange.finish(record.CLIENT_LEFT)

    closing = recorded(spool).closing
    assert (closing.outcome, closing.error_type, closing.error_message) == (
        record.UPSTREAM_CUT,
        "upstream_cut",
        "It broke off.",
    )
    assert ends == [record.UPSTREAM_CUT]


async def test_without_a_spool_it_only_counts() -> None:
    exchange = await opened(None, b'{"model":"claude-y"}')
    exchange.feed(STREAM)
    exchange.finish(record.COMPLETE)

    event = exchange.event("ended")
    assert (event["model"], event["input_tokens"], event["bytes"]) == ("claude-x", 7, len(STREAM))
    assert (event["outcome"], event["status"]) == (record.COMPLETE, 200)


async def test_it_tells_where_it_stands_at_any_time_and_sees_each_byte_once(spool: Spool) -> None:
    exchange = await opened(spool)
    seen = []
    for at in range(0, len(STREAM), 10):
        exchange.feed(STREAM[at : at + 10])
        seen.append(exchange.event("running")["input_tokens"])
    exchange.finish(record.COMPLETE)

    assert (seen[0], seen[-1]) == (0, 7)
    found = recorded(spool)
    assert found.response_body == STREAM
    assert len(found.closing.chunks) == len(seen)


async def test_what_runs_has_no_outcome_yet(spool: Spool) -> None:
    exchange = await opened(spool, b'{"model":"claude-y"}')

    event = exchange.event("running")

    assert (event["model"], event["kind"], event["id"]) == ("claude-y", "running", exchange.id)
    assert "outcome" not in event
    exchange.finish(record.COMPLETE)


async def test_an_event_names_the_session_that_the_client_names(spool: Spool) -> None:
    exchange = await opened(spool)
    assert exchange.event("running")["session_id"] == ""

    named = Exchange(spool, lambda _: None)
    await named.open(make_head(headers=[("X-Claude-Code-Session-Id", "session-1")]), b"{}")
    assert named.event("running")["session_id"] == "session-1"
    for each in (exchange, named):
        each.finish(record.COMPLETE)


async def test_an_exchange_that_ends_before_it_was_opened_leaves_no_record(spool: Spool) -> None:
    exchange = Exchange(spool, ignore)
    exchange.answered(200, [])
    exchange.feed(bytes(SPILL_BYTES))
    exchange.finish(record.ABORTED)

    assert (spool.accepted, exchange.outcome) == (0, record.ABORTED)


async def test_at_most_one_piece_of_an_answer_is_held_in_memory(spool: Spool, tmp_path: Path) -> None:
    exchange = await opened(spool)
    for _ in range(100):
        exchange.feed(os.urandom(10_000))
        assert exchange._pending_size < SPILL_BYTES
        assert spool.used > exchange.size - SPILL_BYTES
    exchange.finish(record.COMPLETE)


async def test_an_answer_larger_than_the_spools_room_is_recorded_without_its_rest(small: Spool) -> None:
    exchange = await opened(small)
    for _ in range(40):
        exchange.feed(bytes(10_000))
    exchange.finish(record.COMPLETE)

    found = recorded(small)
    assert (found.closing.response_dropped, found.closing.response_size) == (True, 400_000)
    assert len(found.response_body) == 70_000
    assert sum(size for _, size in found.closing.chunks) == 400_000
    assert small.dropped == 0
    assert exchange._unseen == exchange._pending == []


async def test_the_end_of_an_answer_that_finds_no_room_is_told_as_dropped(small: Spool) -> None:
    await opened(small, bytes(90_000))
    exchange = await opened(small)
    exchange.feed(bytes(50_000))
    exchange.finish(record.COMPLETE)

    found = recorded(small)
    assert (found.response_body, found.closing.response_dropped) == (b"", True)


async def test_a_dropped_exchange_goes_on_unrecorded(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.relay.spool.writer.MAX_WAITING", 0)
    exchange = await opened(spool)
    for _ in range(20):
        exchange.feed(bytes(10_000))
    exchange.finish(record.COMPLETE)

    assert (spool.dropped, spool.waiting, exchange.size) == (1, 0, 200_000)


async def test_a_large_body_is_written_by_another_thread(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    add: Callable[[Spool, Entry, bytes], None] = Spool.add_body

    def noted(self: Spool, entry: Entry, body: bytes) -> None:
        threads.append(threading.current_thread())
        add(self, entry, body)

    monkeypatch.setattr(Spool, "add_body", noted)
    bodies = [os.urandom(LARGE_BYTES), os.urandom(LARGE_BYTES + 1)]
    for body in bodies:
        (await opened(spool, body)).finish(record.COMPLETE)

    assert [thread is threading.main_thread() for thread in threads] == [False]
    assert [spool.read(serial).request_body for serial in spool.take(2, 10**9)] == bodies  # type: ignore[union-attr]  # None would fail as well


@pytest.mark.parametrize("begun", [False, True])
async def test_a_client_that_leaves_while_its_body_is_written_is_recorded(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    entered, go_on = threading.Event(), threading.Event()
    add = Spool.add_body

    def slowly(self: Spool, entry: Entry, body: bytes) -> None:
        entered.set()
        assert go_on.wait(10)
        add(self, entry, body)
        finished.set()

    finished = threading.Event()
    monkeypatch.setattr(Spool, "add_body", slowly)
    exchange = Exchange(spool, ignore)
    body = bytes(LARGE_BYTES + 1)
    opening = asyncio.get_running_loop().create_task(exchange.open(make_head(body), body))
    await (asyncio.to_thread(entered.wait, 10) if begun else asyncio.sleep(0))
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    exchange.finish(record.CLIENT_LEFT)
    go_on.set()
    if entered.wait(1):
        await asyncio.to_thread(finished.wait, 10)

    found = recorded(spool)
    assert (found.closing.outcome, found.head.body_dropped, spool.waiting) == (record.CLIENT_LEFT, True, 1)


async def test_the_memory_of_a_very_long_stream_is_bounded(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CHUNKS", 100)
    monkeypatch.setattr(module, "SPILL_BYTES", 300)
    exchange = await opened(spool)
    for number in range(1000):
        exchange.feed(b"x" * (number % 7 + 1))
        assert len(exchange._chunk_at) < 100 + 300
        if not exchange._unseen:
            assert len(exchange._chunk_at) == len(exchange._chunk_bytes) < 100
    exchange.finish(record.COMPLETE)

    chunks = recorded(spool).closing.chunks
    assert sum(size for _, size in chunks) == exchange.size
    assert [moment for moment, _ in chunks] == sorted(moment for moment, _ in chunks)


async def test_a_response_beyond_its_bound_is_recorded_by_size_and_digest_and_is_no_loss(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.spool.bounds.MAX_RECORD_BYTES", 300_000)
    sent = [os.urandom(100_000) for _ in range(4)]
    exchange = await opened(spool)
    for chunk in [*sent, b"the rest"]:
        exchange.feed(chunk)
    exchange.finish(record.COMPLETE)

    found = recorded(spool)
    assert (found.closing.response_not_kept, found.closing.response_dropped) == (True, False)
    assert found.closing.response_size == exchange.size == 400_008
    assert found.closing.response_digest == sha256(b"".join(sent) + b"the rest").digest()
    assert (found.response_body, spool.bodies_dropped, spool.dropped) == (b"", 0, 0)


async def test_a_response_of_just_its_bound_is_kept_and_needs_no_digest(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.spool.bounds.MAX_RECORD_BYTES", 100_002)
    exchange = await opened(spool)
    exchange.feed(bytes(100_000))
    exchange.finish(record.COMPLETE)

    found = recorded(spool)
    assert (found.closing.response_not_kept, found.closing.response_digest) == (False, b"")
    assert found.response_body == bytes(100_000)


async def test_a_response_that_outgrows_its_bound_with_its_last_bytes_is_not_kept(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.spool.bounds.MAX_RECORD_BYTES", 100_002)
    exchange = await opened(spool)
    exchange.feed(bytes(100_000))
    exchange.feed(b"!")
    exchange.finish(record.COMPLETE)

    closing = recorded(spool).closing
    assert (closing.response_not_kept, closing.response_digest) == (
        True,
        sha256(bytes(100_000) + b"!").digest(),
    )


async def test_a_response_that_the_spool_dropped_stays_a_loss_when_it_grows_on(
    small: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.spool.bounds.MAX_RECORD_BYTES", 200_000)
    exchange = await opened(small)
    for _ in range(4):
        exchange.feed(bytes(70_000))
    exchange.finish(record.COMPLETE)

    closing = recorded(small).closing
    assert (closing.response_dropped, closing.response_not_kept, small.bodies_dropped) == (True, False, 1)


@pytest.mark.parametrize("size", [40_000, 400_000])
async def test_a_response_that_is_announced_beyond_its_bound_takes_no_room_and_is_no_loss(
    small: Spool, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("proxy.relay.spool.bounds.MAX_RECORD_BYTES", 300_000)
    exchange = await opened(small)
    exchange.answered(200, [("content-length", "400000")])
    for _ in range(size // 1000):
        exchange.feed(bytes(1000))
    exchange.finish(record.COMPLETE)

    closing = recorded(small).closing
    assert (closing.response_not_kept, closing.response_size) == (True, size)
    assert closing.response_digest == sha256(bytes(size)).digest()
    assert small.bodies_dropped == 0


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
async def test_an_announced_length_without_a_body_is_of_nothing(
    small: Spool, method: str, status: int
) -> None:
    exchange = Exchange(small, ignore)
    await exchange.open(replace(make_head(), method=method), b"")
    exchange.answered(status, [("content-length", str(2**40))])
    exchange.finish(record.COMPLETE)

    assert not recorded(small).closing.response_not_kept
