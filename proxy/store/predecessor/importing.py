"""Store the predecessor's rows: each once, however often they are imported."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from accounts.secrets.masking import mask_text
from proxy.store.bodies.traffic import Whole
from proxy.store.ingest import history
from proxy.store.models import Spool
from proxy.store.predecessor import former
from proxy.store.predecessor.reading import Source
from proxy.store.predecessor.rows import SPOOL, Row, RowError, id_of, whole_of
from proxy.store.pricing import book as prices

_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that was not stored, and why."""

    request_id: str
    reason: str


@dataclass(slots=True)
class Imported:
    """What became of the rows: `stored` are new, `known` were imported before."""

    schema: str
    stored: int = 0
    known: int = 0
    bad: int = 0
    seconds: float = 0.0
    bad_rows: list[Bad] = field(default_factory=list)


class Importer:
    """Takes a source batch by batch; `done` tells what became of it."""

    def __init__(self, source: Source, report: Callable[[Bad], None]) -> None:
        self.done = Imported(source.schema.name)
        self._source = source
        self._report = report
        self._prices = prices.book()
        spool = Spool.objects.filter(id=SPOOL).first()
        self._serial = spool.stored if spool else 0

    def run(self, batch: int, progress: Callable[[int], None]) -> Imported:
        started = time.monotonic()
        for rows in self._source.rows(batch):
            self._take(rows)
            progress(len(rows))
        self.done.seconds = round(time.monotonic() - started, 3)
        return self.done

    def _take(self, rows: Sequence[Row]) -> None:
        by_id: dict[UUID, Row] = {}
        for row in rows:
            try:
                by_id.setdefault(id_of(row), row)
            except RowError as error:
                self._bad(row, str(error))
        known = history.known(by_id)
        self.done.known += len(known)
        wholes = [whole for key, row in by_id.items() if key not in known and (whole := self._whole(row))]
        if wholes:
            self.done.stored += len(history.store(wholes, self._blame))
        former.note({key: str(row.get("conversation_id") or "") for key, row in by_id.items()})

    def _whole(self, row: Row) -> Whole | None:
        try:
            whole = whole_of(row, self._source.schema, self._serial + 1, self._prices)
        except Exception as error:  # an odd row must not keep the others
            self._bad(row, f"{type(error).__name__}: {error}")
            return None
        self._serial += 1
        return whole

    def _blame(self, whole: Whole, error: Exception) -> None:
        self._bad({"request_id": f"exchange {whole.exchange.id}"}, f"{type(error).__name__}: {error}")

    def _bad(self, row: Row, reason: str) -> None:
        bad = Bad(str(row["request_id"]), mask_text(reason)[:500])
        self.done.bad += 1
        self.done.bad_rows = [*self.done.bad_rows, bad][:_REMEMBERED]
        self._report(bad)
