"""The functions by which each change of an hour is added to its day, made for the sums and histograms that both tables have.

Migration 0011 made the triggers that call them. A column that came later is added here after `migrate`, so that nobody writes these
functions again for it.
"""

from collections.abc import Sequence

from django.db import connection

from proxy.histograms import HISTOGRAMS

KEY = ("domain", "account", "model", "request_type")
_BUCKETS = {histogram.name: histogram.buckets for histogram in HISTOGRAMS}
# What a statement added to the hours, and what it took away.
_CHANGES = {
    "insert": "SELECT 1 AS sign, * FROM added",
    "update": "SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed",
    "delete": "SELECT -1 AS sign, * FROM removed",
}
_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass('proxy_dayrollup') AND attnum > 0 AND NOT attisdropped AND attname <> ALL(%s) ORDER BY attnum
"""
_SOURCE = "SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure(%s)"
# Where another one changes the hours of a day at the same time, it waits until this one's commit.
LOCK_DAY = "SELECT pg_advisory_xact_lock(hashtext('nexus_days'), %s::date - date '2000-01-01')"


def follow() -> None:
    """Make the functions anew where they do not add every column; nothing in a database from before there were days."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [["id", "day", *KEY]])
        names = [name for (name,) in cursor.fetchall()]
        for event in _CHANGES:
            cursor.execute(_SOURCE, [f"nexus_days_after_{event}()"])
            found, body = cursor.fetchone(), _body(event, names)
            if found and found != (body,):
                cursor.execute(_function(event, body))


def summed(name: str, weight: str = "1") -> str:
    """The sum of a column over rows, of histograms bucket by bucket; each row counts `weight` times."""
    if name not in _BUCKETS:
        return f"sum({weight} * {name})"
    each = (f"coalesce(sum({weight} * {name}[{place}]), 0)" for place in range(1, _BUCKETS[name] + 1))
    return f"ARRAY[{', '.join(each)}]::bigint[]"


def _function(event: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION nexus_days_after_{event}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $${body}$$"
    )


def _added(name: str) -> str:
    if name not in _BUCKETS:
        return f"{name} = total.{name} + excluded.{name}"
    return (
        f"{name} = ARRAY(SELECT coalesce(pair.mine, 0) + coalesce(pair.more, 0) FROM unnest(total.{name}, excluded.{name})"  # noqa: S608
        " WITH ORDINALITY AS pair (mine, more, place) ORDER BY pair.place)"
    )


def _body(event: str, names: Sequence[str]) -> str:
    """Whoever changes a day has it alone until the commit: one upsert updates and then inserts, each with its own order of keys."""
    key, columns, changes = ", ".join(KEY), ", ".join(names), _CHANGES[event]
    return f"""
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('nexus_days'), day - date '2000-01-01')
    FROM (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM ({changes}) AS changed ORDER BY 1) AS days;
    INSERT INTO proxy_dayrollup AS total (day, {key}, {columns})
    SELECT (hour AT TIME ZONE 'UTC')::date, {key}, {", ".join(summed(name, "sign") for name in names)}
    FROM ({changes}) AS changed GROUP BY 1, {key}
    ON CONFLICT (day, {key}) DO UPDATE SET {", ".join(map(_added, names))};
    RETURN NULL;
END
"""  # noqa: S608 - names of columns
