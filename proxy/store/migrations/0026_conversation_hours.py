from importlib import import_module

from django.db import migrations, models

import proxy.store.models.money

_0022 = import_module("proxy.store.migrations.0022_conversations")
TABLE = "proxy_conversationhour"


def _after(before: str, tables: tuple[str, ...]) -> tuple[str, ...]:
    place = tables.index(before) + 1
    return (*tables[:place], TABLE, *tables[place:])


MONTHLY = _after("proxy_blob", _0022.MONTHLY)
METADATA = _after("proxy_offer", _0022.METADATA)

# Sums follow from the rows beside them: that they are no ids of pinned exchanges is no reason to drop those again.
DROPPABLE = _0022.DROPPABLE.replace(
    "CONTINUE WHEN NOT nexus_has_table(partition || suffix);",
    f"CONTINUE WHEN partition = '{TABLE}' OR NOT nexus_has_table(partition || suffix);",
)
# What is kept of them are the sums of the exchanges that are kept.
_KEEP = import_module("proxy.store.migrations.0023_headers_once").KEEP.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
KEEP = _KEEP.replace(
    "    IF parent <> 'proxy_blob' THEN",
    f"""    IF parent = '{TABLE}' THEN
        RETURN nexus_add_hours(
            kept, NULL, nexus_uuid_floor(first_day::timestamp AT TIME ZONE 'UTC'),
            nexus_uuid_floor((first_day + interval '1 month') AT TIME ZONE 'UTC'), pinned
        );
    END IF;
    IF parent <> 'proxy_blob' THEN""",
)

# `proxy.store.sums.hours` has the same in Python, and makes nexus_add_hours for the sums that there are.
HOURS = """
CREATE FUNCTION nexus_hour_id(exchange uuid, conversation uuid, agent text) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS
$$
    SELECT (lpad(to_hex(ms - ms % 3600000), 12, '0') || left(md5(conversation::text || agent), 20))::uuid
    FROM (SELECT ('x' || translate(left(exchange::text, 13), '-', ''))::bit(48)::bigint AS ms) AS moment
$$;

-- Counts the hours from that of one exchange to that of another anew. Whoever adds to them holds the row of the conversation.
CREATE FUNCTION nexus_count_hours(wanted uuid[], lowest uuid, highest uuid) RETURNS void LANGUAGE plpgsql AS
$$
DECLARE
    low uuid := (left(nexus_hour_id(lowest, lowest, '')::text, 13) || '-0000-0000-000000000000')::uuid;
    high uuid := (left(highest::text, 13) || '-ffff-ffff-ffffffffffff')::uuid;
BEGIN
    EXECUTE format(
        'DELETE FROM proxy_conversationhour WHERE conversation = ANY ($1) AND id >= %L AND id < %L', low, high
    ) USING wanted;
    PERFORM nexus_add_hours('proxy_conversationhour', wanted, low, high, NULL);
END
$$;
"""
# Months that go take their hours with them, and those beside them stay as they are.
COUNT = _0022.COUNT.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
COUNT_HOURS = COUNT.replace(
    "    -- Its bounds are constants",
    """    IF low = high AND lowest IS NOT NULL THEN
        PERFORM nexus_count_hours(wanted, lowest, highest);
    END IF;
    -- Its bounds are constants""",
)
# What is stored already gets its sums by a rebuild, which needs the tables of its months.
EXISTING = r"""
SELECT nexus_ensure_month(to_date(right(relid::text, 7), 'YYYY_MM')) FROM pg_partition_tree('proxy_exchange')
WHERE relid::text ~ '_\d{4}_\d{2}$'
"""
FORGET = """
DROP FUNCTION IF EXISTS nexus_add_hours(text, uuid[], uuid, uuid, uuid[]);
DROP FUNCTION nexus_count_hours(uuid[], uuid, uuid);
DROP FUNCTION nexus_hour_id(uuid, uuid, text);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0025_histograms"),
    ]

    operations = [
        migrations.CreateModel(
            name="ConversationHour",
            fields=[
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_write_tokens", models.BigIntegerField(default=0)),
                ("cost_usd", proxy.store.models.money.UsdField(decimal_places=12, default=0, max_digits=36)),
                ("requests", models.BigIntegerField(default=0)),
                ("errors", models.BigIntegerField(default=0)),
                ("unpriced", models.BigIntegerField(default=0)),
                ("partial", models.BigIntegerField(default=0)),
                ("notional", models.BigIntegerField(db_default=0, default=0)),
                ("duration_ms", models.BigIntegerField(default=0)),
                ("tool_calls", models.BigIntegerField(default=0)),
                ("stored", models.BigIntegerField(default=0)),
                ("kept_bytes", models.BigIntegerField(default=0)),
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("conversation", models.UUIDField()),
                ("agent", models.CharField(max_length=120)),
                ("domain", models.CharField(max_length=260)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.RunSQL(_0022.PARTITION.format(table=TABLE), migrations.RunSQL.noop),
        migrations.AddIndex(
            "conversationhour", models.Index(fields=["conversation", "id"], name="conversation_hour")
        ),
        migrations.RunSQL(
            HOURS + COUNT_HOURS + KEEP + DROPPABLE + _0022.months(MONTHLY, _0022.BODIES, METADATA),
            _0022.months(_0022.MONTHLY, _0022.BODIES, _0022.METADATA)
            + _0022.DROPPABLE
            + _KEEP
            + COUNT
            + FORGET,
        ),
        migrations.RunSQL(EXISTING, migrations.RunSQL.noop),
    ]
