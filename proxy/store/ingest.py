"""Store a batch of records: one transaction, each exchange once, however often and whenever it comes."""

import logging
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection, transaction

from accounts.masking import mask_text
from proxy.record import Batch, Record, encode
from proxy.store import columns, facts, rollups
from proxy.store.announce import Stored, announce
from proxy.store.blobs import Pieces, encode_chunks, pieces_of
from proxy.store.bulk import copy_in
from proxy.store.facts import Facts
from proxy.store.manifests import Lines
from proxy.store.models import Exchange, ExchangeBody, month_of
from proxy.store.prices import CachedBook
from proxy.wire.pricing import PriceBook

log = logging.getLogger("nexus.ingest")

_prices = CachedBook()

# Sorted, or two batches with the same records in another order would wait for each other.
_RECEIVE = """
INSERT INTO proxy_receipt (id, spool, serial)
SELECT id, %s, serial FROM unnest(%s::uuid[], %s::bigint[]) AS record (id, serial)
ORDER BY id ON CONFLICT DO NOTHING RETURNING id
"""
_COUNT = """
INSERT INTO proxy_spool (id, accepted, dropped, bodies_dropped, stored, updated_at) VALUES (%s, %s, %s, %s, %s, now())
ON CONFLICT (id) DO UPDATE SET accepted = greatest(proxy_spool.accepted, excluded.accepted),
    dropped = greatest(proxy_spool.dropped, excluded.dropped),
    bodies_dropped = greatest(proxy_spool.bodies_dropped, excluded.bodies_dropped),
    stored = proxy_spool.stored + excluded.stored, updated_at = now()
"""
_SET_ASIDE = """
INSERT INTO proxy_setaside AS old (spool, serial, error, record, created_at) VALUES (%s, %s, %s, %s, now())
ON CONFLICT (spool, serial) DO UPDATE SET error = excluded.error WHERE old.stored_at IS NULL
RETURNING (xmax = 0)::int -- whether it is new
"""
# What was set aside and is stored now was counted then. By its id as well: a spool that lost files may give a serial again.
_NO_LONGER_ASIDE = """
UPDATE proxy_setaside AS old SET stored_at = now(), record = ''
FROM unnest(%s::bigint[], %s::text[]) AS one (serial, id)
WHERE old.spool = %s AND old.serial = one.serial AND old.stored_at IS NULL
    AND position(convert_to(one.id, 'UTF8') IN old.record) > 0
RETURNING old.serial
"""
# SQLSTATE class "program limit exceeded", which Django takes for an operational error.
_LIMIT_EXCEEDED = "54"


def ingest(batch: Batch, *, quietly: bool = False) -> int:
    """Store what is new in the batch and announce it, unless `quietly`; how many records were new.

    A record that cannot be stored is set aside, alone and whole. Database errors that are not about values
    (server gone, deadlock, missing table or right) are raised: nothing is lost if the batch comes again.
    """
    try:
        return _store(batch, quietly)
    except Exception as error:  # whatever one record broke must not keep the others
        if not _blames_values(error):
            raise
        log.warning("ingest.one_by_one", extra={"spool": batch.spool, "error": type(error).__name__})
    singles = [msgspec.structs.replace(batch, records=[one]) for one in batch.records]
    return sum(_store_or_set_aside(single, quietly) for single in singles)


def _blames_values(error: Exception) -> bool:
    if isinstance(error, DataError | IntegrityError) or not isinstance(error, DatabaseError | InterfaceError):
        return True
    return str(getattr(error.__cause__, "sqlstate", "")).startswith(_LIMIT_EXCEEDED)


def _store_or_set_aside(single: Batch, quietly: bool) -> int:
    try:
        return _store(single, quietly)
    except Exception as error:
        if not _blames_values(error):
            raise
        return _set_aside(single, error)


def _set_aside(single: Batch, error: Exception) -> int:
    [record] = single.records
    spool = UUID(single.spool)
    reason = columns.text(mask_text(f"{type(error).__name__}: {error}"), 2000)
    log.error("ingest.set_aside", extra={"spool": single.spool, "serial": record.serial, "error": reason})
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SET_ASIDE, [spool, record.serial, reason, encode(record)])
        [new] = cursor.fetchone() or [0]
        _report(single, new)
    return int(new)


