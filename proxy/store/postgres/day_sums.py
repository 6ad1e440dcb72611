"""The functions by which each change of an hour is added to its day, made for the sums that both tables have.

Migration 0011 made the triggers that call them. A sum that came later is added here after `migrate`, so that nobody writes these
functions again for it.
"""

from collections.abc import Sequence

from django.db import connection

_KEY = ("domain", "account", "model", "request_type")
# What a statement added to the hours, and what it took away.
_CHANGES = {
    "insert": "SELECT 1 AS sign, * FROM added",
    "update": "SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed",
    "delete": "SELECT -1 AS sign, * FROM removed",
}
_SUMS = """
SELECT attname FROM pg_attribute
WHERE attrelid = to_regclass('proxy_dayrollup') AND attnum > 0 AND NOT attisdropped AND attname <> ALL(%s) ORDER BY attnum
"""
_SOURCE = "SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure(%s)"


def follow() -> None:
    """Make the functions anew where they do not add every sum; nothing in a database from before there were days."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [["id", "day", *_KEY]])
        sums = [name for (name,) in cursor.fetchall()]
        for event in _CHANGES:
            cursor.execute(_SOURCE, [f"nexus_days_after_{event}()"])
            found, body = cursor.fetchone(), _body(event, sums)
            if found and found != (body,):
                cursor.execute(_function(event, body))


def _function(event: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION nexus_days_after_{event}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $${body}$$"
    )


def _body(event: str, sums: Sequence[str]) -> str:
    """Whoever changes a day has it alone until the commit: one upsert updates and then inserts, each with its own order of keys."""
    key, names, changes = ", ".join(_KEY), ", ".join(sums), _CHANGES[event]
    return f"""
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('nexus_days'), day - date '2000-01-01')
    FROM (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM ({changes}) AS changed ORDER BY 1) AS days;
    INSERT INTO proxy_dayrollup AS total (day, {key}, {names})
    SELECT (hour AT TIME ZONE 'UTC')::date, {key}, {", ".join(f"sum(sign * {name})" for name in sums)}
    FROM ({changes}) AS changed GROUP BY 1, {key}
    ON CONFLICT (day, {key}) DO UPDATE SET {", ".join(f"{name} = total.{name} + excluded.{name}" for name in sums)};
    RETURN NULL;
END
"""  # noqa: S608 - names of columns
