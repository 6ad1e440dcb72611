"""What is looked at in a directory without holding it."""

from pathlib import Path

from proxy.relay.spool.inspect import inspect_spool
from proxy.relay.spool.segments import OPEN
from proxy.relay.spool.spool import Spool
from tests.relay.large import FRAGMENTS, accept_results


def test_a_response_that_is_not_kept_is_not_even_read(tmp_path: Path, reads: list[int]) -> None:
    spool = Spool(tmp_path / "0", 1024**2)
    accept_results(spool, response_not_kept=True, response_size=10**9, response_digest=b"d" * 32)
    accept_results(spool)
    found = inspect_spool(tmp_path / "0")
    reads.clear()

    left_out = found.record(1)
    assert 1000 not in reads
    whole = found.record(2)
    spool.shut()

    assert left_out
    assert (left_out.response_body, left_out.closing.response_size) == (b"", 10**9)
    assert not left_out.closing.response_dropped
    assert whole
    assert whole.response_body == b"".join(FRAGMENTS)


def test_a_response_without_a_beginning_is_no_record(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "0", 1024**2)
    accept_results(spool)
    found = inspect_spool(tmp_path / "0")
    spool.shut()
    frames = found.frames[1]

    found.frames[1] = [frame for frame in frames if frame[1].kind != OPEN]
    assert found.record(1) is None
    found.frames[1] = frames[1:3]
    assert found.record(1) is None