def _store(batch: Batch, quietly: bool) -> int:
    spool = UUID(batch.spool)
    by_id = {facts.exchange_id_of(record): record for record in batch.records}
    # Before the transaction: a new partition locks its table, and the lock would last until the commit.
    _ensure_months({month_of(one).date() for one in by_id})
    prices = _prices.get()
    with transaction.atomic():
        new = [_read(by_id[one], spool, prices) for one in _receive(spool, by_id)]
        rollups.attribute(one.exchange for one in new)
        if settings.STORAGE_ENABLED:
            _keep(new, by_id)
        _count(new, spool, batch)
    if not quietly:
        announce([_stored(one) for one in new])
    return len(new)


def _ensure_months(months: set[date]) -> None:
    with connection.cursor() as cursor:
        for month in sorted(months):
            cursor.execute("SELECT nexus_ensure_month(%s)", [month])


def _receive(spool: UUID, by_id: dict[UUID, Record]) -> list[UUID]:
    """The ids that never came before."""
    with connection.cursor() as cursor:
        cursor.execute(_RECEIVE, [spool, list(by_id), [record.serial for record in by_id.values()]])
        return [row[0] for row in cursor.fetchall()]


def _read(record: Record, spool: UUID, prices: PriceBook) -> Facts:
    """A record whose bodies break a parser keeps its bodies and loses only what they say."""
    try:
        return facts.read(record, spool, prices)
    except Exception:
        log.exception("ingest.unread", extra={"exchange": record.head.id})
        return facts.unread(record, spool)


def _keep(new: Sequence[Facts], by_id: dict[UUID, Record]) -> None:
    exchanges = sorted((one.exchange for one in new), key=lambda one: one.id)
    pieces, lines = Pieces(), Lines(exchanges)
    bodies = [_body(one, by_id[one.id], pieces, lines) for one in exchanges]
    copy_in(exchanges)
    copy_in(bodies)
    pieces.store()


def _body(exchange: Exchange, record: Record, pieces: Pieces, lines: Lines) -> ExchangeBody:
    month = month_of(exchange.id).date()
    response = [record.response_body] if record.response_body else []
    row = ExchangeBody(
        id=exchange.id,
        request_headers=record.head.headers,
        response_headers=record.closing.headers,
        request_digest=sha256(record.request_body).digest(),
        response_digest=sha256(record.response_body).digest(),
        response_manifest=b"".join(pieces.add(month, response)),
        request_dropped=record.head.body_dropped,
        response_dropped=record.closing.response_dropped,
        chunks=encode_chunks(record.closing.chunks),
    )
    lines.write(exchange, pieces.add(month, pieces_of(record.request_body)), row)
    columns.fit(row)
    return row


def _count(new: Sequence[Facts], spool: UUID, batch: Batch) -> None:
    """Last, because these rows are the ones that many batches wait for."""
    if new:
        rollups.add([one.exchange for one in new], kept=settings.STORAGE_ENABLED)
    with connection.cursor() as cursor:
        cursor.execute(_NO_LONGER_ASIDE, [*_names(batch.records), spool])
        counted = {row[0] for row in cursor.fetchall()}
    _report(batch, sum(one.exchange.serial not in counted for one in new))


def _names(records: Sequence[Record]) -> tuple[list[int], list[str]]:
    return [record.serial for record in records], [record.head.id for record in records]


def _report(batch: Batch, stored: int) -> None:
    """Add to what is known of a spool."""
    counts = (batch.accepted, batch.dropped, batch.bodies_dropped, stored)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [UUID(batch.spool), *counts])


def _stored(one: Facts) -> Stored:
    row = one.exchange
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
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        response_bytes=row.response_bytes,
        user_text=one.user_text,
        first_user_text=one.first_user_text,
        message=one.message,
        tool_calls=one.tool_calls,
    )
