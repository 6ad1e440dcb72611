"""What the sums of tools' results lack of the turns, or have too much: conversations are counted again, then compared with hours.

What the hours have is what their conversations were counted with, so that both are read at one moment, and what differs is added
whenever: whoever counts a conversation meanwhile changes both alike.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from proxy.store.findings import tool_sums
from proxy.store.findings.tool_sums import Asked
from proxy.store.models.tools import TOOL_SUMS, ToolDay, ToolHour
from proxy.store.rebuilding.comparison import Difference, Window
from proxy.store.sums import tools
from proxy.store.sums.tools import Key, Sums

_TOGETHER = 200
_OF_WINDOW = "first_at < %(end)s AND last_at >= %(start)s"
_CONVERSATIONS = f"SELECT id FROM proxy_conversation WHERE {_OF_WINDOW} ORDER BY first_id"  # noqa: S608 - ours
_COUNTED = f"""
SELECT sums FROM proxy_countedtools LEFT JOIN proxy_conversation AS conversation USING (id)
WHERE conversation.id IS NULL OR {_OF_WINDOW}
"""  # noqa: S608 - ours
_EMPTY = " AND ".join(f"{name} = 0" for name in TOOL_SUMS)
# Without waiting, as with rollups.
_SWEEPS = tuple(
    f"""
DELETE FROM {table} AS row USING (
    SELECT {span}, domain, tool FROM {table} WHERE {span} >= %(start)s AND {span} < %(end)s AND {_EMPTY} FOR UPDATE SKIP LOCKED
) AS empty WHERE (row.{span}, row.domain, row.tool) = (empty.{span}, empty.domain, empty.tool)
"""  # noqa: S608 - our names
    for table, span in (("proxy_toolhour", "hour"), ("proxy_toolday", "day"))
)


def reconcile(window: Window, left_alone: Collection[datetime], *, apply: bool) -> list[Difference]:
    """The hours of a window that differ; they are corrected if that is asked for, and their days with them."""
    asked = Asked(window.start, window.end, window.domain)
    recounted = _recounted(asked, apply=apply)
    corrected = {key: sums for key, sums in _compared(asked).items() if key.hour not in left_alone}
    if apply:
        tools.write(corrected)
        _mend_days(asked)
        _sweep(asked)
    together = tools.together([*recounted.items(), *corrected.items()])
    return _by_hour({key: sums for key, sums in together.items() if any(sums)})


def _recounted(asked: Asked, *, apply: bool) -> dict[Key, Sums]:
    changes: list[tuple[Key, Sums]] = []
    for ids in _conversations(asked):
        changes += tool_sums.count(tool_sums.load(ids), asked, apply=apply).items()
    return tools.together(changes)


def _conversations(asked: Asked) -> Iterator[list[UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(_CONVERSATIONS, _bounds(asked))
        ids = [id_ for (id_,) in cursor.fetchall()]
    for start in range(0, len(ids), _TOGETHER):
        yield ids[start : start + _TOGETHER]


def _compared(asked: Asked) -> dict[Key, Sums]:
    """What hours lack of what their conversations were counted with."""
    with _at_one_moment() as cursor:
        cursor.execute(_COUNTED, _bounds(asked))
        stated = tools.as_folded(tools.together(_stated(cursor, asked)))
        counted = tools.hours_from(ToolHour.objects.filter(hour__gte=asked.since, hour__lt=asked.until))
    return tools.less(stated, {key: sums for key, sums in counted.items() if asked.has(key)})


def _stated(cursor: Any, asked: Asked) -> Iterator[tuple[Key, Sums]]:
    while rows := cursor.fetchmany(_TOGETHER):
        for (sums,) in rows:
            yield from (part for part in tools.unpacked(bytes(sums)).items() if asked.has(part[0]))


def _mend_days(asked: Asked) -> None:
    """Whole days, whichever of their hours were asked for."""
    first, last = asked.since.date(), (asked.until - timedelta.resolution).date()
    start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    with _at_one_moment():
        hours = tools.hours_from(ToolHour.objects.filter(hour__gte=start, hour__lt=end))
        days = tools.days_from(ToolDay.objects.filter(day__gte=first, day__lte=last))
    tools.write_days(tools.less(tools.by_day(hours), days))


@contextmanager
def _at_one_moment() -> Iterator[Any]:
    """All that is read in it; within another transaction, that one says of when."""
    is_within = connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if not is_within:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield cursor


def _bounds(asked: Asked) -> Mapping[str, datetime]:
    return {"start": asked.since, "end": asked.until}


def _sweep(asked: Asked) -> None:
    """Take away what counts nothing."""
    with connection.cursor() as cursor:
        for statement in _SWEEPS:
            cursor.execute(statement, _bounds(asked))


def _by_hour(changes: Mapping[Key, Sums]) -> list[Difference]:
    hours: defaultdict[datetime, list[Sums]] = defaultdict(list)
    for key, sums in changes.items():
        hours[key.hour].append(sums)
    return [_difference(hour, parts) for hour, parts in sorted(hours.items())]


def _difference(hour: datetime, parts: list[Sums]) -> Difference:
    summed = dict(zip(TOOL_SUMS, map(sum, zip(*parts, strict=True)), strict=False))
    return Difference(hour, len(parts), {name: value for name, value in summed.items() if value})
