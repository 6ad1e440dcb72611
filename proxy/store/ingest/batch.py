"""Store a batch of records: one transaction, each exchange once, however often and whenever it comes."""

import logging
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection, transaction

from accounts import key_use
from accounts.secrets.masking import mask_text
from proxy.record import Batch, Part, Record
from proxy.store.announce import Stored, announce
from proxy.store.bodies.traffic import Whole, traffic_of
from proxy.store.conversations import turns
from proxy.store.cpu_bound import Bounded, TooSlow
from proxy.store.ingest import dead_letters, facts, message_batches, result_parts, storing, unpriced
from proxy.store.ingest.facts import Facts
from proxy.store.models import Receipt
from proxy.store.postgres import columns
from proxy.store.pricing.book import CachedBook
from proxy.store.sums import rollups, window_samples
from proxy.wire.billing.pricing import PriceBook

log = logging.getLogger("nexus.ingest")

TOO_SLOW = "the bodies were not read: that took too long"
BROKE = "the bodies were not read: a defect of Nexus, which the worker's log names"

_prices = CachedBook()

_DEAD_LETTERS = """
INSERT INTO proxy_setaside AS old (spool, serial, exchange, error, record, created_at) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (spool, serial) DO UPDATE SET error = excluded.error WHERE old.stored_at IS NULL
RETURNING (xmax = 0)::int -- whether it is new
"""
# A dead letter that is stored now was counted then. By its id as well: a spool that lost files may give a serial again.
_NO_LONGER_DEAD = """
UPDATE proxy_setaside AS old SET stored_at = now(), record = ''
FROM unnest(%s::bigint[], %s::text[]) AS one (serial, id)
WHERE old.spool = %s AND old.serial = one.serial AND old.exchange IN ('', one.id) AND old.stored_at IS NULL
RETURNING old.serial
"""


def ingest(batch: Batch, *, quietly: bool = False) -> int:
    """Store what is new in the batch and announce it, unless `quietly`; how many records were new.

    A record that cannot be stored is set dead_letters, alone and whole. Database errors that are not about values
    (server gone, deadlock, missing table or right) are raised, and KeyUnavailable too: nothing is lost if the batch comes again.
    """
    try:
        return _store(batch, quietly)
    except Exception as error:  # whatever one record broke must not keep the others
        if not storing.blames_values(error):
            raise
        log.warning("ingest.one_by_one", extra={"spool": batch.spool, "error": type(error).__name__})
    singles = [msgspec.structs.replace(batch, records=[record]) for record in batch.records]
    return sum(_store_or_keep_dead_letter(single, quietly) for single in singles)


def take_part(part: Part, *, quietly: bool = False) -> int:
    """Read a part of a file of results, and store the record that comes with the last one; how many records were new."""
    result_parts.read_on(part)
    return ingest(part.batch, quietly=quietly) if part.batch else 0


def _store_or_keep_dead_letter(single: Batch, quietly: bool) -> int:
    try:
        return _store(single, quietly)
    except Exception as error:
        if not storing.blames_values(error):
            raise
        return _keep_dead_letter(single, error)


def _keep_dead_letter(single: Batch, error: Exception) -> int:
    [record] = single.records
    spool = UUID(single.spool)
    reason = columns.text(mask_text(f"{type(error).__name__}: {error}"), 2000)
    log.error("ingest.set_aside", extra={"spool": single.spool, "serial": record.serial, "error": reason})
    now = datetime.now(UTC)
    data = dead_letters.packed(record, spool, now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DEAD_LETTERS, [spool, record.serial, columns.text(record.head.id), reason, data, now])
        [new] = cursor.fetchone() or [0]
        storing.count_spool(spool, storing.counts_of(single), stored=new)
    return int(new)


def _store(batch: Batch, quietly: bool) -> int:
    spool = UUID(batch.spool)
    by_id = {facts.exchange_id_of(record): record for record in batch.records}
    prices = _prices.get()
    reader = turns.reader() if settings.STORAGE_ENABLED else None
    receipts = [
        Receipt(id=exchange_id, spool=spool, serial=record.serial) for exchange_id, record in by_id.items()
    ]
    with storing.months_held(by_id, kept=settings.STORAGE_ENABLED):
        new = message_batches.settle(
            [_read(by_id[exchange_id], spool, prices, reader) for exchange_id in storing.receive(receipts)],
            prices,
        )
        exchanges = [found.exchange for found in new]
        rollups.attribute(exchanges)
        if settings.STORAGE_ENABLED:
            storing.keep(
                (Whole(found.exchange, traffic_of(by_id[found.exchange.id])), found.turn) for found in new
            )
        found_unpriced = unpriced.note(new)
        storing.count(exchanges, kept=settings.STORAGE_ENABLED)
        window_samples.note((exchange, by_id[exchange.id].closing.headers) for exchange in exchanges)
        result_parts.forget(by_id[exchange.id] for exchange in exchanges)
        counted = _no_longer_dead(batch)
        storing.count_spool(
            spool,
            storing.counts_of(batch),
            stored=sum(exchange.serial not in counted for exchange in exchanges),
        )
    key_use.note((exchange.client_key, exchange.started_at) for exchange in exchanges)
    if not quietly:
        announce([_stored(found, found_unpriced.get(found.exchange.id, "")) for found in new])
    return len(new)


def _read(record: Record, spool: UUID, prices: PriceBook, reader: turns.Reader | None) -> Facts:
    """A record whose bodies break a parser, or take too long, keeps its bodies and loses only what they say."""
    arrived = result_parts.results_of(record)
    try:
        with Bounded():
            return facts.read(record, spool, prices, arrived, reader)
    except TooSlow:
        log.error("ingest.too_slow", extra={"exchange": record.head.id, "bytes": _size(record)})
        return facts.unread(record, spool, prices, TOO_SLOW)
    except Exception:
        log.exception("ingest.unread", extra={"exchange": record.head.id})
        return facts.unread(record, spool, prices, BROKE)


def _size(record: Record) -> int:
    return len(record.request_body) + len(record.response_body)


def _no_longer_dead(batch: Batch) -> set[int]:
    """The serials of dead letters that are stored now."""
    serials, ids = [record.serial for record in batch.records], [record.head.id for record in batch.records]
    with connection.cursor() as cursor:
        cursor.execute(_NO_LONGER_DEAD, [serials, ids, UUID(batch.spool)])
        return {row[0] for row in cursor.fetchall()}


def _stored(new: Facts, unpriced_model: str) -> Stored:
    row = new.exchange
    return Stored(
        exchange_id=row.id,
        domain=row.domain,
        session_id=row.session_id,
        request_type=row.request_type,
        outcome=row.outcome,
        status=row.status,
        error_type=row.error_type,
        error_message=row.error_message,
        model=row.model,
        account=row.account,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        counts=row.counts if row.has_counts else None,
        response_bytes=row.response_bytes,
        user_text=new.user_text,
        first_user_text=new.first_user_text,
        message=new.message,
        tool_calls=new.tool_calls,
        unpriced_model=unpriced_model,
        client_key=row.client_key,
        tenant=row.tenant,
        cost_usd=row.cost_usd,
        cost_state=row.cost_state,
    )
