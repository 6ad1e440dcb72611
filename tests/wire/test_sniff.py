import json
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.messages import read_response
from proxy.wire.sniff import Sniffer
from proxy.wire.sse import Event
from tests.wire import cutting
from tests.wire.streams import NAMES, stream

DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"Hello"}}\n\n'
)


def sniff(*chunks: bytes) -> Sniffer:
    sniffer = Sniffer()
    for chunk in chunks:
        sniffer.feed(chunk)
    return sniffer


def facts(sniffer: Sniffer) -> tuple[object, ...]:
    return (
        sniffer.model,
        *sniffer.counts,
        sniffer.tool_calls,
        sniffer.error,
        sniffer.stopped,
    )


def exact_facts(body: bytes, content_type: str) -> tuple[object, ...]:
    response = read_response(200, content_type, body)
    assert response.usage is not None
    return (
        response.model,
        response.usage.input_tokens,
        response.usage.output_tokens,
        response.usage.cache_read_tokens,
        response.usage.cache_write_tokens,
        len(response.tools),
        response.error_type,
        response.finished,
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "legacy_complete"])
def test_what_is_sniffed_equals_what_is_read_exactly(name: str) -> None:
    assert facts(sniff(stream(name))) == exact_facts(stream(name), "text/event-stream")


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_in_single_bytes_is_sniffed_like_a_whole_one(name: str) -> None:
    whole = stream(name)

    assert facts(sniff(*[bytes([byte]) for byte in whole])) == facts(sniff(whole))


@given(st.sampled_from(NAMES), cutting.positions)
def test_any_cut_of_a_stream_gives_the_same_facts(name: str, positions: list[int]) -> None:
    whole = stream(name)

    assert facts(sniff(*cutting.cut(whole, positions))) == facts(sniff(whole))


MIXED = st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=1)  # a CR before an LF would be one end


@given(st.sampled_from(NAMES), st.just([b"\r"]) | MIXED, cutting.positions)
def test_any_line_ends_give_the_same_facts(name: str, ends: list[bytes], positions: list[int]) -> None:
    lines = stream(name).split(b"\n")
    mixed = b"".join(line + ends[number % len(ends)] for number, line in enumerate(lines[:-1])) + lines[-1]

    assert facts(sniff(*cutting.cut(mixed, positions))) == facts(sniff(stream(name)))


@given(st.sampled_from(NAMES))
def test_a_stream_with_one_event_a_chunk_gives_the_same_facts(name: str) -> None:
    whole = stream(name)

    assert facts(sniff(*[part + b"\n\n" for part in whole.split(b"\n\n")])) == facts(sniff(whole))


@given(st.sampled_from(NAMES), cutting.positions, st.integers(min_value=0, max_value=150_000))
def test_any_cut_of_a_json_answer_gives_the_same_facts(name: str, positions: list[int], size: int) -> None:
    message = read_response(200, "text/event-stream", stream(name)).message or {}
    blocks = message.pop("content", [])
    usage = message.pop("usage", {})
    whole = json.dumps({**message, "content": blocks, "padding": "x" * size, "usage": usage}).encode()

    assert facts(sniff(*cutting.cut(whole, positions))) == facts(sniff(whole))


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_answer_is_sniffed_like_a_stream(indent: int | None) -> None:
    message = read_response(200, "text/event-stream", stream("parallel_tools")).message

    whole = json.dumps(message, indent=indent).encode() + b"\n\n"

    assert facts(sniff(whole)) == exact_facts(whole, "application/json")
    assert sniff(whole).tool_calls == 2


def test_a_long_json_answer_is_sniffed_at_both_ends() -> None:
    content = [{"type": "text", "text": "x" * 1_000_000}, {"type": "tool_use", "input": {}}]
    whole = json.dumps({"model": "m", "content": content, "usage": {"input_tokens": 3, "output_tokens": 4}})

    sniffer = sniff(*cutting.cut(whole.encode(), list(range(0, 1_000_000, 16_384))))

    assert facts(sniffer) == ("m", 3, 4, 0, 0, 1, None, True)


def test_how_an_answer_was_served_is_known_while_it_passes() -> None:
    sniffer = sniff(b'{"model":"m","usage":{"input_tokens":3,"speed":"fast"}}')

    assert sniffer.usage == {"input_tokens": 3, "speed": "fast"}


