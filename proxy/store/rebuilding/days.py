"""Days are their hours together: compared as they are, and written anew where they differ.

Triggers keep them so; what is older than a column of theirs is filled here.
"""

from collections.abc import Collection
from datetime import date

from django.db import connection, transaction

from proxy.histograms import HISTOGRAMS
from proxy.metrics import SUMS
from proxy.store.postgres.day_sums import KEY, LOCK_DAY, summed

_NAMES = (*SUMS, *(histogram.name for histogram in HISTOGRAMS))
_COLUMNS = ", ".join((*KEY, *_NAMES))
# A day whose hours were all taken back may keep its row.
_SUMMED = f"""
SELECT {", ".join(KEY)}, {", ".join(f"{summed(name)} AS {name}" for name in _NAMES)} FROM proxy_rollup
WHERE hour >= %(day)s::timestamp AT TIME ZONE 'UTC' AND hour < (%(day)s + 1)::timestamp AT TIME ZONE 'UTC'
GROUP BY {", ".join(KEY)} HAVING {" OR ".join(f"sum({name}) <> 0" for name in SUMS)}
"""  # noqa: S608 - names of columns
_DIFFERS = f"""
WITH summed AS ({_SUMMED}), counted AS (
    SELECT {_COLUMNS} FROM proxy_dayrollup WHERE day = %(day)s AND ({" OR ".join(f"{name} <> 0" for name in SUMS)})
)
SELECT EXISTS ((TABLE summed EXCEPT TABLE counted) UNION ALL (TABLE counted EXCEPT TABLE summed))
"""  # noqa: S608 - names of columns
_FILL = f"INSERT INTO proxy_dayrollup (day, {_COLUMNS}) SELECT %(day)s, * FROM ({_SUMMED}) AS summed"  # noqa: S608


def wrong(days: Collection[date]) -> list[date]:
    """Those that are not their hours together."""
    return [day for day in days if _differs(day)]


def rebuild(days: Collection[date]) -> None:
    """Write these anew. Ingest into one of them waits meanwhile, for milliseconds."""
    for day in days:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCK_DAY, [day])
            cursor.execute("DELETE FROM proxy_dayrollup WHERE day = %(day)s", {"day": day})
            cursor.execute(_FILL, {"day": day})


def _differs(day: date) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERS, {"day": day})
        found: bool = cursor.fetchone() == (True,)
        return found
