"""A body as it comes from the server, piece by piece."""

from typing import Any

import pytest

from proxy.relay.http.request_body import (
    LARGE_BYTES,
    MAX_BODY_BYTES,
    MAX_DISCARDED_BYTES,
    BodyTooLarge,
    ClientLeft,
    Receive,
    drop_body,
    read_body,
)

LEFT = {"type": "http.disconnect"}


def fragments(*sizes: int, ends: bool = True) -> Receive:
    """A client that sends so many bytes at a time, and then leaves unless that was all."""
    last = len(sizes) - 1
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"x" * size, "more_body": not ends or number < last}
        for number, size in enumerate(sizes)
    ]
    coming = iter([*messages, LEFT])

    async def receive() -> dict[str, Any]:
        return next(coming)

    return receive


@pytest.mark.parametrize("sizes", [(0,), (5, 6), (LARGE_BYTES, 1), (LARGE_BYTES, LARGE_BYTES, 0, 7)])
async def test_it_is_read_whole(sizes: tuple[int, ...]) -> None:
    assert await read_body(fragments(*sizes)) == b"x" * sum(sizes)


async def test_one_of_the_largest_size_is_read_and_a_byte_more_is_too_much() -> None:
    half = MAX_BODY_BYTES // 2
    assert len(await read_body(fragments(half, half))) == MAX_BODY_BYTES
    with pytest.raises(BodyTooLarge):
        await read_body(fragments(half, half, 1, 5))


async def test_of_one_without_end_only_so_much_is_read() -> None:
    each = MAX_DISCARDED_BYTES // 8
    with pytest.raises(BodyTooLarge):
        await read_body(fragments(*[each] * 8, 1, ends=False))
    await drop_body(fragments(MAX_BODY_BYTES, 1, ends=False))


@pytest.mark.parametrize("reader", [read_body, drop_body])
async def test_a_client_may_leave_before_its_end(reader: Any) -> None:
    with pytest.raises(ClientLeft):
        await reader(fragments(5, ends=False))


async def test_it_may_be_dropped() -> None:
    await drop_body(fragments(5, 6))
