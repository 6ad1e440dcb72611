"""The history of accounts' windows: what responses say of them in their headers, one sample for each five minutes.

A sample lies at a place of a ring that its moment gives, and the one of eight days before it is written over: the table is as large
as there are accounts and windows, and nobody has to delete from it (docs/decisions/0046-history-of-windows.md).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import connection

from proxy.record import HeaderPairs
from proxy.store.models import Exchange
from proxy.wire.rate_limits import gauges, is_of_account

STEP = timedelta(minutes=5)
# Longer than the longest window.
KEPT = timedelta(days=8)
PLACES = KEPT // STEP
_LONGEST_NAME = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Sorted, or two batches would wait for each other. A late response never takes the place of a newer one.
_WRITE = """
INSERT INTO proxy_windowsample AS old (account, name, place, at, used, resets_at)
SELECT * FROM unnest(
    %s::text[], %s::text[], %s::smallint[], %s::timestamptz[], %s::float8[], %s::timestamptz[]
) AS sample (account, name, place, at, used, resets_at) ORDER BY account, name, place
ON CONFLICT (account, name, place) DO UPDATE
SET at = excluded.at, used = excluded.used, resets_at = excluded.resets_at WHERE old.at <= excluded.at
"""


def place_of(at: datetime) -> int:
    """Where in the ring a moment lies."""
    return (at - _EPOCH) // STEP % PLACES


def note(responses: Iterable[tuple[Exchange, HeaderPairs]]) -> None:
    """Write what the responses of new exchanges say; those that no account of an operator paid say nothing."""
    found: dict[tuple[str, str, int], tuple[datetime, float, datetime | None]] = {}
    for exchange, headers in responses:
        if not exchange.account:
            continue
        at = exchange.started_at + timedelta(milliseconds=exchange.first_byte_ms or 0)
        for name, (used, reset) in gauges(_bytes(headers)).items():
            key = (exchange.account, name, place_of(at))
            if (
                is_of_account(name)
                and len(name) <= _LONGEST_NAME
                and (key not in found or found[key][0] <= at)
            ):
                found[key] = (at, used, _moment(reset))
    if found:
        rows = [(*key, *found[key]) for key in sorted(found)]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, [list(column) for column in zip(*rows, strict=True)])


def _bytes(headers: HeaderPairs) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers
    ]


def _moment(seconds: float) -> datetime | None:
    """None where no reset is reported, or one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (ValueError, OverflowError, OSError):
        return None
