"""Files that cannot be read now: the commands say so, take what can be read, and lose nothing of the rest."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.record import Part
from proxy.relay.shipping.parts import Parts
from proxy.relay.spool.inspect import Inspection, inspect_spool
from proxy.relay.spool.spool import Spool
from proxy.store.models import Exchange
from proxy.store.pipeline import pipeline
from tests.operations.conftest import Run, accept
from tests.relay.large import accept_results, small_bounds

pytestmark = pytest.mark.django_db

COUNT = 9


@pytest.fixture
def files(root: Path) -> list[Path]:
    """Of a process that is gone: about three records in each, and some in two."""
    spool = Spool(root / "0", 400_000)
    for number in range(COUNT):
        accept(spool, bytes([number]) * 18_000)
    spool.save()
    spool.shut()
    return sorted(path for path in (root / "0").glob("*.seg") if path.stat().st_size)


@contextmanager
def refused(name: str, kind: str = "open", times: int = 10**9) -> Iterator[None]:
    """Within, the files of that name cannot be opened, or not be read."""
    opened, left, real_open, real_pread = set[int](), [times], os.open, os.pread

    def fails() -> bool:
        left[0] -= 1
        return left[0] >= 0

    def open_(path: Any, *rest: Any) -> int:
        mine = str(path).endswith(name)
        if mine and kind == "open" and fails():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        descriptor = real_open(path, *rest)
        opened.add(descriptor) if mine else opened.discard(descriptor)
        return descriptor

    def pread(descriptor: int, length: int, offset: int) -> bytes:
        if kind == "pread" and descriptor in opened and fails():
            raise OSError(errno.EIO, "Input/output error")
        return real_pread(descriptor, length, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_)
        patch.setattr(os, "pread", pread)
        yield


def test_what_cannot_be_read_is_said_and_stays_and_is_stored_later(
    files: list[Path], run: Run, listed: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    placed = inspect_spool(files[0].parent).frames
    kept = sum(all(file.path != files[1] for file, _ in frames) for frames in placed.values())
    assert 4 < kept < COUNT - 1
    with refused(files[1].name):
        [line] = listed()["spools"]
        assert (line["accepted"], line["waiting"], line["dropped"], line["gaps"]) == (COUNT, COUNT, 0, 0)
        code, said, _ = run("list")
        assert (code, "has files that cannot be read" in said) == (1, True)
        code, _, errors = run("export", tmp_path / "export")
        assert (code, "1 files of" in errors) == (1, True)
        assert len((tmp_path / "export").read_text().splitlines()) == kept
        code, _, errors = run("replay", "--slots")
        assert (code, "cannot be read now and stay" in errors) == (1, True)

    assert Exchange.objects.count() == kept
    assert (pipeline().dropped, pipeline().waiting, pipeline().bodies_dropped) == (0, COUNT - kept, 0)
    run("replay", "--slots")
    assert Exchange.objects.count() == COUNT
    assert (pipeline().accepted, pipeline().stored, pipeline().lost) == (COUNT, COUNT, 0)


def test_a_record_that_cannot_be_read_alone_is_left_out_and_stays(
    files: list[Path], run: Run, tmp_path: Path
) -> None:
    found = inspect_spool(files[0].parent)
    reads = sum(len(frames) for frames in found.frames.values())
    with refused(files[2].name, "pread", 1), pytest.raises(OSError, match="Input/output"):
        found.record(COUNT)
    files[2].rename(tmp_path / "away")
    assert found.record(COUNT) is None  # its process has deleted it
    (tmp_path / "away").rename(files[2])
    assert reads == COUNT * 4


def test_an_error_in_the_middle_of_a_replay_costs_nothing(
    files: list[Path], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Spool.read

    def once(self: Spool, serial: int, *rest: Any, **options: Any) -> Any:
        if serial == 5:
            raise OSError(errno.EMFILE, "Too many open files")
        return read(self, serial, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "read", once)
        code, _, errors = run("replay", "--slots")
    assert (code, "1 records or more cannot be read now" in errors) == (1, True)
    assert (Exchange.objects.count(), pipeline().dropped) == (COUNT - 1, 0)

    run("replay", "--slots")
    assert (Exchange.objects.count(), pipeline().lost) == (COUNT, 0)


def test_large_results_that_cannot_be_read_now_are_replayed_later(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(root / "0", 400_000)
    accept_results(spool)
    spool.shut()

    def fail(self: Parts, *_: object) -> Part:
        raise OSError(errno.EIO, "Input/output error")

    with small_bounds():
        with monkeypatch.context() as patch:
            patch.setattr(Parts, "take", fail)
            assert run("replay", "--slots")[0] == 1
        assert Exchange.objects.count() == 0
        assert run("replay", "--slots")[0] == 0
    assert Exchange.objects.count() == 1


def test_an_export_goes_on_past_a_record_that_cannot_be_read(
    files: list[Path], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Inspection.record

    def once(self: Inspection, serial: int) -> Any:
        if serial == 5:
            raise OSError(errno.EIO, "Input/output error")
        return record(self, serial)

    monkeypatch.setattr(Inspection, "record", once)
    code, _, errors = run("export", tmp_path / "export")

    assert (code, "record 5 in" in errors) == (1, True)
    assert len((tmp_path / "export").read_text().splitlines()) == COUNT - 1
