"""What the time within an exchange's id says: a UUIDv7 begins with it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

# How far `started_at` may lie from the moment in the id, which names the partition: clocks are set back now and then.
CLOCK_SLACK = timedelta(days=1)


def moment_of(exchange_id: UUID) -> datetime:
    """The time within a UUIDv7: its first 48 bits count milliseconds since 1970 (RFC 9562 §5.7)."""
    return datetime.fromtimestamp((exchange_id.int >> 80) / 1000, UTC)


def month_of(exchange_id: UUID) -> datetime:
    """The first moment of the month whose partitions hold an exchange: of its id, never of now."""
    return moment_of(exchange_id).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def id_floor(moment: datetime) -> UUID:
    """The lowest UUIDv7 of a moment."""
    return UUID(int=round(moment.timestamp() * 1000) << 80)
