"""Reading the frames of a batch."""

import errno
import os
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from proxy.relay.spool.reading import MOST_DESCRIPTORS, WINDOW_BYTES, Reading
from proxy.relay.spool.segments import CLOSE, OPEN, REQUEST, Frame, Segment

MARK = b"8 bytes."


def segment_of(folder: Path, name: str, *payloads: bytes) -> tuple[Segment, list[Frame]]:
    """A file that holds a frame for each."""
    made = Segment(folder / name, MARK, new=True)
    return made, [
        frame
        for number, payload in enumerate(payloads, 1)
        for frame in made.append(number, [(OPEN, payload)])
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


@pytest.mark.parametrize("harm", ["flipped", "cut"])
def test_what_the_disk_no_longer_holds_is_none(tmp_path: Path, harm: str) -> None:
    file, [first, second] = segment_of(tmp_path, "a", b"the first", b"the second")
    if harm == "flipped":
        damaged = bytearray(file.path.read_bytes())
        damaged[second.offset] ^= 1
        file.path.write_bytes(damaged)
    else:
        os.truncate(file.path, second.offset + 3)

    with Reading() as reading:
        found = [reading.read(file, frame) for frame in (first, second)]

    assert found == [b"the first", None]


def test_what_cannot_be_read_now_is_no_damage_and_can_be_read_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, frames = segment_of(tmp_path, "a", b"small", bytes(WINDOW_BYTES))

    def refuse(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with Reading() as reading:
        for frame in frames:
            with monkeypatch.context() as patch:
                patch.setattr(os, "pread", refuse)
                with pytest.raises(OSError, match="Input/output"):
                    reading.read(file, frame)
        assert [reading.read(file, frame) for frame in frames] == [b"small", bytes(WINDOW_BYTES)]


def test_a_batch_in_many_files_holds_few_descriptors(tmp_path: Path) -> None:
    files = [segment_of(tmp_path, str(number), b"a", b"b") for number in range(3 * MOST_DESCRIPTORS)]
    for file, _ in files:
        file.seal()
    before = psutil.Process().num_fds()

    with Reading() as reading:
        for position in (0, 1):
            assert {reading.read(file, frames[position]) for file, frames in files} == {
                (b"a", b"b")[position]
            }
            assert psutil.Process().num_fds() == before + MOST_DESCRIPTORS

    assert psutil.Process().num_fds() == before


def test_a_disk_that_gives_less_than_was_asked_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payloads = [b"small", bytes(WINDOW_BYTES)]
    file, frames = segment_of(tmp_path, "a", *payloads)
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, offset: pread(fd, min(length, 7), offset))

    with Reading() as reading:
        assert [reading.read(file, frame) for frame in frames] == payloads


def test_a_frame_of_another_record_at_its_place_is_none(tmp_path: Path) -> None:
    file, [frame] = segment_of(tmp_path, "a", b"the first")

    with Reading() as reading:
        assert reading.read(file, replace(frame, kind=CLOSE)) is None
        assert reading.read(file, replace(frame, kind=REQUEST, serial=2)) is None
        assert reading.read(file, frame) == b"the first"
