from django.db import migrations, models

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
)
# What a statement added to the hours, and what it took away.
CHANGES = {
    "insert": ("NEW TABLE AS added", "SELECT 1 AS sign, * FROM added"),
    "update": (
        "OLD TABLE AS removed NEW TABLE AS added",
        "SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed",
    ),
    "delete": ("OLD TABLE AS removed", "SELECT -1 AS sign, * FROM removed"),
}
ADD = f"""
INSERT INTO proxy_dayrollup AS total (day, {", ".join(KEY)}, {", ".join(SUMS)})
SELECT (hour AT TIME ZONE 'UTC')::date, {", ".join(KEY)}, {", ".join(f"sum(sign * {name})" for name in SUMS)}
FROM ({{changes}}) AS changed GROUP BY 1, {", ".join(KEY)}
ON CONFLICT (day, {", ".join(KEY)}) DO UPDATE SET {", ".join(f"{name} = total.{name} + excluded.{name}" for name in SUMS)}
"""
# One upsert is an update and then an insert, each with its own order of keys: whoever changes a day has it alone until the commit.
FOLLOW = f"""
CREATE FUNCTION nexus_days_after_{{event}}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
$$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('nexus_days'), day - date '2000-01-01')
    FROM (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM ({{changes}}) AS changed ORDER BY 1) AS days;
    {ADD.strip()};
    RETURN NULL;
END
$$;
CREATE TRIGGER days_after_{{event}} AFTER {{event}} ON proxy_rollup
REFERENCING {{tables}} FOR EACH STATEMENT EXECUTE FUNCTION nexus_days_after_{{event}}();
"""
LEAVE = "DROP TRIGGER days_after_{event} ON proxy_rollup; DROP FUNCTION nexus_days_after_{event}();"


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0010_unpriced"),
    ]

    operations = [
        migrations.CreateModel(
            name="DayRollup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                *((name, models.BigIntegerField(default=0)) for name in SUMS if name != "cost_usd"),
                ("cost_usd", models.DecimalField(decimal_places=10, default=0, max_digits=24)),
                ("day", models.DateField()),
                ("domain", models.CharField(max_length=260)),
                ("account", models.CharField(max_length=255)),
                ("model", models.CharField(max_length=120)),
                ("request_type", models.CharField(max_length=24)),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["domain", "day"], name="day_rollup_domain")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "domain", "account", "model", "request_type"), name="day_rollup_key"
                    )
                ],
            },
        ),
        # A trigger locks its table against writers, so that no hour is missed or added twice.
        *(
            migrations.RunSQL(
                FOLLOW.format(event=event, tables=tables, changes=changes), LEAVE.format(event=event)
            )
            for event, (tables, changes) in CHANGES.items()
        ),
        migrations.RunSQL(
            ADD.format(changes="SELECT 1 AS sign, * FROM proxy_rollup"), migrations.RunSQL.noop
        ),
    ]
