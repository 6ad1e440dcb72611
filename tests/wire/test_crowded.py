import pytest

from proxy.wire.chunking import chunks_of_body
from proxy.wire.lenient import is_crowded, parse
from proxy.wire.request_shape import shape_of
from tests.store.agent_session import AgentSession

SMALL = b"[" + b",".join([b"[]"] * 300_000) + b"]"
HUGE = b"[" + b",".join([b"[]"] * 3_000_000) + b"]"
NUMBERS = b"[" + b",".join([b"0.1234567890"] * 900_000) + b"]"
IMAGE = b'{"data": "' + b"A" * (20 * 1024**2) + b'"}'


@pytest.mark.parametrize("body", [NUMBERS, IMAGE, SMALL[:900_000]], ids=["numbers", "image", "small"])
def test_what_has_room_is_parsed_however_large(body: bytes) -> None:
    assert not is_crowded(body)


def test_an_agents_request_is_far_from_crowded() -> None:
    *_, last = AgentSession().requests(80)
    messages = last * 40

    assert len(messages) > 5_000_000
    assert not is_crowded(messages)


def test_a_crowded_body_is_kept_in_one_piece_and_not_parsed() -> None:
    assert is_crowded(HUGE)
    assert parse(HUGE) is None
    assert chunks_of_body(HUGE) == [HUGE]
    assert shape_of(HUGE) is None
