"""Which exchanges wait for a file that cannot be read: those that may have a part in it, and no others."""

from pathlib import Path

import pytest

from proxy.relay.spool.segments import CLOSE, OPEN, REQUEST, RESPONSE, Frame, Segment
from proxy.relay.spool.unread import incomplete


def position(folder: Path, *frames: tuple[int, int]) -> list[tuple[Segment, Frame]]:
    """Frames of these kinds in files of these numbers."""
    made = []
    for number, kind in frames:
        path = folder / f"{number:010d}-rest.seg"
        path.touch()
        made.append((Segment(path, b"8 bytes."), Frame(kind, 1, 0, 1)))
    return made


@pytest.mark.parametrize(
    ("frames", "waits_for"),
    [
        # Whole in a file, its request's body with it.
        ([(2, OPEN), (2, REQUEST), (2, CLOSE)], {2}),
        # Through several files.
        ([(2, OPEN), (2, REQUEST), (3, RESPONSE), (4, CLOSE)], {2, 3, 4}),
        # No body: one may lie in a file of its own, before the next file of others (5).
        ([(2, OPEN), (2, CLOSE)], {2, 3, 4}),
        ([(6, OPEN), (6, CLOSE)], {6, 7, 8, 9}),
        # Without an end it may go on everywhere, without a beginning it may have begun anywhere.
        ([(4, OPEN), (4, REQUEST)], {4, 5, 6, 7, 8, 9}),
        ([(3, REQUEST), (4, CLOSE)], {1, 2, 3, 4}),
    ],
)
def test_an_exchange_waits_for_the_files_that_may_hold_a_part_of_it(
    tmp_path: Path, frames: list[tuple[int, int]], waits_for: set[int]
) -> None:
    exchanges = {1: position(tmp_path, *frames), 2: position(tmp_path, (5, OPEN), (5, REQUEST), (5, CLOSE))}

    found = {
        number
        for number in range(1, 10)
        if 1 in incomplete(exchanges, [tmp_path / f"{number:010d}-rest.seg"])
    }

    assert found == waits_for
    assert incomplete(exchanges, []) == set()
