"""Rows for search of turns that have none, or of all, from their stored bodies, while ingest goes on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from django.db import connection

from proxy.store.bodies.blobs import ChunkWriter
from proxy.store.conversations import turns
from proxy.store.ingest import storing
from proxy.store.models import Exchange, SearchText, id_floor
from proxy.store.postgres.partitions import next_month
from proxy.store.search.rows import text_rows
from proxy.store.transfer.reading import read

_GROUP = 100
_MONTHS = "SELECT DISTINCT right(relid::text, 7) FROM pg_partition_tree('proxy_exchangebody') WHERE isleaf ORDER BY 1 DESC"
_TURNS = """
FROM proxy_exchangebody AS body JOIN proxy_exchange AS exchange USING (id)
WHERE body.id >= %s AND body.id < %s AND exchange.path = '/v1/messages' AND exchange.method = 'POST'
    AND (%s OR NOT EXISTS (SELECT FROM proxy_text AS text WHERE text.id = body.id AND text.id >= %s AND text.id < %s))
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A month: turns whose bodies are stored and that were looked at, and rows that were made of them (0 in a dry run)."""

    month: date
    turns: int
    made: int


def rebuild(
    only: date | None, *, again: bool, apply: bool, progress: Callable[[int], None] = lambda more: None
) -> Iterator[Rebuilt]:
    """Month by month, the newest first. A group of turns is a transaction of its own, which keeps retention away."""
    for month in months():
        if only in (None, month):
            made = _make(month, again=again, progress=progress) if apply else None
            turns = _count(month, again=again) if made is None else made[0]
            yield Rebuilt(month, turns, made[1] if made else 0)


def months() -> list[date]:
    """Those that have bodies, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS)
        return [datetime.strptime(name, "%Y_%m").replace(tzinfo=UTC).date() for (name,) in cursor.fetchall()]


def _make(month: date, *, again: bool, progress: Callable[[int], None]) -> tuple[int, int]:
    """How many turns were looked at, and how many rows they got."""
    turns = made = 0
    low, high = _bounds(month)
    while ids := _next(low, high, again=again):
        with storing.months_held(ids, kept=True):
            made += _replace(ids, again=again)
        turns += len(ids)
        low = UUID(int=ids[-1].int + 1)
        progress(len(ids))
    return turns, made


def _replace(ids: Sequence[UUID], *, again: bool) -> int:
    """Bodies that were dropped meanwhile are not there to be read."""
    rows = Exchange.objects.filter(id__in=ids, id__gte=ids[0], id__lte=ids[-1]).order_by("id")
    reader = turns.reader()
    found = [turns.turn_from(whole, reader) for whole in read(list(rows), bodies=True)]
    made = text_rows(filter(None, found), ChunkWriter())
    conversations = turns.known_ids(ids)
    for row in made:
        row.conversation = conversations.get(row.id, row.conversation)
    if again:
        SearchText.objects.filter(id__in=ids, id__gte=ids[0], id__lte=ids[-1]).delete()
    SearchText.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


def _next(low: UUID, high: UUID, *, again: bool) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id {_TURNS} ORDER BY id LIMIT {_GROUP}", _parameters(low, high, again=again))
        return [row[0] for row in cursor.fetchall()]


def _count(month: date, *, again: bool) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) {_TURNS}", _parameters(*_bounds(month), again=again))
        [(count,)] = cursor.fetchall()
    return int(count)


def _parameters(low: UUID, high: UUID, *, again: bool) -> list[UUID | bool]:
    return [low, high, again, low, high]


def _bounds(month: date) -> tuple[UUID, UUID]:
    first, second = (id_floor(datetime.combine(day, time(), UTC)) for day in (month, next_month(month)))
    return first, second
