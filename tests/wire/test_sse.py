import time

from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.sse import Decoder, Event
from tests.wire import cutting


def decode(*chunks: bytes, limit: int | None = None) -> list[Event]:
    decoder = Decoder(limit)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.flush()


def test_an_event_has_the_name_and_the_data_of_its_block() -> None:
    assert decode(b'event: ping\ndata: {"type": "ping"}\n\n') == [Event("ping", b'{"type": "ping"}')]


def test_padding_spaces_inside_data_stay() -> None:
    assert decode(b'data: {"a":1}     \n\n') == [Event("message", b'{"a":1}     ')]


def test_a_missing_space_after_the_colon_is_allowed() -> None:
    assert decode(b"event:ping\ndata:1\n\n") == [Event("ping", b"1")]


def test_several_data_lines_are_joined_by_a_line_feed() -> None:
    assert decode(b"data: a\ndata\ndata: b\n\n") == [Event("message", b"a\n\nb")]


def test_a_comment_is_no_event() -> None:
    assert decode(b": keep-alive\n\n:\ndata: 1\n\n") == [Event("message", b"1")]


def test_unknown_fields_are_ignored() -> None:
    assert decode(b"id: 7\nretry: 10\ndata: 1\n\n") == [Event("message", b"1")]


def test_a_block_without_data_is_no_event() -> None:
    assert decode(b"event: ping\n\n\n\n") == []


def test_crlf_and_lone_cr_end_lines_too() -> None:
    assert decode(b"event: a\r\ndata: 1\r\n\r\nevent: b\rdata: 2\r\rdata: 3\n\r\n") == [
        Event("a", b"1"),
        Event("b", b"2"),
        Event("message", b"3"),
    ]


def test_unicode_line_separators_do_not_split_a_line() -> None:
    text = 'data: "a\u2028b\u2029c\u0085d"\n\n'.encode()

    assert decode(text) == [Event("message", text[6:-2])]


def test_a_byte_order_mark_is_no_part_of_the_first_field() -> None:
    assert decode(b"\xef\xbb\xbfdata: 1\n\n") == [Event("message", b"1")]


def test_a_name_that_is_not_utf8_does_not_raise() -> None:
    assert decode(b"event: \xff\ndata: 1\n\n") == [Event("\ufffd", b"1")]


def test_an_unterminated_last_event_is_reported_once_at_the_end() -> None:
    decoder = Decoder()

    assert decoder.feed(b"data: 1\n\ndata: 2") == [Event("message", b"1")]
    assert decoder.pending
    assert decoder.flush() == [Event("message", b"2")]
    assert decoder.flush() == []
    assert not decoder.pending


def test_a_block_over_the_limit_is_dropped_and_the_next_one_is_not() -> None:
    stream = b"data: " + b"x" * 100 + b"\n\ndata: 1\n\n"

    assert decode(stream, limit=50) == [Event("message", b"1")]


def test_an_overlong_block_is_not_kept_in_memory() -> None:
    decoder = Decoder(limit=50)

    for _ in range(1000):
        decoder.feed(b"x" * 100)

    assert decoder.pending
    assert len(decoder._rest) < 10
    assert decoder.flush() == []


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"data", b": ", b"event", b"x"]), max_size=60))
def test_any_bytes_give_the_same_events_in_one_piece_and_byte_by_byte(parts: list[bytes]) -> None:
    stream = b"".join(parts)

    assert decode(*[bytes([byte]) for byte in stream]) == decode(stream)


@given(st.lists(st.text(max_size=8), max_size=12), cutting.positions, st.sampled_from([b"\n\n", b"\r\n\r\n"]))
def test_any_cut_gives_the_same_events(texts: list[str], positions: list[int], border: bytes) -> None:
    lines = [text.replace("\r", "").replace("\n", "").encode("utf-8", "replace") for text in texts]
    stream = b"".join(b"data: " + line + border for line in lines)

    assert decode(*cutting.cut(stream, positions)) == [Event("message", line) for line in lines]


@given(st.lists(st.integers(min_value=0, max_value=90), max_size=12), cutting.positions)
def test_any_cut_drops_the_same_overlong_blocks(sizes: list[int], positions: list[int]) -> None:
    stream = b"".join(b"data:" + b"x" * size + b"\n\n" for size in sizes)

    kept = decode(*cutting.cut(stream, positions), limit=50)

    assert kept == [Event("message", b"x" * size) for size in sizes if size <= 45]


def test_a_large_event_in_single_bytes_takes_linear_time() -> None:
    def seconds(size: int) -> float:
        decoder = Decoder()
        start = time.process_time()
        for _ in range(size):
            decoder.feed(b"x")
        return time.process_time() - start

    assert seconds(200_000) < 20 * max(seconds(25_000), 0.005)


names = st.sampled_from([b"ping", b"content_block_delta", b"", b"a: b", b"\xff"])
values = st.sampled_from([b"1", b"", b'{"a":1} ', b"x" * 40, b": data: 2"])


@given(
    st.lists(st.tuples(names, values, st.sampled_from([b"", b"\n", b": note\n", b"\r\n"])), max_size=6),
    st.sampled_from([None, 30]),
)
def test_an_event_as_the_api_writes_it_is_the_same_with_other_line_ends(
    written: list[tuple[bytes, bytes, bytes]], limit: int | None
) -> None:
    plain = b"".join(b"event: %b\ndata: %b\n\n%b" % parts for parts in written)
    other = b"".join(b"event: %b\r\ndata: %b\r\n\r\n%b" % parts for parts in written)

    found = decode(plain, limit=limit)

    # Each line end of the other form is a byte longer, which is what a limit counts.
    assert found == decode(other, limit=limit and limit + 1)
    assert all(type(event.data) is bytes for event in found)
