"""Count what became of the tools of conversations, in place of what was counted of them before.

What lies in a month that was dropped stays as it was counted, and of a very long conversation what is older than its newest turns.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from django.db import connection, transaction

from proxy.conversations.findings.tool_calls import ToolUse
from proxy.store.findings.tool_uses import uses_of
from proxy.store.ingest import storing
from proxy.store.models import CLOCK_SLACK, Conversation, CountedTools, DroppedMonth, Exchange, Turn, month_of
from proxy.store.postgres.partitions import next_month
from proxy.store.sums import tools
from proxy.store.sums.tools import ByKey, Key, Sums, Use

# Of longer conversations the newest turns are looked at.
MOST_TURNS = 5_000
_ASKED = ("id", "started_at", "duration_ms", "domain", "counts_as")
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_WRITE = """
INSERT INTO proxy_countedtools (id, sums) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET sums = excluded.sums
"""
# What is over, where it cannot be counted again either.
_FORGET = """
DELETE FROM proxy_countedtools AS row WHERE NOT EXISTS (SELECT FROM proxy_conversation WHERE id = row.id)
    AND NOT EXISTS (SELECT FROM proxy_pendingconversation WHERE id = row.id)
"""


ALWAYS, FOR_EVER = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))


@dataclass(frozen=True, slots=True)
class Known:
    """The newest turns of a conversation by their ids, in this order, with their exchanges; `is_whole` if they are all."""

    turns: Mapping[UUID, Turn]
    exchanges: Mapping[UUID, Exchange]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Asked:
    """Which hours may change, "" for those of any domain."""

    since: datetime = ALWAYS
    until: datetime = FOR_EVER
    domain: str = ""

    def has(self, key: Key) -> bool:
        return self.since <= key.hour < self.until and self.domain in ("", key.domain)


ALL = Asked()


def count(known: Mapping[UUID, Known], asked: Asked = ALL, *, apply: bool = True) -> dict[Key, Sums]:
    """What conversations have more than was counted of them; it is added, and they have it from then on."""
    changes: list[tuple[Key, Sums]] = []
    with transaction.atomic(), connection.cursor() as cursor:
        for id_ in sorted(known):
            cursor.execute(_LOCK, [f"tools {id_}"])
        before = {
            row.id: tools.unpacked(bytes(row.sums)) for row in CountedTools.objects.filter(id__in=known)
        }
        storing.hold(_months(known, before.values()))
        dropped = dropped_months()
        for id_ in sorted(known):
            was = before.get(id_, {})
            now = _counted(known[id_], was, dropped, asked)
            found = tools.less(now, was)
            if found and apply:
                cursor.execute(_WRITE, [id_, tools.packed(now)])
            changes += found.items()
        together = tools.together(changes)
        if apply:
            tools.write({key: sums for key, sums in together.items() if any(sums)})
    return together


def load(conversations: Sequence[UUID]) -> dict[UUID, Known]:
    """Their turns that call tools or bring results."""
    rows = Conversation.objects.filter(id__in=conversations)
    bounds = [(row.first_id, row.last_id) for row in rows]
    if not bounds:
        return {id_: Known({}, {}) for id_ in conversations}
    within = {"id__gte": min(first for first, _ in bounds), "id__lte": max(last for _, last in bounds)}
    turns = Turn.objects.filter(conversation__in=conversations, **within).exclude(tool_digests=b"")
    newest = list(turns.only("id", "conversation", "tool_digests").order_by("-id")[: MOST_TURNS + 1])
    if len(newest) > MOST_TURNS and len(conversations) > 1:
        return {id_: load([id_])[id_] for id_ in conversations}
    found: defaultdict[UUID, dict[UUID, Turn]] = defaultdict(dict)
    exchanges = _exchanges([turn.id for turn in newest[:MOST_TURNS]])
    for turn in reversed(newest[:MOST_TURNS]):
        if turn.id in exchanges:
            found[turn.conversation][turn.id] = turn
    return {id_: Known(found[id_], exchanges, len(newest) <= MOST_TURNS) for id_ in conversations}


def forget() -> None:
    """What was counted of conversations that are gone."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET)


def dropped_months() -> list[tuple[datetime, datetime]]:
    """The hours whose exchanges may no longer all be there."""
    months = DroppedMonth.objects.exclude(metadata_dropped_at=None).values_list("month", flat=True)
    return [(_start(month) - CLOCK_SLACK, _start(next_month(month)) + CLOCK_SLACK) for month in months]


def _exchanges(ids: Sequence[UUID]) -> dict[UUID, Exchange]:
    if not ids:
        return {}
    rows = Exchange.objects.filter(id__in=ids, id__gte=min(ids), id__lte=max(ids)).only(*_ASKED)
    return {row.id: row for row in rows}


def _counted(
    known: Known, was: ByKey, dropped: Collection[tuple[datetime, datetime]], asked: Asked
) -> dict[Key, Sums]:
    cut = None if known.is_whole else min(known.exchanges[id_].started_at for id_ in known.turns)

    def is_fixed(key: Key) -> bool:
        is_older = cut is not None and key.hour <= cut
        return is_older or not asked.has(key) or any(start <= key.hour < end for start, end in dropped)

    now = tools.together(_parts(known))
    kept = {key: sums for key, sums in was.items() if is_fixed(key)}
    return {key: sums for key, sums in now.items() if not is_fixed(key)} | kept


def _parts(known: Known) -> Iterator[tuple[Key, Sums]]:
    for id_, uses in uses_of(known.turns, known.exchanges).items():
        exchange = known.exchanges[id_]
        for use in uses:
            key = tools.key_of(exchange.started_at, exchange.counts_as or exchange.domain, use.name)
            yield key, tools.sums_of(_use(use))


def _use(use: ToolUse) -> Use:
    milliseconds = None if use.seconds is None else round(use.seconds * 1000)
    return Use(use.result is not None, use.is_error, milliseconds, use.size)


def _months(known: Mapping[UUID, Known], before: Collection[ByKey]) -> list[date]:
    """Those whose rows are looked at."""
    of_turns = {month_of(id_).date() for each in known.values() for id_ in each.turns}
    return sorted(of_turns | {key.hour.date().replace(day=1) for sums in before for key in sums})


def _start(month: date) -> datetime:
    return datetime.combine(month, time(), UTC)
