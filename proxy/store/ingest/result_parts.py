"""Results that come in parts: each byte is read once, whatever comes twice, late or to two workers (decision 0029)."""

import logging
from collections.abc import Iterable
from uuid import UUID

import msgspec
from django.db import connection, transaction

from proxy.record import Part, Record
from proxy.store.bodies import data_keys
from proxy.store.bodies.encryption import BrokenSeal, is_sealed
from proxy.store.models import Receipt, ResultsReader, month_of
from proxy.store.pricing.book import CachedBook
from proxy.wire.batch_reader import Reader
from proxy.wire.batches import Results

log = logging.getLogger("nexus.ingest")

_prices = CachedBook()
_SLICE = 1024**2
_BROKEN = b""
# One statement, which also holds the row until the commit.
_HOLD = """
INSERT INTO proxy_resultsreader AS known (id, next_byte, state, touched_at) VALUES (%s, 0, '', now())
ON CONFLICT (id) DO UPDATE SET touched_at = now()
RETURNING next_byte, state
"""


class PartMissing(Exception):
    """What comes before this part is not here: the shipper begins again with the first one."""


def read_on(part: Part) -> None:
    """Read what is new of a part, once; PartMissing where one is lacking before it."""
    exchange = UUID(part.exchange)
    if not part.data:
        return
    data_keys.make([month_of(exchange).date()])  # not within: its row would stay locked
    with transaction.atomic():
        next_byte, reader = _hold(exchange)
        if Receipt.objects.filter(pk=exchange).exists():
            forget_all([exchange])
            return
        if part.offset > next_byte:
            raise PartMissing(f"byte {next_byte} of exchange {exchange} comes first, not byte {part.offset}")
        new = memoryview(part.data)[next_byte - part.offset :]
        if new:
            state = _state(exchange, reader, new)
            ResultsReader.objects.filter(pk=exchange).update(next_byte=next_byte + len(new), state=state)


def results_of(record: Record) -> Results | None:
    """What the parts of a record said; None where it had none, or not all of them are here."""
    closing = record.closing
    if not closing.response_not_kept:
        return None
    read = ResultsReader.objects.filter(pk=record.head.id, next_byte=closing.response_size)
    state = bytes(read.values_list("state", flat=True).first() or _BROKEN)
    reader = _opened(UUID(record.head.id), state) if state else None
    return reader.finish() if reader else None


def forget(records: Iterable[Record]) -> None:
    """What was kept for these records, which are stored."""
    came = [
        UUID(record.head.id)
        for record in records
        if record.closing.response_not_kept or record.closing.response_dropped
    ]
    if came:
        forget_all(came)


def forget_all(exchanges: Iterable[UUID]) -> None:
    ResultsReader.objects.filter(pk__in=exchanges).delete()


def _hold(exchange: UUID) -> tuple[int, Reader | None]:
    """The next byte to read and who read up to there, None where that broke a parser."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, [exchange])
        [(next_byte, state)] = cursor.fetchall()
    if next_byte and bytes(state) == _BROKEN:
        return next_byte, None
    reader = _opened(exchange, bytes(state)) if next_byte else None
    return (next_byte, reader) if reader else (0, Reader(_prices.get().thresholds))


def _opened(exchange: UUID, state: bytes) -> Reader | None:
    """The reader that was kept; None where another Nexus wrote it, or it is damaged: its file is then read anew."""
    try:
        if is_sealed(state):
            state = data_keys.needed_seal(month_of(exchange).date()).open(state, _label(exchange))
        return Reader.restore(state)
    except (BrokenSeal, msgspec.DecodeError):
        log.warning("ingest.results_anew", extra={"exchange": str(exchange)})
        return None


def _state(exchange: UUID, reader: Reader | None, new: memoryview) -> bytes:
    """What is kept of a reader after it read on."""
    if reader is None:
        return _BROKEN
    try:
        for start in range(0, len(new), _SLICE):
            reader.feed(new[start : start + _SLICE])
        state = reader.state()
    except Exception:  # its record is stored all the same, without what the results say
        log.exception("ingest.unread", extra={"exchange": str(exchange)})
        return _BROKEN
    return data_keys.seal_of(month_of(exchange).date()).close(state, _label(exchange))


def _label(exchange: UUID) -> bytes:
    return b"results " + exchange.bytes
