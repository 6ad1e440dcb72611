"""The index that finds what was priced by an older rule; month by month, so that ingest goes on meanwhile."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAME = "exchange_older_rule"
_WHERE = "price_rule < 1 AND usage IS NOT NULL"
_PARTITIONS = """
SELECT relid::regclass::text FROM pg_partition_tree('proxy_exchange') WHERE isleaf ORDER BY 1
"""


def build(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """It may be begun again: an index that an earlier try left half made is made anew."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {NAME} ON ONLY proxy_exchange (id) WHERE {_WHERE}")
        cursor.execute(_PARTITIONS)
        for (partition,) in cursor.fetchall():
            index = f"{partition}_older_rule"
            cursor.execute("SELECT 1 FROM pg_inherits WHERE inhrelid = to_regclass(%s)", [index])
            if cursor.fetchone():
                continue
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
            cursor.execute(f"CREATE INDEX CONCURRENTLY {index} ON {partition} (id) WHERE {_WHERE}")
            cursor.execute(f"ALTER INDEX {NAME} ATTACH PARTITION {index}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("proxy", "0018_domain_notional")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunPython(
                    build, lambda apps, schema_editor: schema_editor.execute(f"DROP INDEX {NAME}")
                )
            ],
            [
                migrations.AddIndex(
                    model_name="exchange",
                    index=models.Index(
                        fields=["id"],
                        name=NAME,
                        condition=models.Q(("price_rule__lt", 1), ("usage__isnull", False)),
                    ),
                )
            ],
        )
    ]
