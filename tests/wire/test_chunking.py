"""Requests are cut so that what repeats is the same piece again; joined, the pieces are always the body."""

import json
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.wire import chunking as cutter
from proxy.wire.chunking import SMALL, chunks_of_body
from tests.store.agent_session import AgentSession

BIG = "x" * 3 * SMALL
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just(BIG)
    | st.just("\x00é\ud800")
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just('"\\'), inner), max_leaves=30
)
TURN = next(AgentSession().requests(1))
SPACES = st.text(" \t\r\n", max_size=3)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """JSON as anybody may write it: white space, escapes or none, members twice."""
    value = {"messages": draw(VALUES), "system": draw(VALUES), "tools": draw(VALUES)}
    separators = (draw(SPACES) + "," + draw(SPACES), draw(SPACES) + ":" + draw(SPACES))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), separators=separators)
    if draw(st.booleans()):
        text = text.replace('"system"', '"messages"')
    return (draw(SPACES) + text + draw(SPACES)).encode("utf-8", "surrogatepass")


@given(body=bodies())
@example(body=b"")
@example(body=b'{"messages":[' + b"[" * 10_000 + b"]" * 10_000 + b"]}")
@example(body=b'{"a":"%s","n":%s,"\\u0000":"\x00"}' % (BIG.encode(), b"9" * 5000))
@example(body=b'{"a":1,"b":"","a":"%s,\\"b\\":%s"}' % (b" " * 3 * SMALL, b" " * (2 * SMALL)))
@example(body=b'{"":[{"a":{"b":"","":"%s","b":"%s"}}]}' % (BIG.encode(), BIG.encode()))
def test_the_pieces_of_any_json_joined_are_the_body(body: bytes) -> None:
    chunks = chunks_of_body(body)

    assert b"".join(chunks) == body
    assert all(chunks)


@given(body=st.binary())
def test_the_pieces_of_garbage_joined_are_the_garbage(body: bytes) -> None:
    assert b"".join(chunks_of_body(body)) == body


@given(end=st.integers(0, len(TURN)), garbage=st.binary(max_size=3))
def test_the_pieces_of_a_damaged_request_joined_are_the_request(end: int, garbage: bytes) -> None:
    body = TURN[:end] + garbage + TURN[end + len(garbage) :]

    assert b"".join(chunks_of_body(body)) == body
    assert b"".join(chunks_of_body(body[:end])) == body[:end]


@pytest.mark.parametrize(
    "body",
    [
        b"\x00" * 5000,
        b'{"messages":["' + b"x" * 5000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"messages":[%s],"stream":tru}' % b",".join([b'"%s"' % BIG.encode()] * 3),
        b'"%s"' % (b"\xff" * 5000),
    ],
    ids=["nul", "truncated", "deep", "one wrong letter", "a text"],
)
def test_what_is_no_json_object_is_one_piece(body: bytes) -> None:
    assert chunks_of_body(body) == [body]


def test_a_member_that_is_there_twice_leaves_its_object_whole() -> None:
    twice = b'{"text":"short","text":"%s","end":0}' % BIG.encode()
    body = b'{"messages":[%s,"%s"]}' % (twice, BIG.encode())

    assert chunks_of_body(body) == [b'{"messages":[', twice, b",", b'"%s"' % BIG.encode(), b"]}"]


def test_ten_thousand_messages_are_cut_into_pieces_that_are_not_small() -> None:
    message = {"role": "user", "content": "Hello"}
    body = json.dumps({"messages": [message] * 10_000}).encode()

    chunks = chunks_of_body(body)

    assert b"".join(chunks) == body
    assert all(SMALL <= len(chunk) < 2 * SMALL for chunk in chunks[1:-1])


def test_a_body_of_32_mib_is_cut() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "é" * 2**20}]}
    body = json.dumps({"messages": [message] * 16}, ensure_ascii=False).encode()

    chunks = chunks_of_body(body)

    assert b"".join(chunks) == body
    assert len(set(chunks)) < 6


@pytest.mark.parametrize("where", ["block", "message", "result"])
def test_cache_control_that_comes_or_goes_changes_only_a_small_piece(where: str) -> None:
    mark: dict[str, object] = {"cache_control": {"type": "ephemeral"}}

    def body(*marked: str) -> bytes:
        def on(name: str) -> dict[str, object]:
            return mark if name in marked else {}

        inner = [{"type": "text", "text": "a" * (2 * SMALL)} | on("result")]
        blocks = [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": inner},
            {"type": "text", "text": "b" * (2 * SMALL)} | on("block"),
        ]
        messages = [{"role": "user", "content": blocks} | on("message"), {"role": "user", "content": "Next"}]
        return json.dumps({"model": "m", "messages": messages, "max_tokens": 9}).encode()

    new = set(chunks_of_body(body(where))) - set(chunks_of_body(body()))

    assert new
    assert sum(map(len, new)) < SMALL


def test_a_reminder_that_changes_costs_its_own_block() -> None:
    def body(task: str) -> bytes:
        blocks = [
            {"type": "text", "text": f"<system-reminder>{task}</system-reminder>" + "r" * 300},
            {"type": "text", "text": BIG},
        ]
        messages = [{"role": "user", "content": BIG}, {"role": "user", "content": blocks}]
        return json.dumps({"messages": messages, "system": BIG}).encode()

    new = set(chunks_of_body(body("one"))) - set(chunks_of_body(body("two")))

    assert sum(map(len, new)) < 500


def test_a_turn_of_an_agent_costs_what_it_says_and_little_more() -> None:
    turns = list(AgentSession().requests(30))
    known = set(chunks_of_body(turns[0]))
    cost = []
    for before, body in pairwise(turns):
        new = set(chunks_of_body(body)) - known
        known |= new
        cost.append(sum(map(len, new)) - (len(body) - len(before)))

    assert sum(cost) / len(cost) < 3 * SMALL


def test_a_request_of_an_agent_is_cut_in_hardly_any_time() -> None:
    *_, body = AgentSession().requests(40)

    def seconds() -> float:
        start = time.process_time()
        chunks_of_body(body)
        return time.process_time() - start

    # 200 kB take 0.6 ms; ten times that, as coverage may count lines. The least of many: others use the processor too.
    assert min(seconds() for _ in range(30)) / len(body) * 200_000 < 0.006


def test_what_is_remembered_of_a_message_cuts_it_the_same_anywhere_and_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests = list(AgentSession(7).requests(6))
    monkeypatch.setattr(cutter, "_remembered", {})
    first = [chunks_of_body(body) for body in requests]
    held = len(cutter._remembered)
    again = [chunks_of_body(body) for body in requests]
    monkeypatch.setattr(cutter, "_MOST_REMEMBERED", 3)
    forgetting = [chunks_of_body(body) for body in [*requests, *AgentSession(8).requests(2)]]

    assert held > 6
    assert again == first == forgetting[:6]
    assert len(cutter._remembered) <= 3
