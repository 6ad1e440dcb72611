"""Sums of what became of the calls of tools, by hour and by day.

A call is known whole only once a later turn brought its result, so that whoever looks at a conversation counts all of it and adds
what differs from what was counted of it before (`CountedTools`): to look again changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import starmap
from operator import add, sub
from typing import Any, NamedTuple, TypeVar

import msgspec
from django.db.models import QuerySet
from psycopg import sql

from proxy.dimensions import LONGEST, OTHER
from proxy.histograms import WAITS
from proxy.store.models.tools import TOOL_SUMS, ToolDay, ToolHour
from proxy.store.sums.adding import ADD, ADD_EACH, adding, upsert
from proxy.store.sums.breakdowns import without_row

DIMENSION = "tool"
HOUR_KEY = ("hour", "domain", "tool")
DAY_KEY = ("day", "domain", "tool")
CHANGES = dict.fromkeys(TOOL_SUMS, ADD) | {WAITS.name: ADD_EACH}


class Use(NamedTuple):
    """A call of a tool: `milliseconds` and `size` of its result are None where there is none, or nobody knows."""

    has_result: bool
    is_error: bool
    milliseconds: int | None
    size: int | None


class Key(NamedTuple):
    """An hour of a tool."""

    hour: datetime
    domain: str
    tool: str

    @property
    def of_breakdown(self) -> tuple[str, date, str, str]:
        """The day of it among the sums by value, which say what is folded."""
        return DIMENSION, self.hour.date(), self.domain, self.tool


# TOOL_SUMS, then a number for each bucket of WAITS.
Sums = tuple[int, ...]
ByKey = Mapping[Key, Sums]
Day = tuple[date, str, str]
K = TypeVar("K")
NOTHING: Sums = (0,) * (len(TOOL_SUMS) + WAITS.buckets)
_decode = msgspec.msgpack.Decoder(list[tuple[int, str, str, Sums]]).decode


def key_of(started_at: datetime, domain: str, tool: str) -> Key:
    """Where a call counts that the answer of an exchange asks for."""
    hour = started_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return Key(hour, domain, tool[:LONGEST])


def sums_of(use: Use) -> Sums:
    """What a call adds."""
    bucket = -1 if use.milliseconds is None else WAITS.bucket(use.milliseconds)
    return (
        *(1, int(use.has_result), int(use.is_error)),
        *(int(use.size is not None), use.size or 0, use.milliseconds or 0),
        *(int(place == bucket) for place in range(WAITS.buckets)),
    )


def together(parts: Iterable[tuple[K, Sums]]) -> dict[K, Sums]:
    """The sums of each key."""
    found: dict[K, Sums] = {}
    for key, sums in parts:
        found[key] = tuple(map(add, found[key], sums)) if key in found else sums
    return found


def less(now: Mapping[K, Sums], before: Mapping[K, Sums]) -> dict[K, Sums]:
    """What `now` has more than `before`, where they differ."""
    changes = {
        key: tuple(map(sub, now.get(key, NOTHING), before.get(key, NOTHING)))
        for key in now.keys() | before.keys()
    }
    return {key: sums for key, sums in changes.items() if any(sums)}


def packed(sums: ByKey) -> bytes:
    """As a conversation's row has it."""
    return msgspec.msgpack.encode(
        [(int(key.hour.timestamp()), key.domain, key.tool, each) for key, each in sorted(sums.items())]
    )


def unpacked(row: bytes) -> dict[Key, Sums]:
    """What `packed` made of it."""
    return {
        Key(datetime.fromtimestamp(hour, UTC), domain, tool): sums
        for hour, domain, tool, sums in _decode(row)
    }


def write(changes: ByKey) -> None:
    """Add to hours and days; what has no row of its own on a day that was folded counts as OTHER."""
    changes = as_folded(changes)
    if changes:
        upsert(add_to_hours, [*starmap(_row, sorted(changes.items()))])
        write_days(by_day(changes))


def write_days(changes: Mapping[Day, Sums]) -> None:
    """Add to days alone."""
    if changes:
        upsert(add_to_days, [*starmap(_row, sorted(changes.items()))])


def by_day(hours: ByKey) -> dict[Day, Sums]:
    """The hours of each day together."""
    return together(((key.hour.date(), key.domain, key.tool), sums) for key, sums in hours.items())


def hours_from(rows: QuerySet[ToolHour]) -> dict[Key, Sums]:
    """What rows have."""
    return {Key(*key): _sums(sums) for *key, sums in _read(rows, HOUR_KEY)}


def days_from(rows: QuerySet[ToolDay]) -> dict[Day, Sums]:
    """What rows have."""
    return {(day, domain, tool): _sums(sums) for day, domain, tool, sums in _read(rows, DAY_KEY)}


def as_folded(changes: ByKey) -> dict[Key, Sums]:
    """The same where the rows of folded days have it. Today is not over, and so it is not folded."""
    today = datetime.now(UTC).date()
    lost = without_row({key.of_breakdown for key in changes if key.hour.date() < today})
    return together(
        (key._replace(tool=OTHER) if key.of_breakdown in lost else key, sums) for key, sums in changes.items()
    )


def add_to_hours(rows: sql.Composable) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of HOUR_KEY and CHANGES)."""
    return adding("proxy_toolhour", HOUR_KEY, CHANGES, rows)


def add_to_days(rows: sql.Composable) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of DAY_KEY and CHANGES)."""
    return adding("proxy_toolday", DAY_KEY, CHANGES, rows)


def _read(rows: QuerySet[Any], key: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for row in rows.values_list(*key, *CHANGES):
        yield *row[: len(key)], row[len(key) :]


def _sums(row: Sequence[Any]) -> Sums:
    *scalars, waits = row
    return (*scalars, *waits, *(0,) * (WAITS.buckets - len(waits)))


def _row(key: Sequence[object], sums: Sequence[int]) -> tuple[object, ...]:
    scalars = len(TOOL_SUMS)
    return (*key, *sums[:scalars], [*sums[scalars:]])
