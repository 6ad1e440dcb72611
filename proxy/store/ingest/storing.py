"""The steps that store exchanges, whoever brings them. Within one transaction: `receive`, `keep`, `count`, in this order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple
from uuid import UUID

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection, transaction

from proxy.record import Batch
from proxy.store.bodies import data_keys, headers
from proxy.store.bodies.blobs import ChunkWriter, chunks_of, encode_chunks
from proxy.store.bodies.encryption import KeyUnavailable, Seal
from proxy.store.bodies.manifests import Lines
from proxy.store.bodies.traffic import Side, Traffic, Whole
from proxy.store.conversations import pending
from proxy.store.conversations import sums as conversations
from proxy.store.conversations.turns import NewTurn
from proxy.store.models import Exchange, ExchangeBody, Receipt, month_of
from proxy.store.postgres import columns
from proxy.store.postgres.bulk import copy_in
from proxy.store.postgres.rows import new_row
from proxy.store.search.rows import text_rows
from proxy.store.sums import rollups

# Sorted, or two batches with the same records in another order would wait for each other.
_RECEIVE = """
INSERT INTO proxy_receipt (id, spool, serial)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS record (id, spool, serial)
ORDER BY id ON CONFLICT DO NOTHING RETURNING id
"""
# A spool accepted at least what was stored of it, also where an import is all that is known of it.
_COUNT = """
INSERT INTO proxy_spool (id, accepted, dropped, bodies_dropped, stored, updated_at)
VALUES (%s, greatest(%s::bigint, %s::bigint + %s::bigint), %s, %s, %s, now())
ON CONFLICT (id) DO UPDATE SET dropped = greatest(proxy_spool.dropped, excluded.dropped),
    bodies_dropped = greatest(proxy_spool.bodies_dropped, excluded.bodies_dropped),
    stored = proxy_spool.stored + excluded.stored,
    accepted = greatest(
        proxy_spool.accepted, excluded.accepted,
        greatest(proxy_spool.dropped, excluded.dropped) - proxy_spool.recovered + proxy_spool.stored + excluded.stored
    ),
    updated_at = now()
"""
# SQLSTATE class "program limit exceeded", which Django takes for an operational error.
_LIMIT_EXCEEDED = "54"


class Counts(NamedTuple):
    """What a spool says of itself, over its whole life."""

    accepted: int = 0
    dropped: int = 0
    bodies_dropped: int = 0


def counts_of(batch: Batch) -> Counts:
    """The counts that came with a batch."""
    return Counts(batch.accepted, batch.dropped, batch.bodies_dropped)


@contextmanager
def months_held(ids: Iterable[UUID], *, kept: bool) -> Iterator[None]:
    """A transaction in which the partitions of these ids' months are there and stay, and the keys too, if their bodies are kept.

    They are made before it: a new partition locks its table, a new key its row, and the lock would last until the commit.
    Months are held in their order and before a table is locked, as retention does.
    """
    months = sorted({_month(id_) for id_ in ids})
    if kept:
        data_keys.make(months)
    while True:
        _ensure(months)
        with transaction.atomic():
            if hold(months):
                yield
                return


def _ensure(months: Iterable[date]) -> None:
    with connection.cursor() as cursor:
        for month in months:
            cursor.execute("SELECT nexus_ensure_month(%s)", [month])


def hold(months: Iterable[date]) -> bool:
    """Keep retention away from these months until the commit; whether all their partitions are there.

    In their order and before a table is locked: retention locks the month first as well, so nobody waits in a circle.
    """
    with connection.cursor() as cursor:
        whole = True
        for month in months:
            cursor.execute("SELECT nexus_hold_month(%s)", [month])
            whole = cursor.fetchone() == (True,) and whole
    return whole


def receive(receipts: Sequence[Receipt]) -> list[UUID]:
    """The ids that never came before."""
    ids, spools = [receipt.id for receipt in receipts], [receipt.spool for receipt in receipts]
    with connection.cursor() as cursor:
        cursor.execute(_RECEIVE, [ids, spools, [receipt.serial for receipt in receipts]])
        return [row[0] for row in cursor.fetchall()]


def keep(new: Iterable[tuple[Whole, NewTurn | None]]) -> None:
    """Write the rows, what their bodies are made of, and the turns of their conversations."""
    kept = sorted(new, key=lambda pair: pair[0].exchange.id)
    exchanges = [whole.exchange for whole, _ in kept]
    writer, lines = ChunkWriter(), Lines(exchanges)
    bodies = [body_row(whole.exchange, whole.traffic, writer, lines) for whole, _ in kept if whole.traffic]
    turns = [(whole.exchange, turn) for whole, turn in kept if turn]
    copy_in(exchanges)
    copy_in([turn.turn for _, turn in turns])
    copy_in([offer for _, turn in turns for offer in turn.offers])
    copy_in(bodies)
    copy_in(text_rows((turn for _, turn in turns), writer))
    writer.store()
    conversations.add(turns, writer.seal_of)
    pending.note(turn.turn.conversation for _, turn in turns)


def count(exchanges: Sequence[Exchange], *, kept: bool) -> None:
    """Add new exchanges to the sums, under the domain that `rollups.attribute` decided."""
    if exchanges:
        rollups.add(exchanges, kept=kept)


def count_spool(spool: UUID, counts: Counts, *, stored: int) -> None:
    """What a spool says of itself, and how many more of its records are stored. Last: many batches wait for this row."""
    accepted, dropped, bodies_dropped = counts
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [spool, accepted, dropped, stored, dropped, bodies_dropped, stored])


def count_spools(exchanges: Iterable[Exchange]) -> None:
    """The same for exchanges of any spools, of which nothing more is known; sorted against deadlocks."""
    for spool, stored in sorted(Counter(exchange.spool for exchange in exchanges).items()):
        count_spool(spool, Counts(), stored=stored)


def blames_values(error: Exception) -> bool:
    """Whether what is to be stored is the reason, so that it would fail again, and not the database that is away."""
    if isinstance(error, KeyUnavailable):
        return False
    if isinstance(error, DataError | IntegrityError) or not isinstance(error, DatabaseError | InterfaceError):
        return True
    return str(getattr(error.__cause__, "sqlstate", "")).startswith(_LIMIT_EXCEEDED)


def _month(exchange_id: UUID) -> date:
    return month_of(exchange_id).date()


def body_row(exchange: Exchange, traffic: Traffic, writer: ChunkWriter, lines: Lines) -> ExchangeBody:
    """The row of an exchange's bodies, not yet saved; their chunks are added by `writer`."""
    request, response = traffic.request, traffic.response
    month = _month(exchange.id)
    seal = writer.seal_of(month)
    row = new_row(
        ExchangeBody,
        id=exchange.id,
        request_digest=_digest(seal, request),
        response_digest=_digest(seal, response),
        response_manifest=b"".join(writer.add(month, _whole_chunk(response))),
        request_dropped=request.dropped,
        response_dropped=response.dropped,
        request_not_kept=request.not_kept,
        response_not_kept=response.not_kept,
        chunks=encode_chunks(traffic.chunks),
        **headers.columns_of(
            headers.Headers(request.headers, response.headers), exchange.domain, month, writer
        ),
    )
    cut = chunks_of(request.body) if request.body is not None else []
    lines.write(exchange, writer.add(month, cut), row)
    columns.fit(row)
    return row


def _digest(seal: Seal, side: Side) -> bytes:
    return side.digest if side.body is None else seal.body_digest(side.body)


def _whole_chunk(side: Side) -> list[bytes]:
    return [side.body] if side.body else []
