"""Bend a normal answer the way `x-emulate` asks: pure steps from script to script."""

import random
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from nexus_project.demo.emulator.api.directives import Directives
from nexus_project.demo.emulator.api.streams import event
from nexus_project.demo.script import Script

LARGEST_RANDOM_FRAGMENT = 64
BIG_HEADER_BYTES = 4000


def shape(script: Script, directives: Directives) -> Script:
    """Apply everything that concerns the answer's pauses, cuts, packing and headers."""
    script = _paced(script, directives)
    if directives.error_event_after is not None and is_stream(script):
        script = _failing(script, directives.error_event_after)
    if directives.cut_after is not None:
        script = _cut(script, directives.cut_after)
    if directives.gzip:
        script = _gzipped(script)
    if directives.split != "events":
        script = _split(script, directives.split)
    if directives.retry_after is not None:
        script = with_headers(script, ("retry-after", directives.retry_after))
    if directives.big_headers:
        script = with_headers(script, *_big_headers(directives.big_headers))
    if directives.head_cut:
        script = replace(script, end="no_head")
    return script


def with_headers(script: Script, *headers: tuple[str, str]) -> Script:
    return replace(script, headers=(*script.headers, *headers))


def is_stream(script: Script) -> bool:
    return (script.header("content-type") or "").startswith("text/event-stream")


def _paced(script: Script, directives: Directives) -> Script:
    between = directives.event_delay_ms / 1000
    pauses = [script.pause_before(index) + between for index in range(len(script.chunks))]
    if directives.stall and directives.stall[1] < len(pauses):
        pauses[directives.stall[1]] += directives.stall[0] / 1000
    return replace(script, pauses=tuple(pauses), head_pause=script.head_pause + directives.delay_ms / 1000)


def _failing(script: Script, events: int) -> Script:
    problem = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    chunks = (*script.chunks[:events], event("error", problem))
    return replace(script, chunks=chunks, pauses=script.pauses[: len(chunks)])


def _cut(script: Script, count: int) -> Script:
    chunks = script.chunks[:count] if is_stream(script) else (script.body[:count],)
    return replace(script, chunks=chunks, end="cut")


def _gzipped(script: Script) -> Script:
    packer = zlib.compressobj(wbits=31)
    chunks = [packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH) for chunk in script.chunks]
    headers = tuple(pair for pair in script.headers if pair[0] != "content-length")
    packed = replace(script, headers=headers, chunks=(*chunks, packer.flush()))
    return with_headers(packed, ("content-encoding", "gzip"))


def _split(script: Script, how: str) -> Script:
    """Cut the body anew, but never join bytes across a pause."""
    source = random.Random(how)
    chunks: list[bytes] = []
    pauses: list[float] = []
    for pause, run in _runs(script):
        fragments = list(_fragments(run, how, source))
        chunks += fragments
        pauses += [pause] + [0.0] * (len(fragments) - 1)
    return replace(script, chunks=tuple(chunks), pauses=tuple(pauses))


def _runs(script: Script) -> Iterator[tuple[float, bytes]]:
    starts = [index for index in range(len(script.chunks)) if index == 0 or script.pause_before(index)]
    for start, stop in pairwise([*starts, len(script.chunks)]):
        yield script.pause_before(start), b"".join(script.chunks[start:stop])


def _fragments(run: bytes, how: str, source: random.Random) -> Iterator[bytes]:
    position = 0
    while position < len(run):
        length = {"1": 1, "whole": len(run)}.get(how) or source.randint(1, LARGEST_RANDOM_FRAGMENT)
        yield run[position : position + length]
        position += length


def _big_headers(size: int) -> Iterator[tuple[str, str]]:
    for number, start in enumerate(range(0, size, BIG_HEADER_BYTES)):
        yield f"x-emulated-{number}", "h" * min(BIG_HEADER_BYTES, size - start)
