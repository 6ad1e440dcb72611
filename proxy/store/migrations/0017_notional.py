"""In the order in which a worker writes the two tables: a day follows its hours by a trigger."""

from django.db import migrations, models

import proxy.store.models.money

KEY = ("domain", "account", "model", "request_type")
SUMS = (
    "requests",
    "stored",
    "errors",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "tool_calls",
    "cost_usd",
    "unpriced",
    "partial",
    "duration_ms",
    "kept_bytes",
    "notional",
)
# As in 0011, with one sum more.
CHANGES = {
    "insert": "SELECT 1 AS sign, * FROM added",
    "update": "SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed",
    "delete": "SELECT -1 AS sign, * FROM removed",
}


def follow(event: str, sums: tuple[str, ...]) -> str:
    """The function that adds to a day what an event changed in its hours."""
    key, names = ", ".join(KEY), ", ".join(sums)
    return f"""
CREATE OR REPLACE FUNCTION nexus_days_after_{event}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS
$$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('nexus_days'), day - date '2000-01-01')
    FROM (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM ({CHANGES[event]}) AS changed ORDER BY 1) AS days;
    INSERT INTO proxy_dayrollup AS total (day, {key}, {names})
    SELECT (hour AT TIME ZONE 'UTC')::date, {key}, {", ".join(f"sum(sign * {name})" for name in sums)}
    FROM ({CHANGES[event]}) AS changed GROUP BY 1, {key}
    ON CONFLICT (day, {key}) DO UPDATE SET {", ".join(f"{name} = total.{name} + excluded.{name}" for name in sums)};
    RETURN NULL;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0016_estimates"),
    ]

    operations = [
        migrations.AddField(
            model_name="rollup",
            name="notional",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="rollup",
            name="cost_usd",
            field=proxy.store.models.money.UsdField(decimal_places=12, default=0, max_digits=36),
        ),
        migrations.AddField(
            model_name="dayrollup",
            name="notional",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="dayrollup",
            name="cost_usd",
            field=proxy.store.models.money.UsdField(decimal_places=12, default=0, max_digits=36),
        ),
        *(
            migrations.RunSQL(
                follow(event, SUMS), follow(event, tuple(one for one in SUMS if one != "notional"))
            )
            for event in CHANGES
        ),
    ]
