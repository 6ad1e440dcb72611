"""Files of results in a spool, with bounds that make a few kilobytes large."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from proxy import record
from proxy.record import Part
from proxy.relay.shipping.parts import parts_of
from proxy.relay.spool.spool import Spool
from tests.relay.examples import make_closing, make_head

FRAGMENTS = [bytes([number]) * 1000 for number in range(10)]
RESULTS = "/v1/messages/batches/msgbatch_1/results"


@contextmanager
def small_bounds() -> Iterator[None]:
    """A response of more than 4000 bytes travels in parts of three pieces."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("spool.assemble", "shipping.shipper"):
            patch.setattr(f"proxy.relay.{module}.WHOLE_BYTES", 4000)
        patch.setattr("proxy.relay.shipping.parts.PART_BYTES", 3000)
        yield


def accept_results(
    spool: Spool,
    fragments: Sequence[bytes] = FRAGMENTS,
    *,
    target: str = RESULTS,
    ended: bool = True,
    **closing: object,
) -> str:
    """A fetch of results that came in these pieces; the exchange's id."""
    head = replace(make_head(), method="GET", target=target)
    entry = spool.open(record.encode(head), b"")
    for fragment in fragments:
        spool.append(entry, fragment)
    if ended:
        fields = {"response_size": sum(map(len, fragments))} | closing
        spool.close(entry, b"", record.encode(replace(make_closing(), **fields)))
    return head.id


def parts(spool: Spool) -> list[Part]:
    """All parts of the one record that is taken next."""
    found = parts_of(spool, spool.take(10, 10**9))
    assert found
    taken = [found.take()]
    while found.more:
        taken.append(found.take())
    return taken
