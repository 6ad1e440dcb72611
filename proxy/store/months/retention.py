"""Drop the months that are past their time. What is pinned stays: the database sees to that by itself (`nexus_drop_month`)."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction

from proxy.store.models import DroppedMonth, ResultsReader, month_of
from proxy.store.postgres.partitions import Partition, next_month, partitions

log = logging.getLogger("nexus.retention")


@dataclass(frozen=True, slots=True)
class Part:
    """What is dropped together, under the name that the database's functions know it by."""

    name: str
    called: str
    tables: frozenset[str]
    setting: str

    @property
    def days(self) -> int:
        """How long it is kept after its month, 0 for ever."""
        days: int = getattr(settings, self.setting)
        return days


BODIES = Part(
    "bodies",
    "bodies",
    frozenset({"proxy_exchangebody", "proxy_text", "proxy_blob"}),
    "RETENTION_BODIES_DAYS",
)
METADATA = Part(
    "metadata",
    "exchanges",
    frozenset(
        {
            "proxy_exchange",
            "proxy_receipt",
            "proxy_turn",
            "proxy_offer",
            "proxy_conversationhour",
            "proxy_cachebreak",
            "proxy_finding",
        }
    ),
    "RETENTION_METADATA_DAYS",
)
PARTS = (BODIES, METADATA)

# SQLSTATEs of "somebody else holds it": lock_not_available, deadlock_detected.
_BUSY = {"55P03", "40P01"}


class BusyError(Exception):
    """Somebody holds what was to be dropped; the next run tries again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One part of one month that is past its time, and the bytes that it takes now."""

    month: date
    part: Part
    stored_bytes: int


def is_due(month: date, days: int, now: datetime) -> bool:
    """Whether a month ended at least that many days ago; never with 0 days."""
    end = datetime.combine(next_month(month), time(), UTC)
    return days > 0 and end + timedelta(days=days) <= now


def due(found: Sequence[Partition], now: datetime) -> Iterator[Step]:
    """What is past its time, the oldest month first, bodies before metadata; pinned rows may be all that is left of it."""
    for month in sorted({partition.month for partition in found}):
        for part in PARTS:
            sizes = [
                partition.stored_bytes
                for partition in found
                if partition.month == month and partition.table in part.tables
            ]
            if sizes and is_due(month, part.days, now):
                yield Step(month, part, sum(sizes))


def droppable(step: Step) -> bool:
    """Whether it holds anything that is not pinned."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_droppable(%s, %s)", [step.month, step.part.name])
        [(response,)] = cursor.fetchall()
    return bool(response)


def drop(step: Step) -> bool:
    """Take one step; whether there was anything to drop. BusyError where somebody is in the way."""
    fields: dict[str, object] = {"month": f"{step.month:%Y-%m}", "part": step.part.name}
    try:
        kept = _drop(step)
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") not in _BUSY:
            raise
        log.warning("retention.busy", extra=fields)
        raise BusyError from error
    if kept is None:
        return False
    setting = f"{step.part.setting}={step.part.days}"
    log.info("retention.dropped", extra=fields | {"bytes": step.stored_bytes, "kept": kept, "by": setting})
    return True


def _drop(step: Step) -> int | None:
    """How many pinned rows were kept, None where there was nothing to drop."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT nexus_drop_month(%s, %s)", [step.month, step.part.name])
        [(kept,)] = cursor.fetchall()
    return None if kept is None else int(kept)


def why_gone(exchange_id: UUID, part: Part) -> str:
    """That this part of an exchange's month was dropped, since when and why; "" where it was not."""
    try:
        month = month_of(exchange_id).date()
    except (ValueError, OverflowError, OSError):  # any UUID can be asked for, also one of the year 10000
        return ""
    row = DroppedMonth.objects.filter(month=month).first()
    moment: datetime | None = getattr(row, f"{part.name}_dropped_at", None)
    if moment is None:
        return ""
    return f"the {part.called} of {month:%Y-%m} were dropped on {moment:%Y-%m-%d} by {part.setting}, but for pinned ones"


def run(now: datetime) -> None:
    """Drop all that is due, and what was read of results whose record never came; what is busy waits for the next run."""
    ResultsReader.objects.abandoned(now).delete()
    for step in due(partitions(), now):
        try:
            drop(step)
        except BusyError:
            continue
