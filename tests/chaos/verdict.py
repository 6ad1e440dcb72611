"""What clients saw, what upstream saw and what is stored, held against each other: a pure function."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from proxy.record import ABORTED, CLIENT_LEFT, COMPLETE
from tests.chaos.kinds import DESCRIPTORS, DISK
from tests.chaos.load import Sent

# What Nexus says itself where it can reach nobody.
UNAVAILABLE = (502, 503)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request in the emulator's log. `ending` is "answered", "cut" or "client_left"."""

    id: str
    sha256: str
    ending: str


class Stored(msgspec.Struct):
    """An exchange as Nexus gives it back; digests are of the whole bodies, `missing` says why there is none."""

    id: str
    outcome: str
    status: int
    request: str
    response: str
    missing: str = ""


class Sums(msgspec.Struct):
    """Nexus's own sums, at a time in epoch seconds."""

    accepted: int
    stored: int
    waiting: int
    dropped: int
    gaps: int
    rows: int
    receipts: int
    dead_letters: int
    rolled_up: int
    totalled: int
    at: float

    def same_as(self, other: "Sums") -> bool:
        """Whether nothing but the time differs."""
        return msgspec.structs.replace(self, at=other.at) == other


def read_log(log: Path) -> list[Arrived]:
    """All that the emulator received; an answer that still runs has the ending ""."""
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    endings = {entry["number"]: entry["outcome"] for entry in entries if entry["event"] == "ended"}
    return [
        Arrived(
            next((value for name, value in entry["headers"] if name.lower() == "x-test-id"), ""),
            entry["sha256"],
            endings.get(entry["number"], ""),
        )
        for entry in entries
        if entry["event"] == "arrived"
    ]


def problems(
    sent: Sequence[Sent], arrived: Sequence[Arrived], stored: Sequence[Stored], sums: Sums
) -> list[str]:
    """Every broken promise as a sentence; [] if all were kept."""
    return [
        *_of_sums(sums, len(stored)),
        *_of_drops(sent, arrived, stored, sums),
        *_of_numbers(sent, arrived, stored),
        *_of_exchanges(sent, arrived, stored),
    ]


def _of_sums(sums: Sums, stored: int) -> Iterator[str]:
    shown = msgspec.structs.asdict(sums)
    for name in ("waiting", "gaps", "dead_letters"):
        if shown[name]:
            yield f"{name} is {shown[name]} and not 0"
    for name in ("stored", "rows", "receipts", "rolled_up", "totalled"):
        if shown[name] != stored:
            yield f"{name} is {shown[name]}, and {stored} exchanges are stored"
    if sums.accepted != stored + sums.dropped:
        yield f"accepted is {sums.accepted}, and {stored} exchanges are stored, {sums.dropped} dropped"


def _of_drops(
    sent: Sequence[Sent], arrived: Sequence[Arrived], stored: Sequence[Stored], sums: Sums
) -> Iterator[str]:
    """What a disk refused is dropped, and each drop is counted; nothing else is."""
    there, in_store = {arrival.id for arrival in arrived}, {row.id for row in stored}
    refused = [exchange for exchange in sent if exchange.met(DISK)]
    missing = sum(item.id in there and item.id not in in_store for item in refused)
    if not missing <= sums.dropped <= len(refused):
        yield f"dropped is {sums.dropped}, and the disk refused {missing} to {len(refused)} exchanges"


def _of_numbers(sent: Sequence[Sent], arrived: Sequence[Arrived], stored: Sequence[Stored]) -> Iterator[str]:
    ids = {exchange.id for exchange in sent}
    refused = {exchange.id for exchange in sent if exchange.met(DISK)}
    at_upstream, in_store = Counter(arrival.id for arrival in arrived), Counter(row.id for row in stored)
    for mark in sorted(at_upstream.keys() | in_store.keys()):
        if mark not in ids:
            yield f"{mark!r} was sent by no client"
        if at_upstream[mark] > 1:
            yield f"{mark} reached upstream {at_upstream[mark]} times"
        if in_store[mark] > 1:
            yield f"{mark} is stored {in_store[mark]} times"
        if at_upstream[mark] and not in_store[mark] and mark not in refused:
            yield f"{mark} reached upstream and is not stored"


def _of_exchanges(
    sent: Sequence[Sent], arrived: Sequence[Arrived], stored: Sequence[Stored]
) -> Iterator[str]:
    at_upstream, in_store = {arrival.id: arrival for arrival in arrived}, {item.id: item for item in stored}
    for exchange in sent:
        upstream, row = at_upstream.get(exchange.id), in_store.get(exchange.id)
        for problem in (*_of_client(exchange), *_of_record(exchange, upstream, row)):
            yield f"{exchange.id} ({exchange.wish.emulate}): {problem}"


def is_unavailable(sent: Sent) -> bool:
    """Whether its client was refused for want of descriptors: by a clear answer, or before there was a connection to answer on."""
    return sent.met(DESCRIPTORS) and (
        sent.ending == "failed" or (sent.ending == "whole" and sent.status in UNAVAILABLE)
    )


def _of_client(sent: Sent) -> Iterator[str]:
    """What upstream did is what the client saw, unless its proxy was killed meanwhile or could open no connection."""
    if sent.ending == "left" or (sent.ending != "whole" and sent.life.killed):
        return
    if is_unavailable(sent):
        return
    if (sent.ending, sent.status) != (sent.wish.ending, sent.wish.status):
        yield f"its client saw {sent.status}, {sent.ending} {sent.error}, and not {sent.wish.status}, {sent.wish.ending}"


def _of_record(sent: Sent, upstream: Arrived | None, row: Stored | None) -> Iterator[str]:
    if row and not upstream and row.outcome == COMPLETE:
        yield "it is stored as complete and never reached upstream"
    if upstream is None or row is None:
        return
    if row.missing and not sent.met(DISK):
        yield f"a body is missing: {row.missing}"
    elif row.missing:
        pass  # the disk refused it, and the record says so
    elif row.request != sent.body_sha256:
        yield "another request body is stored than was sent"
    elif sent.ending == "whole" and upstream.ending == "answered" and row.response != sent.response:
        yield f"another answer is stored than its client got (its outcome is {row.outcome})"
    if upstream.sha256 != sent.body_sha256 and not (sent.life.killed or sent.ending == "left"):
        yield "another request body reached upstream than was sent"
    allowed = _outcomes(sent, upstream)
    if row.outcome not in allowed:
        yield f"its outcome is {row.outcome} and not {' or '.join(sorted(allowed))} (upstream: {upstream.ending})"


def _outcomes(sent: Sent, upstream: Arrived) -> set[str]:
    """A killed proxy has stored the end before its client saw it, or stores none."""
    allowed = {sent.wish.outcome}
    if sent.ending == "left" and upstream.ending != "client_left":
        allowed = {CLIENT_LEFT, COMPLETE}
    if sent.ending != "whole" and sent.life.killed:
        allowed.add(ABORTED)
    return allowed
