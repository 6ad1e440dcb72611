import django.contrib.postgres.fields
from django.db import migrations, models

# Every traffic table is turned into one that is partitioned by month before anything is in it; Django knows no such tables.
PARTITIONED = {
    "proxy_exchange": "id",
    "proxy_exchangebody": "id",
    "proxy_receipt": "id",
    "proxy_blob": "month",
}
PARTITION = """
ALTER TABLE {table} RENAME TO {table}_plain;
CREATE TABLE {table} (LIKE {table}_plain INCLUDING ALL) PARTITION BY RANGE ({key});
DROP TABLE {table}_plain;
"""

# Only the tables' owner may create partitions, and the worker's role is not the owner: hence SECURITY DEFINER.
# A new partition locks its parent: the parents come in the order in which ingest writes them, or both would wait for each other.
ENSURE_MONTH = """
ALTER TABLE proxy_blob ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE FUNCTION nexus_uuid_floor(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;

CREATE FUNCTION nexus_ensure_month(wanted date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
$$
DECLARE
    first_day date := date_trunc('month', wanted)::date;
    next_month date := (first_day + interval '1 month')::date;
    suffix text := to_char(first_day, '_YYYY_MM');
    parent text;
    low text;
    high text;
BEGIN
    IF to_regclass('proxy_blob' || suffix) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('nexus_ensure_month'));
    low := nexus_uuid_floor(first_day::timestamp AT TIME ZONE 'UTC')::text;
    high := nexus_uuid_floor(next_month::timestamp AT TIME ZONE 'UTC')::text;
    FOREACH parent IN ARRAY ARRAY['proxy_receipt', 'proxy_exchange', 'proxy_exchangebody'] LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', parent || suffix, parent, low, high);
    END LOOP;
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF proxy_blob FOR VALUES FROM (%L) TO (%L)', 'proxy_blob' || suffix, first_day, next_month
    );
END
$$;
"""
FORGET_MONTHS = "DROP FUNCTION nexus_ensure_month(date); DROP FUNCTION nexus_uuid_floor(timestamptz);"


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Blob",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "month", "digest", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("month", models.DateField()),
                ("digest", models.BinaryField()),
                ("data", models.BinaryField()),
                ("size", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="DomainTotal",
            fields=[
                ("requests", models.BigIntegerField(default=0)),
                ("stored", models.BigIntegerField(default=0)),
                ("errors", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_write_tokens", models.BigIntegerField(default=0)),
                ("tool_calls", models.BigIntegerField(default=0)),
                ("cost_usd", models.DecimalField(decimal_places=10, default=0, max_digits=24)),
                ("unpriced", models.BigIntegerField(default=0)),
                ("partial", models.BigIntegerField(default=0)),
                ("duration_ms", models.BigIntegerField(default=0)),
                ("domain", models.CharField(max_length=260, primary_key=True, serialize=False)),
                ("query_evaluations", models.BigIntegerField(default=0)),
                ("inferences", models.BigIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ExchangeBody",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("request_headers", models.JSONField()),
                ("response_headers", models.JSONField()),
                (
                    "request_pieces",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BinaryField(), size=None),
                ),
                (
                    "response_pieces",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BinaryField(), size=None),
                ),
                ("request_dropped", models.BooleanField()),
                ("response_dropped", models.BooleanField()),
                ("chunks", models.BinaryField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("spool", models.UUIDField()),
                ("serial", models.BigIntegerField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Spool",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("accepted", models.BigIntegerField(default=0)),
                ("dropped", models.BigIntegerField(default=0)),
                ("stored", models.BigIntegerField(default=0)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Exchange",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("spool", models.UUIDField()),
                ("serial", models.BigIntegerField()),
                ("domain", models.CharField(max_length=260)),
                ("account", models.CharField(max_length=255)),
                ("paid_by", models.CharField(max_length=300)),
                ("passed_over", models.CharField(max_length=600)),
                ("client_key", models.CharField(max_length=255)),
                ("client_address", models.CharField(max_length=64)),
                ("method", models.CharField(max_length=32)),
                ("path", models.TextField()),
                ("query", models.TextField()),
                ("model", models.CharField(max_length=120)),
                ("request_type", models.CharField(max_length=24)),
                ("streamed", models.BooleanField()),
                ("outcome", models.CharField(max_length=16)),
                ("status", models.SmallIntegerField()),
                ("error_type", models.CharField(max_length=80)),
                ("error_message", models.TextField()),
                ("stop_reason", models.CharField(max_length=40)),
                ("first_byte_ms", models.IntegerField(null=True)),
                ("duration_ms", models.IntegerField()),
                ("input_tokens", models.BigIntegerField(null=True)),
                ("output_tokens", models.BigIntegerField(null=True)),
                ("cache_read_tokens", models.BigIntegerField(null=True)),
                ("cache_write_tokens", models.BigIntegerField(null=True)),
                ("usage", models.JSONField(null=True)),
                ("cost_usd", models.DecimalField(decimal_places=10, max_digits=18, null=True)),
                ("cost_state", models.CharField(max_length=10)),
                ("price_id", models.BigIntegerField(null=True)),
                ("tool_calls", models.IntegerField()),
                (
                    "tool_names",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None),
                ),
                ("session_id", models.CharField(max_length=120)),
                ("agent_id", models.CharField(max_length=120)),
                ("parent_agent_id", models.CharField(max_length=120)),
                ("user_id", models.CharField(max_length=255)),
                ("message_id", models.CharField(max_length=120)),
                ("upstream_request_id", models.CharField(max_length=120)),
                ("request_bytes", models.BigIntegerField()),
                ("response_bytes", models.BigIntegerField()),
            ],
            options={
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("model", models.CharField(max_length=120)),
                ("valid_from", models.DateTimeField()),
                ("input", models.DecimalField(decimal_places=6, max_digits=12)),
                ("output", models.DecimalField(decimal_places=6, max_digits=12)),
                ("cache_read", models.DecimalField(decimal_places=6, max_digits=12)),
                ("cache_write_5m", models.DecimalField(decimal_places=6, max_digits=12)),
                ("cache_write_1h", models.DecimalField(decimal_places=6, max_digits=12)),
                ("web_search", models.DecimalField(decimal_places=6, default=10, max_digits=12)),
            ],
            options={
                "ordering": ("model", "-valid_from"),
                "constraints": [
                    models.UniqueConstraint(fields=("model", "valid_from"), name="price_per_model_and_date")
                ],
            },
        ),
        migrations.CreateModel(
            name="Rollup",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("requests", models.BigIntegerField(default=0)),
                ("stored", models.BigIntegerField(default=0)),
                ("errors", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_write_tokens", models.BigIntegerField(default=0)),
                ("tool_calls", models.BigIntegerField(default=0)),
                ("cost_usd", models.DecimalField(decimal_places=10, default=0, max_digits=24)),
                ("unpriced", models.BigIntegerField(default=0)),
                ("partial", models.BigIntegerField(default=0)),
                ("duration_ms", models.BigIntegerField(default=0)),
                ("hour", models.DateTimeField()),
                ("domain", models.CharField(max_length=260)),
                ("account", models.CharField(max_length=255)),
                ("model", models.CharField(max_length=120)),
                ("request_type", models.CharField(max_length=24)),
                (
                    "durations",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["domain", "hour"], name="rollup_domain")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hour", "domain", "account", "model", "request_type"), name="rollup_key"
                    )
                ],
            },
        ),
        *(
            migrations.RunSQL(PARTITION.format(table=table, key=key), migrations.RunSQL.noop)
            for table, key in PARTITIONED.items()
        ),
        migrations.AddIndex("exchange", models.Index(fields=["domain", "-id"], name="exchange_domain")),
        migrations.AddIndex(
            "exchange",
            models.Index(
                condition=models.Q(("session_id", ""), _negated=True),
                fields=["session_id", "id"],
                name="exchange_session",
            ),
        ),
        migrations.RunSQL(ENSURE_MONTH, FORGET_MONTHS),
    ]
