"""Clients may take every descriptor that they can get: the spool goes on writing and reading."""

import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.relay.shipping.shipper import Shipper
from proxy.relay.spool import descriptors
from proxy.relay.spool.descriptors import RESERVED
from proxy.relay.spool.recovery import claim
from tests.relay.spool.test_faults import Store, accept

LIMIT = 400_000


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    """The process' own, which are as before afterwards."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def exhausted(limits: tuple[int, int]) -> Iterator[list[int]]:
    """A process of at most 300 descriptors; those that `take_all` takes, as clients would, are given back."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, limits[1]))
    taken: list[int] = []
    yield taken
    for descriptor in taken:
        os.close(descriptor)


def take_all(taken: list[int]) -> None:
    while (only := os_open_or_none()) is not None:
        taken.append(only)


def os_open_or_none() -> int | None:
    try:
        return os.open("/dev/null", os.O_RDONLY)
    except OSError:
        return None


def test_with_no_descriptor_left_forty_records_in_many_files_are_shipped(
    tmp_path: Path, exhausted: list[int]
) -> None:
    root, store = tmp_path / "spool", Store()
    spool = claim(root, LIMIT)
    bodies = {
        key: (request, response) for key, request, response in (accept(spool, number) for number in range(30))
    }
    take_all(exhausted)

    bodies |= {
        key: (request, response) for key, request, response in (accept(spool, number) for number in range(10))
    }
    shipper = Shipper(root, spool, store)
    for seconds in range(20):
        shipper.turn(1000.0 + seconds)

    assert (spool.waiting, spool.dropped, spool.bodies_dropped) == (0, 0, 0)
    assert {
        key: (record.request_body, record.response_body) for key, record in store.records.items()
    } == bodies
    spool.shut()


def test_what_is_reserved_lies_between_the_limits(limits: tuple[int, int]) -> None:
    _, hard = limits
    for soft, expected in ((hard, hard - RESERVED), (100, 100)):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        descriptors.reserve()
        descriptors.reserve()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (expected, hard)


def test_without_an_upper_limit_nothing_has_to_be_reserved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[int, int]] = []
    tries = iter([False, True])

    def open_once(*_: object) -> int:
        if next(tries):
            return 77
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(resource, "getrlimit", lambda _: (1000, resource.RLIM_INFINITY))
        patch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
        patch.setattr(os, "open", open_once)
        descriptors.reserve()
        found = descriptors.open_file(tmp_path / "file", os.O_RDONLY)

    assert found == 77
    assert asked == [(1000 + RESERVED, resource.RLIM_INFINITY), (1000, resource.RLIM_INFINITY)]


@pytest.mark.parametrize(
    "refusal", [ValueError("not allowed to raise maximum limit"), OSError(errno.EPERM, "no")]
)
def test_limits_that_were_lowered_meanwhile_are_no_other_error_than_too_many_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refusal: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    def no_more(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(resource, "setrlimit", refuse)
        patch.setattr(os, "open", no_more)
        with pytest.raises(OSError, match="Too many open files"):
            descriptors.open_file(tmp_path / "file", os.O_RDONLY)


def test_a_file_is_written_whole_though_the_disk_takes_it_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write = os.pwrite
    (tmp_path / "file").write_bytes(b"x" * 5000)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda descriptor, data, at: write(descriptor, bytes(data[:700]), at))
        descriptors.write_file(tmp_path / "file", bytes(range(256)) * 10)

    assert descriptors.read_file(tmp_path / "file", 10_000) == bytes(range(256)) * 10
