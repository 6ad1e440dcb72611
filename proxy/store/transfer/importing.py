"""Store what an export holds, as it was: each exchange once, however often it comes."""

import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import zstandard

from accounts.secrets.masking import mask_text
from proxy.store.bodies.traffic import Whole
from proxy.store.ingest import history
from proxy.store.transfer import files, jsonl
from proxy.store.transfer.dropped_months import DroppedMonths
from proxy.store.transfer.line import LineError, whole_of
from proxy.store.transfer.priced import Prices

_BATCH_ROWS = 200
_BATCH_BYTES = 16 * 1024**2
_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that was not stored, and why. Lines count from 1 in each file."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class Imported:
    """What became of the lines: `stored` are new, `known` were here before; `unpriced` cost what no price here explains."""

    stored: int = 0
    known: int = 0
    bad: int = 0
    unpriced: int = 0
    seconds: float = 0.0
    bad_lines: list[Bad] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Numbered:
    """An exchange and the line that it stood in."""

    line: int
    whole: Whole


@dataclass(frozen=True, slots=True)
class Terms:
    """How an import goes: `strict` ends it at the first bad line; without `sums` nothing is counted again."""

    strict: bool = False
    sums: bool = True


class StoppedError(Exception):
    """The import ended early; the message says at which line."""


class UnreadableError(Exception):
    """A file that is missing or damaged; the message says what to do."""


class Importer:
    """Takes files one after the other; `done` is the sum over them."""

    def __init__(self, terms: Terms, report: Callable[[Bad], None], progress: Callable[[int], None]) -> None:
        self.done = Imported()
        self._terms = terms
        self._report = report
        self._progress = progress
        self._prices = Prices()
        self._dropped = DroppedMonths()

    def take(self, name: str) -> None:
        """Store one file, or standard input where the name is "-"."""
        started = time.monotonic()
        try:
            for batch in _batches(self._read(name)):
                self._store(name, batch)
                self._progress(len(batch))
        finally:
            self.done.seconds = round(self.done.seconds + time.monotonic() - started, 3)

    def _read(self, name: str) -> Iterator[Numbered]:
        for line, content, decode in _lines(name):
            try:
                whole = whole_of(decode(content), self._prices)
                if self._terms.sums:
                    self._dropped.refuse(whole.exchange)
            except LineError as error:
                self._bad(name, line, str(error))
                continue
            yield Numbered(line, whole)

    def _store(self, name: str, batch: Sequence[Numbered]) -> None:
        lines = {read_line.whole.exchange.id: read_line.line for read_line in batch}
        bad = self.done.bad

        def blame(whole: Whole, error: Exception) -> None:
            self._note(Bad(name, lines[whole.exchange.id], f"{type(error).__name__}: {error}"))

        new = history.store([read_line.whole for read_line in batch], blame, sums=self._terms.sums)
        self.done.stored += len(new)
        self.done.known += len(batch) - len(new) - (self.done.bad - bad)
        self.done.unpriced += sum(
            exchange.cost_usd is not None and exchange.price_id is None for exchange in new
        )
        # Only now, or what the batch stored would not be counted.
        if self._terms.strict and self.done.bad > bad:
            raise StoppedError(f"Stopped at a line of {name} that PostgreSQL refused: fix it and repeat.")

    def _bad(self, name: str, line: int, reason: str) -> None:
        self._note(Bad(name, line, reason))
        if self._terms.strict:
            raise StoppedError(f"Stopped at line {line} of {name}: fix it, or import without --strict.")

    def _note(self, bad: Bad) -> None:
        reported = replace(bad, reason=mask_text(bad.reason)[:500])
        self.done.bad += 1
        self.done.bad_lines = [*self.done.bad_lines, reported][:_REMEMBERED]
        self._report(reported)


def _lines(name: str) -> Iterator[tuple[int, Any, Callable[[Any], dict[str, Any]]]]:
    """Each line with its number and what makes fields of it."""
    try:
        with files.opened(name) as file:
            if not files.is_parquet(file):
                for line, content in jsonl.lines(files.plain(file)):
                    yield line, content, jsonl.decode
                return
            # Here, not above: pyarrow takes a second and 60 MB, which lines of JSON do not need.
            from proxy.store.transfer import parquet

            for line, row in parquet.lines(file):
                yield line, row, parquet.decode
    except (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError) as error:
        raise UnreadableError(
            f"{name} cannot be read to its end ({error}): what came before is stored; get the whole file and repeat."
        ) from error


def _batches(lines: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    batch: list[Numbered] = []
    size = 0
    try:
        for line in lines:
            batch.append(line)
            size += line.whole.exchange.request_bytes + line.whole.exchange.response_bytes
            if len(batch) >= _BATCH_ROWS or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except (StoppedError, UnreadableError):
        # What came before the end is stored all the same.
        if batch:
            yield batch
        raise
    if batch:
        yield batch
