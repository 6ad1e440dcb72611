"""The log of a stand-in server: in memory, and as JSON lines that outlive a killed process."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from nexus_project.demo.connection import connection_of
from nexus_project.demo.received import Received, summary
from nexus_project.demo.script import Outcome, Script
from nexus_project.demo.serving import Scope

NEWEST_KEPT = 10_000
BODY_BYTES_KEPT = 256 * 1024 * 1024


class Log:
    """The newest 10,000 requests (fewer if their bodies exceed 256 MiB) in order of arrival.

    Safe to read from another thread. With a file, each request is also written as two JSON
    lines, `arrived` and `ended`, flushed at once; credentials in its headers are masked there.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._entries: dict[int, Received] = {}
        self._changed = threading.Condition()
        self._count = 0
        self._body_bytes = 0
        self._file: TextIO | None = file.open("a", encoding="utf-8") if file else None

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Received]:
        return iter(self.entries())

    def __getitem__(self, index: int) -> Received:
        return self.entries()[index]

    def entries(self) -> list[Received]:
        with self._changed:
            return list(self._entries.values())

    def clear(self) -> None:
        """Forget what came so far; the numbers go on."""
        with self._changed:
            self._entries.clear()
            self._body_bytes = 0

    def close(self) -> None:
        if self._file:
            self._file.close()

    def wait(self, condition: Callable[[list[Received]], bool], *, seconds: float = 5) -> list[Received]:
        """Wait until the entries meet a condition and return them.

        Raises:
            TimeoutError: they did not within `seconds`.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: condition(list(self._entries.values())), seconds):
                raise TimeoutError(f"Not met in {seconds} s by what was received: {self._entries}")
            return list(self._entries.values())

    def settled(self, count: int, *, seconds: float = 5) -> list[Received]:
        """Wait until at least `count` requests came and none is open, and return them all."""
        return self.wait(
            lambda entries: len(entries) >= count and all(entry.outcome != "open" for entry in entries),
            seconds=seconds,
        )

    def arrived(self, scope: Scope, body: bytes, started_at: datetime) -> Received:
        """Note a request whose body, or what came of it, has been read."""
        connection = connection_of(scope)
        with self._changed:
            self._count += 1
            entry = Received(
                number=self._count,
                method=scope["method"],
                target=connection.target,
                headers=tuple(connection.headers),
                body=body,
                sha256=hashlib.sha256(body).hexdigest(),
                started_at=started_at,
            )
            self._entries[entry.number] = entry
            self._body_bytes += len(body)
            while len(self._entries) > NEWEST_KEPT or self._body_bytes > BODY_BYTES_KEPT:
                self._body_bytes -= len(self._entries.pop(next(iter(self._entries))).body)
            self._write({"event": "arrived", **summary(entry, masked=True)})
            self._changed.notify_all()
        return entry

    def ended(self, entry: Received, outcome: Outcome, response: Script | None) -> None:
        """Note how a request ended; `response` is None when no byte of one was sent."""
        status = response.status if response else None
        request_id = response.header("request-id") if response else None
        entry = replace(entry, outcome=outcome, status=status, request_id=request_id)
        with self._changed:
            if entry.number in self._entries:
                self._entries[entry.number] = entry
            self._write(
                {
                    "event": "ended",
                    "number": entry.number,
                    "outcome": outcome,
                    "status": status,
                    "request_id": request_id,
                    "ended_at": datetime.now(UTC).isoformat(),
                }
            )
            self._changed.notify_all()

    def _write(self, line: dict[str, object]) -> None:
        if self._file:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