def test_an_error_body_gives_its_type() -> None:
    sniffer = sniff(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')

    assert (sniffer.error, sniffer.stopped) == ("overloaded_error", True)


@pytest.mark.parametrize("tail", [b"7}", b'{"input_tokens": }', b"[" * 100_000 + b"}", b'"', b""])
def test_a_json_answer_with_garbage_for_usage_counts_nothing(tail: bytes) -> None:
    sniffer = sniff(b'{"model":"m","usage":', tail, b"}")

    assert (sniffer.model, sniffer.counts.input, sniffer.stopped) == ("m", 0, False)


def test_the_results_of_a_batch_are_not_the_usage_of_the_answer_that_carries_them() -> None:
    line = b'{"custom_id":"a","result":{"content":[{"type":"tool_use"}],"usage":{"input_tokens":9}}}\n'

    assert facts(sniff(line, line)) == facts(sniff(line))
    assert (sniff(line).counts.input, sniff(line).tool_calls) == (0, 0)


def test_white_space_before_a_body_decides_nothing() -> None:
    assert sniff(b"", b" \n\n", b'{"usage":{"output_tokens":7}}').counts.output == 7
    assert sniff(b"\n\n", stream("text")).counts.output == 15


def test_an_error_event_without_a_type_is_an_error() -> None:
    assert sniff(b"event: error\ndata: garbage\n\n").error == "error"


def test_text_that_looks_like_an_event_is_none() -> None:
    text = json.dumps(
        {"type": "content_block_delta", "delta": {"text": "\nevent: message_stop\ndata: {}\n\n"}}
    )

    sniffer = sniff(DELTA, f"event: content_block_delta\ndata: {text}\n\n".encode())

    assert not sniffer.stopped


def test_a_server_tool_is_no_tool_call() -> None:
    block = b'{"content_block":{"type":"server_tool_use","name":"tool_use","input":{"a":"tool_use"}}}'

    assert sniff(b"event: content_block_start\ndata: " + block + b"\n\n").tool_calls == 0


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_are_sniffed_without_raising(chunks: list[bytes]) -> None:
    assert sniff(*chunks).counts.input == 0


@pytest.mark.parametrize("start", [b'{"a":"', b"event: content_block_start\ndata: "])
def test_memory_stays_bounded(start: bytes) -> None:
    sniffer = sniff(start)

    for _ in range(200):
        sniffer.feed(b"x" * 65_536)

    held = sniffer._json or sniffer._decoder
    assert held is not None
    sizes = [sys.getsizeof(getattr(held, name)) for name in type(held).__slots__]
    assert sum(sizes) < 1_000_000


def test_of_a_burst_only_what_matters_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[Event] = []
    note = Sniffer._note

    def counting(self: Sniffer, event: Event) -> None:
        decoded.append(event)
        note(self, event)

    monkeypatch.setattr(Sniffer, "_note", counting)
    delta = b"event: content_block_delta\n"
    head, tail = stream("thinking").split(delta, 1)

    sniffer = sniff(head + DELTA * 200 + delta + tail)

    assert facts(sniffer) == facts(sniff(stream("thinking")))
    assert 3 < len(decoded) < 20


@pytest.mark.parametrize("space", [b" ", b""])
@pytest.mark.parametrize("name", NAMES)
def test_what_lies_between_hundreds_of_deltas_is_found_as_in_a_short_chunk(name: str, space: bytes) -> None:
    events = [event + b"\n\n" for event in stream(name).removesuffix(b"\n\n").split(b"\n\n")]

    long = b"".join(event + DELTA * 40 for event in events).replace(b"event: ", b"event:" + space)

    assert facts(sniff(events[0], long.removeprefix(events[0]))) == facts(sniff(stream(name)))
    assert facts(sniff(long)) == facts(sniff(stream(name)))


def test_an_ordinary_chunk_costs_little() -> None:
    sniffer = sniff(DELTA)
    rounds = 50_000

    start = time.process_time()
    for _ in range(rounds):
        sniffer.feed(DELTA)

    # Measured 0.3 µs; the bar leaves room for a busy machine.
    assert (time.process_time() - start) / rounds < 3e-6
