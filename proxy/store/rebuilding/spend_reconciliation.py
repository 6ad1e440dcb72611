"""What the sums of spending lack of the rows, or have too much, by whole days: found and fixed as the rollups are.

One statement looks at both sides; what is found is added later, so ingest and reprice go on meanwhile (decision 0016).
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import groupby

from django.db import connection, transaction

from proxy.store.rebuilding.comparison import WORK_MEM, Difference, Window
from proxy.store.sums import spend

_DAY = timedelta(days=1)
_KEY = ", ".join(spend.KEY_IN_SQL)
_COMPARE = f"""
WITH stated AS (
    SELECT {", ".join(f"{text} AS {name}" for name, text in spend.KEY_IN_SQL.items())},
        coalesce(sum(cost_usd), 0) AS cost_usd, coalesce(sum(estimated_usd), 0) AS estimated_usd
    FROM proxy_exchange
    WHERE id >= nexus_uuid_floor(%(lowest)s) AND id < nexus_uuid_floor(%(highest)s)
        AND started_at >= %(start)s AND started_at < %(end)s AND (cost_usd <> 0 OR estimated_usd <> 0)
    GROUP BY 1, 2, 3, 4
), counted AS (
    SELECT {_KEY}, cost_usd, estimated_usd FROM proxy_spend
    WHERE day >= (%(start)s AT TIME ZONE 'UTC')::date AND day < (%(end)s AT TIME ZONE 'UTC')::date
), difference AS (
    SELECT {_KEY}, coalesce(stated.cost_usd, 0) - coalesce(counted.cost_usd, 0) AS cost_usd,
        coalesce(stated.estimated_usd, 0) - coalesce(counted.estimated_usd, 0) AS estimated_usd
    FROM stated FULL JOIN counted USING ({_KEY})
)
SELECT {_KEY}, cost_usd, estimated_usd FROM difference
WHERE (cost_usd <> 0 OR estimated_usd <> 0) AND %(domain)s IN ('', domain) ORDER BY {_KEY}
"""  # noqa: S608 - our names
# Without waiting, as rebuild does with rollups.
_SWEEP = """
DELETE FROM proxy_spend WHERE id IN (
    SELECT id FROM proxy_spend
    WHERE day >= (%(start)s AT TIME ZONE 'UTC')::date AND day < (%(end)s AT TIME ZONE 'UTC')::date
        AND cost_usd = 0 AND estimated_usd = 0 FOR UPDATE SKIP LOCKED
)
"""

Found = dict[spend.Key, spend.Usd]


def whole_days(window: Window) -> Window:
    """What of a window are whole days (UTC), since a sum of spending knows nothing finer; it may be empty."""
    return Window(_midnight(window.start + _DAY - timedelta.resolution), _midnight(window.end), window.domain)


def compare(window: Window) -> Found:
    """What the sums of the whole days in a window have to gain, USD for each key."""
    days = whole_days(window)
    if days.start >= days.end:
        return {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WORK_MEM)
        cursor.execute(_COMPARE, days.parameters)
        return {tuple(key): spend.Usd(cost, estimated) for *key, cost, estimated in cursor.fetchall()}


def by_day(found: Found) -> Iterator[Difference]:
    """The days that differ, the earliest first."""
    for day, keys in groupby(sorted(found), key=_day_of):
        parts = [found[key] for key in keys]
        sums = zip(("cost_usd", "estimated_usd"), map(sum, zip(*parts, strict=True)), strict=True)
        yield Difference(day, len(parts), {name: total for name, total in sums if total})


def apply(found: Found) -> None:
    """Mend the sums, a day at a time: ingest waits no longer than for that."""
    for _, keys in groupby(sorted(found), key=_day_of):
        spend.change({key: found[key] for key in keys})


def sweep(window: Window) -> None:
    """Take away the sums of a window that say nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, whole_days(window).parameters)


def _day_of(key: spend.Key) -> date:
    return key[0]


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), moment.tzinfo)
