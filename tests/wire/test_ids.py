"""Ids in requests and responses, found without parsing."""

import json
import re

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from proxy.wire import ids
from proxy.wire.ids import CONTAINER_SECONDS, CREDIT_SECONDS, FOREVER, MESSAGE_SECONDS, file_of, given, named
from proxy.wire.sniff import Sniffer


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"thread": {"type": "continue", "previous_message_id": "msg_1"}}, [b"msg_1"]),
        ({"container": "container_1"}, [b"container_1"]),
        ({"container": {"id": "container_1", "skills": []}}, [b"container_1"]),
        ({"container": None, "fallback_credit_token": "secret"}, [b"secret"]),
        ({"messages": [{"content": [{"source": {"file_id": f"file_{n % 2}"}} for n in range(9)]}]}, [b"file_0", b"file_1"]),
        ({"messages": [{"content": json.dumps({"file_id": "file_1"})}]}, []),
        ({"id": "msg_1", "file_id": 7, "text": "container"}, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_request_names_ids_by_their_members(
    body: object, found: list[bytes], separators: tuple[str, str]
) -> None:
    assert named(json.dumps(body, separators=separators).encode()) == found


def test_a_request_full_of_ids_is_not_searched_to_its_end() -> None:
    assert len(named(b'"file_id":"a","file_id":"b"' + b',"file_id":"c%d"' * 500 % tuple(range(500)))) == 64


# What a plain search for the members finds: whatever searches faster finds the same.
PLAIN = re.compile(rb'"(?:previous_message_id|container|file_id|fallback_credit_token)"')
PIECES = st.sampled_from(
    (
        b'"previous_message_id"', b'"container"', b'"file_id"', b'"fallback_credit_token"', b'"', b"container", b'file_id"',
        b'_token"', b':"id_1"', b': {"id":"id_2"}', b':null', b'\\"file_id\\"', b" ", b"{", b"text " * 40,
    )
)  # fmt: skip


def plain_named(body: bytes) -> list[bytes]:
    values = [ids._VALUE.match(body, member.end()) for member in PLAIN.finditer(body)][: ids._MOST]
    return list(dict.fromkeys(value[1] for value in values if value))


@examples(st.lists(PIECES | st.binary(max_size=4), max_size=200).map(b"".join))
def test_the_fast_search_finds_what_a_plain_one_finds(body: bytes) -> None:
    assert list(ids._member_ends(body)) == [member.end() for member in PLAIN.finditer(body)]
    assert named(body) == plain_named(body)


def test_an_id_is_found_wherever_it_stands_in_a_large_request() -> None:
    for size in (*range(200, 330), 4096, 65_536, 200_000):
        assert named(b"x" * size + b'"file_id":"a"' + b"y" * size) == [b"a"]


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("/v1/files/file_1", b"file_1"), ("/v1/files/file_1/content?x=1", b"file_1"), ("/v1/files/file_1?beta=true", b"file_1"),
        ("/v1/files", b""), ("/v1/files?limit=1", b""), ("/v1/messages", b""),
    ],
)  # fmt: skip
def test_a_target_names_a_file(target: str, file: bytes) -> None:
    assert file_of(target) == file


def ends(*chunks: bytes) -> bytes:
    sniffer = Sniffer()
    for chunk in chunks:
        sniffer.feed(chunk)
    return sniffer.ends


MESSAGE = {
    "model": "claude-opus-5-5",
    "id": "msg_1",
    "type": "message",
    "content": [{"type": "text", "text": 'say "id":"msg_2"'}],
    "container": {"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"},
    "stop_details": {"category": "cyber", "fallback_credit_token": "secret"},
    "usage": {"input_tokens": 1},
}
ALL = [(b"msg_1", MESSAGE_SECONDS), (b"container_1", CONTAINER_SECONDS), (b"secret", CREDIT_SECONDS)]


def test_a_message_gives_its_ids_whole_and_as_a_stream() -> None:
    start = {"type": "message_start", "message": {**MESSAGE, "container": None, "stop_details": None}}
    delta = {
        "type": "message_delta",
        "delta": {"stop_details": MESSAGE["stop_details"], "container": MESSAGE["container"]},
        "usage": {},
    }
    text = b'event: content_block_delta\ndata: {"delta":{"text":"msg_9"}}\n\n'
    stream = b"event: message_start\ndata: %b\n\n%bevent: message_delta\ndata: %b\n\n" % (
        json.dumps(start).encode(), text * 3, json.dumps(delta).encode(),
    )  # fmt: skip

    assert given(ends(json.dumps(MESSAGE).encode())) == ALL
    assert given(ends(stream)) == ALL
    assert given(ends(*(stream[at : at + 7] for at in range(0, len(stream), 7)))) == ALL


@examples(
    st.lists(
        st.sampled_from(
            (
                b'"id":', b'"file_id":', b'"file_1"', b'"container"', b":{", b'"fallback_credit_token":', b'"msg_1"', b"}", b"x",
            )
        ),
        max_size=40,
    ).map(b"".join)
)  # fmt: skip
def test_what_a_response_gives_is_all_that_its_expressions_find(data: bytes) -> None:
    message = ids._MESSAGE.search(data)
    plain = [message[1]] if message else []
    for pattern in (ids._CONTAINER, ids._FILE, ids._CREDIT):
        plain += pattern.findall(data)[: ids._MOST]
    assert [value for value, _ in given(data)] == list(dict.fromkeys(plain))


def test_files_are_given_by_their_endpoint_and_by_tools() -> None:
    upload = {"type": "file", "id": "file_1", "filename": "a.txt"}
    listing = {"data": [upload, {**upload, "id": "file_2"}]}
    output = {"content": [{"type": "bash_code_execution_output", "file_id": "file_3"}]}

    found = [given(json.dumps(body).encode()) for body in (upload, listing, output)]
    assert found == [
        [(b"file_1", FOREVER)],
        [(b"file_1", FOREVER), (b"file_2", FOREVER)],
        [(b"file_3", FOREVER)],
    ]


@examples(data=st.binary() | st.text(alphabet='":{}msg_fileidcontainer \\').map(str.encode))
def test_whatever_the_bytes_nothing_fails(data: bytes) -> None:
    assert isinstance(named(data), list)
    assert isinstance(given(data), list)
    assert isinstance(ends(data), bytes)
