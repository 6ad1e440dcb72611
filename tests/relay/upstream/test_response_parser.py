"""An answer however the network cuts it, and what is none."""

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.upstream.response_parser import MAX_HEAD_BYTES, MAX_HEADERS, BadResponse, ResponseParser

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
bodies = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


def fed(*parts: bytes, bodiless: bool = False) -> ResponseParser:
    parser = ResponseParser(bodiless=bodiless)
    for part in parts:
        parser.feed(part)
    return parser


def all_of(parser: ResponseParser) -> bytes:
    return b"".join(iter(lambda: parser.take(1000), b""))


def chunks(fragments: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(fragment), fragment) for fragment in fragments) + b"0\r\n\r\n"


@given(bodies, st.sampled_from(["length", "chunks", "end"]), st.data())
def test_however_it_is_cut_the_same_head_and_bytes_come(
    fragments: list[bytes], framing: str, data: st.DataObject
) -> None:
    body = b"".join(fragments)
    sent = {
        "length": OK + b"content-length: %d\r\n\r\n" % len(body) + body,
        "chunks": CHUNKED + chunks(fragments),
        "end": OK + b"X-Odd: \xff\r\n\r\n" + body,
    }[framing]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))

    parser = fed(*(sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)))
    if framing == "end":
        assert not parser.ended
        parser.lose(None)

    assert (parser.ended, parser.error) == (True, None)
    assert all_of(parser) == body
    assert parser.taken
    assert parser.head
    assert parser.head.status == 200
    assert parser.reusable is (framing != "end")


texts = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"1\r\n", b"\n\n"]), min_size=1).map(b"".join)


@given(st.lists(texts, min_size=1, max_size=6), st.data())
def test_it_says_that_it_is_between_chunks_only_where_that_is_so(
    fragments: list[bytes], data: st.DataObject
) -> None:
    sent = CHUNKED + chunks(fragments)
    borders = [
        len(CHUNKED) + len(chunks(fragments[:count])) - len(chunks([]))
        for count in range(1, len(fragments) + 1)
    ]
    cuts = data.draw(st.sets(st.integers(1, len(sent)) | st.sampled_from(borders), max_size=12))
    parser = ResponseParser(bodiless=False)
    start = 0
    for end in sorted(cuts):
        parser.feed(sent[start:end])
        start = end
        assert parser.ended or not parser.between_chunks or end in borders


def test_it_is_between_chunks_after_each_event_that_is_one() -> None:
    parser = fed(CHUNKED)
    said = []
    for part in (b"5\r\na: 1\n\r\n", b"4\r\na\n\n\n\r\n", b"5\r\nb\n\n", b"c\n\r\n", b"3\r\nd\n\n\r\n"):
        parser.feed(part)
        said.append(parser.between_chunks)
    assert said == [False, True, False, False, True]


def test_names_and_values_are_as_they_came_and_a_trailer_is_no_header() -> None:
    parser = fed(
        OK, b"X-Cased: A  b\r\nx-cased: \r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-late: 1\r\n\r\n"
    )

    assert parser.head
    assert parser.head.headers == [
        (b"X-Cased", b"A  b"),
        (b"x-cased", b""),
        (b"Transfer-Encoding", b"chunked"),
    ]
    assert parser.taken


def test_what_comes_before_the_final_answer_is_passed_over() -> None:
    parser = fed(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
    assert (parser.head, parser.ended) == (None, False)

    parser.feed(OK + b"content-length: 2\r\n\r\nok")
    assert parser.head
    assert (parser.head.headers, parser.take(9), parser.reusable) == (
        [(b"content-length", b"2")],
        b"ok",
        True,
    )


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.0 200 OK", False),
        (b"HTTP/1.1 200 OK\r\nconnection: close", False),
    ],
)
def test_a_connection_is_used_again_where_both_sides_want_it(head: bytes, reusable: bool) -> None:
    assert fed(head + b"\r\ncontent-length: 0\r\n\r\n").reusable is reusable


def test_an_answer_to_head_ends_with_its_head() -> None:
    parser = fed(OK + b"content-length: 1234\r\n\r\n", bodiless=True)

    assert (parser.ended, parser.error, parser.reusable) == (True, None, False)


def test_not_more_is_taken_than_was_asked_for() -> None:
    parser = fed(OK + b"content-length: 10\r\n\r\n01234", b"56789")

    assert [parser.take(4), parser.take(4), parser.taken, parser.take(4), parser.take(4)] == [
        b"0123", b"4567", False, b"89", b"",
    ]  # fmt: skip
    assert (parser.taken, parser.held) == (True, 0)


@pytest.mark.parametrize(
    "sent",
    [
        b"NOT HTTP\r\n\r\n",
        OK + b"content-length: nine\r\n\r\n",
        OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\n",
        OK + b"content-length: 2\r\n\r\nok and more",
        OK + b"content-length: 2\r\n\r\nok" + OK + b"content-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxx",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n",
        OK + b"x-bell: a\x07b\r\ncontent-length: 0\r\n\r\n",
        OK + b"x-endless: " + b"y" * MAX_HEAD_BYTES,
        OK + b"x: y\r\n" * (MAX_HEADERS + 1) + b"content-length: 0\r\n\r\n",
    ],
    ids=[
        "no-http",
        "worded-length",
        "two-lengths",
        "too-long",
        "two-answers",
        "another-protocol",
        "101-alone",
        "600",
        "bell",
        "endless-header",
        "many-headers",
    ],
)
def test_what_is_no_answer_is_told(sent: bytes) -> None:
    parser = fed(sent)

    assert isinstance(parser.error, BadResponse)
    assert str(parser.error)
    assert (parser.ended, parser.reusable, parser.taken) == (True, False, False)


def test_a_header_of_almost_all_that_a_head_may_have_passes() -> None:
    parser = fed(OK + b"x-long: ", b"y" * (MAX_HEAD_BYTES - 100), b"\r\ncontent-length: 0\r\n\r\n")

    assert (parser.ended, parser.error) == (True, None)


@pytest.mark.parametrize("why", [None, ConnectionResetError("reset")])
@pytest.mark.parametrize(
    "sent", [CHUNKED + b"5\r\nshort\r\n", OK + b"content-length: 9\r\n\r\nshort", OK + b"content-le"]
)
def test_an_end_of_the_connection_within_it_is_a_failure_that_keeps_what_came(
    sent: bytes, why: Exception | None
) -> None:
    parser = fed(sent)
    parser.lose(why)

    assert all_of(parser) == (b"short" if b"short" in sent else b"")
    assert isinstance(parser.error, ConnectionResetError if why else aiohttp.ServerDisconnectedError)
    assert not parser.taken


def test_a_body_without_a_length_is_not_whole_when_its_connection_breaks() -> None:
    parser = fed(OK + b"transfer-encoding: gzip\r\n\r\nuntil")
    parser.lose(ConnectionResetError("reset"))

    assert isinstance(parser.error, ConnectionResetError)


def test_the_first_failure_is_the_one_that_is_told() -> None:
    parser = fed(CHUNKED + b"zz\r\n")
    first = parser.error
    parser.lose(ConnectionResetError("reset"))

    assert parser.error is first
