"""Segments: what was written whole comes back, whatever happens to the file."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.spool.segments import (
    CLOSE,
    HEADER_BYTES,
    MARK_BYTES,
    OPEN,
    REQUEST,
    RESPONSE,
    Damage,
    Frame,
    Segment,
)

MARK = b"\x8amark\x00\xff!"
PARTS = [(OPEN, b"a head"), (REQUEST, b"the body of a request"), (RESPONSE, b""), (CLOSE, b"the end")]


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    return Segment(tmp_path / "one.seg", MARK, new=True)


def whole(segment: Segment) -> list[tuple[Frame, bytes | None]]:
    return [(found, segment.read(found)) for found in segment.scan() if isinstance(found, Frame)]


def damage(segment: Segment) -> list[Damage]:
    return [found for found in segment.scan() if isinstance(found, Damage)]


def again(segment: Segment) -> Segment:
    """The same file as the next process finds it."""
    segment.seal()
    found = Segment(segment.path, MARK)
    found.seal()
    return found


def test_frames_come_back_as_they_were_written(segment: Segment) -> None:
    frames = segment.append(7, PARTS)

    found = again(segment)

    assert whole(found) == list(zip(frames, [payload for _, payload in PARTS], strict=True))
    assert damage(found) == []


def test_a_file_cut_at_any_byte_gives_back_what_was_whole(segment: Segment) -> None:
    frames = segment.append(7, PARTS)
    segment.seal()
    content = segment.path.read_bytes()
    ends = [frame.offset + frame.length for frame in frames]
    for size in range(len(content)):
        segment.path.write_bytes(content[:size])

        found = again(segment)

        kept = [frame for frame, end in zip(frames, ends, strict=True) if end <= size]
        rest = size - max([0, *(end for end in ends if end <= size)])
        assert [frame for frame, _ in whole(found)] == kept
        assert [damaged.length for damaged in damage(found)] == ([rest] if rest else [])


@given(position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_one_flipped_bit_costs_one_frame(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    segment = Segment(tmp_path_factory.mktemp("flipped") / "one.seg", MARK, new=True)
    frames = segment.append(7, PARTS)
    segment.seal()
    content = bytearray(segment.path.read_bytes())
    position %= len(content)
    content[position] ^= 1 << bit
    segment.path.write_bytes(content)

    found = again(segment)

    hit = next(index for index, frame in enumerate(frames) if position < frame.offset + frame.length)
    assert [frame for frame, _ in whole(found)] == frames[:hit] + frames[hit + 1 :]
    assert segment.read(frames[hit]) is None
    assert [damaged.length for damaged in damage(found)] == [HEADER_BYTES + frames[hit].length]


@given(
    garbage=st.lists(
        st.binary(max_size=80) | st.just(MARK) | st.just(MARK + bytes(40)), min_size=5, max_size=5
    )
)
def test_garbage_between_frames_is_set_aside(
    tmp_path_factory: pytest.TempPathFactory, garbage: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("garbage")
    fragments = []
    for number, part in enumerate(PARTS):
        single = Segment(folder / f"{number}.seg", MARK, new=True)
        single.append(number, [part])
        single.seal()
        fragments.append(single.path.read_bytes())
    (folder / "all.seg").write_bytes(
        b"".join(item for pair in zip(garbage, [*fragments, b""], strict=True) for item in pair)
    )

    found = Segment(folder / "all.seg", MARK)
    found.seal()

    assert [(frame.kind, payload) for frame, payload in whole(found)] == PARTS
    assert [found.raw(damaged) for damaged in damage(found)] == [rubbish for rubbish in garbage if rubbish]


def test_a_mark_across_the_border_of_two_looks_is_found(
    segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.relay.spool.segments._WINDOW", 16)
    for length in range(1, 40):
        [frame] = segment.append(length, [(OPEN, b"x")])
        segment.seal()
        segment.path.write_bytes(bytes(length) + segment.path.read_bytes())

        [(moved, payload)] = whole(again(segment))

        assert (moved.offset, payload) == (frame.offset + length, b"x")
        segment.delete()
        segment = Segment(segment.path, MARK, new=True)


def test_a_frame_of_another_spool_is_no_frame(segment: Segment) -> None:
    segment.append(1, PARTS)
    segment.seal()

    stranger = Segment(segment.path, b"another!")
    stranger.seal()

    assert whole(stranger) == []
    assert damage(stranger) == [Damage(0, segment.size)]


def test_a_kind_that_nobody_knows_is_damage(segment: Segment) -> None:
    segment.append(1, [(0, b"zero"), (6, b"six")])

    assert whole(again(segment)) == []


def test_a_full_disk_leaves_the_file_as_it_was(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = segment.append(1, PARTS)
    before = segment.size

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", refuse)
        with pytest.raises(OSError, match="No space left"):
            segment.append(2, PARTS)

    assert (segment.size, segment.path.stat().st_size) == (before, before)
    assert [frame for frame, _ in whole(again(segment))] == frames


def test_half_a_write_is_taken_back(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwritev
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", lambda fd, buffers, offset: write(fd, buffers[:3], offset))
        with pytest.raises(OSError, match="only a part"):
            segment.append(2, PARTS)

    frames = segment.append(3, PARTS)

    assert [frame for frame, _ in whole(again(segment))] == frames


def test_a_sealed_file_can_be_written_again(segment: Segment) -> None:
    segment.seal()
    segment.seal()

    [frame] = segment.append(1, [(OPEN, b"head")])

    assert segment.read(frame) == b"head"


def test_a_file_that_cannot_be_opened_is_not_damaged(segment: Segment) -> None:
    [frame] = segment.append(1, [(OPEN, b"head")])
    segment.delete()

    with pytest.raises(FileNotFoundError):
        segment.read(frame)


def test_what_a_failed_cut_left_is_cut_before_the_next_write_or_at_the_end(
    segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def tear() -> None:
        write = os.pwritev
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwritev", lambda fd, buffers, offset: write(fd, buffers[:3], offset))
            patch.setattr(os, "ftruncate", refuse)
            with pytest.raises(OSError, match="only a part"):
                segment.append(2, PARTS)

    tear()
    frames = segment.append(3, [(OPEN, b"")])
    tear()
    segment.seal()

    assert segment.path.stat().st_size == segment.size
    assert [frame for frame, _ in whole(again(segment))] == frames
    assert damage(again(segment)) == []


def test_the_mark_has_the_length_that_the_header_holds() -> None:
    assert len(MARK) == MARK_BYTES
