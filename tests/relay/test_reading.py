"""Reading the frames of a batch."""

import os
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from proxy.relay.reading import WINDOW_BYTES, Reading
from proxy.relay.segments import CLOSE, OPEN, REQUEST, Frame, Segment

MARK = b"8 bytes."


def segment_of(folder: Path, name: str, *payloads: bytes) -> tuple[Segment, list[Frame]]:
    """A file that holds a frame for each."""
    made = Segment(folder / name, MARK, new=True)
    return made, [
        frame for number, one in enumerate(payloads, 1) for frame in made.append(number, [(OPEN, one)])
    ]


def test_small_frames_beside_each_other_are_one_call(tmp_path: Path, reads: list[int]) -> None:
    payloads = [bytes([number]) * 500 for number in range(100)]
    file, frames = segment_of(tmp_path, "a", *payloads)

    with Reading() as reading:
        assert [reading.read(file, frame) for frame in frames] == payloads

    assert reads == [WINDOW_BYTES]


def test_a_large_frame_is_read_as_it_is(tmp_path: Path, reads: list[int]) -> None:
    large = bytes(WINDOW_BYTES)
    file, [before, body, after] = segment_of(tmp_path, "a", b"before", large, b"after")

    with Reading() as reading:
        found = [reading.read(file, frame) for frame in (before, body, after)]

    assert found == [b"before", large, b"after"]
    assert reads == [WINDOW_BYTES, WINDOW_BYTES, WINDOW_BYTES]  # a window, the body, the window behind it


def test_files_take_turns_and_none_stays_open(tmp_path: Path) -> None:
    first, frames = segment_of(tmp_path, "a", b"1", b"2")
    second, others = segment_of(tmp_path, "b", b"3", b"4")
    before = psutil.Process().num_fds()

    with Reading() as reading:
        found = [
            reading.read(file, frame)
            for pair in zip(frames, others, strict=True)
            for file, frame in zip((first, second), pair, strict=True)
        ]

    assert found == [b"1", b"3", b"2", b"4"]
    assert psutil.Process().num_fds() == before


@pytest.mark.parametrize("harm", ["flipped", "cut", "deleted"])
def test_what_the_disk_no_longer_holds_is_none(tmp_path: Path, harm: str) -> None:
    file, [first, second] = segment_of(tmp_path, "a", b"the first", b"the second")
    if harm == "flipped":
        damaged = bytearray(file.path.read_bytes())
        damaged[second.offset] ^= 1
        file.path.write_bytes(damaged)
    elif harm == "cut":
        os.truncate(file.path, second.offset + 3)
    else:
        file.path.unlink()

    with Reading() as reading:
        found = [reading.read(file, frame) for frame in (first, second)]

    assert found == [None if harm == "deleted" else b"the first", None]


def test_a_frame_of_another_record_at_its_place_is_none(tmp_path: Path) -> None:
    file, [frame] = segment_of(tmp_path, "a", b"the first")

    with Reading() as reading:
        assert reading.read(file, replace(frame, kind=CLOSE)) is None
        assert reading.read(file, replace(frame, kind=REQUEST, serial=2)) is None
        assert reading.read(file, frame) == b"the first"
