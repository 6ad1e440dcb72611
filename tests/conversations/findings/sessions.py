"""Two real sessions of Claude Code with their true trees (tests/recordings.py), as pairs of a turn and the one it goes on from."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

from tests import recordings

FOLDER = recordings.FOLDER / "sessions"
NAMES = ("agent-sdk", "interactive")
MISSING = f"no recorded sessions in {FOLDER}"
THERE = all((FOLDER / f"{name}.jsonl").exists() for name in NAMES)


class Exchange(NamedTuple):
    request: bytes
    status: int
    content_type: str
    response: bytes
    started_at: float
    ended_at: float


@cache
def exchanges(name: str) -> list[Exchange]:
    with (FOLDER / f"{name}.jsonl").open() as lines:
        return [exchange(json.loads(line)) for line in lines]


def exchange(fields: dict[str, Any]) -> Exchange:
    headers = {name.lower(): value for name, value in fields["response_headers"]}
    return Exchange(
        base64.b64decode(fields["request_body_b64"]),
        fields["status"],
        headers.get("content-type", ""),
        base64.b64decode(fields["response_body_b64"]),
        fields["started_at"],
        fields["ended_at"],
    )


@cache
def truth(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.truth.json").read_text())
    return found


def threads(name: str) -> list[list[int]]:
    """The main thread and those of all agents, as indexes."""
    return [truth(name)["main"], *truth(name)["sub_agents"].values()]


def pairs(name: str) -> Iterator[tuple[int, int]]:
    """A turn and the next of its thread, but over a compaction."""
    for thread in threads(name):
        for before, after in pairwise(thread):
            if after not in truth(name)["first_main_after_compaction"]:
                yield before, after
