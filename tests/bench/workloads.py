"""What is asked: by how many, how large, how fast."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
CLIENT_KEY = "sk-ant-api03-of-a-client"  # the client's own, so it pays: nothing is looked up in the database
HEAD = (
    "POST /v1/messages HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\naccept: */*\r\n"
    f"anthropic-version: 2023-06-01\r\nx-api-key: {CLIENT_KEY}\r\nuser-agent: bench\r\ncontent-length: "
)
PARAGRAPH = 'Read a file before you change it. "Quotes", tabs\tand\nnew lines occur; so does text that is said twice. '


@dataclass(frozen=True, slots=True)
class Workload:
    """`size` is of the request in bytes, `apart` ms between `events`, `rate` requests a second of an open loop.

    `events` is None for answers that are no streams. `share` stretches or shortens the run.
    `large` is the size of one more request that is sent meanwhile, in bytes. `paces` tells that the bare view is measured too.
    """

    name: str
    about: str
    connections: int
    size: int = 400
    events: int | None = None
    apart: float = 0
    rate: float = 0
    share: float = 1
    large: int = 0
    storage_off: bool = False
    paces: bool = False

    @property
    def paced(self) -> bool:
        """Whether the clock and not the proxy says how much is carried."""
        return bool(self.apart or self.rate)

    def options(self, seconds: float) -> list[str]:
        """Of loadgen. Paced streams begin spread over the time between two events, at least half a second."""
        given = ["-c", str(self.connections), "-d", f"{seconds * self.share:.2f}"]
        if self.events is not None:
            given += ["-e", str(self.events)]
        if self.apart:
            given += ["-w", "0.5"]
        return [*given, "-r", str(self.rate)] if self.rate else given


SMALL = "0.4 KB requests, answers of 1.5 KB"
# Streams come first, few before many: their memory is measured, and what others left in the process is not theirs.
WORKLOADS = (
    Workload("small", f"{SMALL}, 16 connections", 16, storage_off=True, paces=True),
    Workload(
        "burst", "streams of 200 events at once, 8 connections", 8, events=200, storage_off=True, paces=True
    ),
    Workload("paced20", "50 streams, an event each 20 ms", 50, events=50, apart=20),
    Workload(
        "neighbour", "the same, and one request of 20 MB meanwhile", 50, events=50, apart=20, large=20_000_000
    ),
    Workload("paced5", "100 streams, an event each 5 ms", 100, events=200, apart=5, paces=True),
    Workload("paced5x500", "500 streams, an event each 5 ms", 500, events=200, apart=5, paces=True),
    Workload("lossless512", "512 streams, an event each 20 ms", 512, events=50, apart=20),
    Workload("small1", "0.4 KB requests, one connection: the added delay", 1),
    Workload("small100", "the same, 100 connections", 100, share=0.7),
    Workload("small500", "the same, 500 connections", 500, share=0.7),
    Workload("big", "200 KB requests, 8 connections", 8, size=200_000, storage_off=True, paces=True),
    Workload("huge", "2 MB requests, 4 connections", 4, size=2_000_000, share=0.5),
    Workload("open100", f"{SMALL}, 100 a second, open loop", 64, rate=100),
)
NAMES = tuple(workload.name for workload in WORKLOADS)


def chosen(names: Sequence[str]) -> list[Workload]:
    """In their own order; all when none is named."""
    return [workload for workload in WORKLOADS if not names or workload.name in names]


def write_request(path: Path, size: int, port: int, events: int | None = None, apart: float = 0) -> None:
    """A whole request for loadgen, its body `size` bytes long or as short as it can be."""
    body = _body(size, events, apart)
    head = HEAD.format(host=f"127.0.0.1:{port}")
    path.write_bytes(f"{head}{len(body)}\r\n\r\n".encode() + body)


def _body(size: int, events: int | None, apart: float) -> bytes:
    # Model and stream first: upstream.c looks no further than 4 KB.
    asked: dict[str, object] = {"model": f"bench-{events or 0}-{apart:g}", "stream": events is not None}
    asked |= {"max_tokens": 1024, "system": "You measure how long it takes.", "messages": []}
    missing = max(1, size - len(json.dumps(asked)) - 40)
    turns = [PARAGRAPH * (min(missing, 8 * KIB) // len(PARAGRAPH) + 1)] * (missing // (8 * KIB) + 1)
    asked["messages"] = [
        {
            "role": ("user", "assistant")[number % 2],
            "content": f"{number}: {text}"[: max(1, missing - number * 8 * KIB)],
        }
        for number, text in enumerate(turns)
    ]
    return json.dumps(asked).encode()
