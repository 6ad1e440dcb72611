from importlib import import_module

import django.contrib.postgres.fields
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# What 0.1.0 cannot leave out.
REQUIRED = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search")
# A price counts at the door, so it travels with the access snapshot; see 0002_access_version of accounts.
ACCESS = """
CREATE CONSTRAINT TRIGGER nexus_access_changed AFTER INSERT OR DELETE OR UPDATE ON proxy_price
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nexus_access_changed();
CREATE TRIGGER nexus_access_emptied AFTER TRUNCATE ON proxy_price
    FOR EACH STATEMENT EXECUTE FUNCTION nexus_access_changed();
"""
NO_ACCESS = """
DROP TRIGGER nexus_access_changed ON proxy_price;
DROP TRIGGER nexus_access_emptied ON proxy_price;
"""


def mark_shipped(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A row whose every column is what 0.1.0 began with came with Nexus; what an operator edited or added is the operator's."""
    prices = apps.get_model("proxy", "Price").objects
    for row in import_module("proxy.store.migrations.0002_default_prices").rows():
        prices.filter(**row).update(shipped=True)


def leave_to_older(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """0.1.0 knows no withdrawn price and no unknown rate, and would take what an upgrade added for an operator's."""
    prices = apps.get_model("proxy", "Price").objects
    seeded = {
        (row["model"], row["valid_from"])
        for row in import_module("proxy.store.migrations.0002_default_prices").rows()
    }
    for row in prices.exclude(shipped=False, withdrawn_at=None):
        key = (row.model, row.valid_from)
        operators = prices.filter(
            model=row.model, valid_from=row.valid_from, withdrawn_at=None, shipped=False
        )
        if not row.shipped or key not in seeded or operators.exists():
            row.delete()
    prices.filter(models.Q(*((name, None) for name in REQUIRED), _connector=models.Q.OR)).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0012_spend"),
        ("accounts", "0002_access_version"),
    ]

    operations = [
        migrations.CreateModel(
            name="Repricing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.RemoveConstraint(
            model_name="price",
            name="price_per_model_and_date",
        ),
        migrations.AddField(
            model_name="price",
            name="aliases",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=120),
                blank=True,
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="band_cache_read",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="upper band: cache read, USD per million tokens",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="band_cache_write_1h",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="upper band: cache write for 1 hour, USD per million tokens",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="band_cache_write_5m",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="upper band: cache write for 5 minutes, USD per million tokens",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="band_input",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="upper band: input, USD per million tokens",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="band_output",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="upper band: output, USD per million tokens",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="band_over_tokens",
            field=models.BigIntegerField(
                blank=True, null=True, verbose_name="upper band: prompts over so many tokens"
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="batch_factor",
            field=models.DecimalField(
                db_default="0.5",
                decimal_places=4,
                default="0.5",
                max_digits=8,
                verbose_name="batches, factor",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="changed_at",
            field=models.DateTimeField(auto_now=True, null=True),
        ),
        migrations.AddField(
            model_name="price",
            name="fast_factor",
            field=models.DecimalField(
                blank=True,
                decimal_places=4,
                help_text="Multiplies all rates of fast answers; empty: no fast mode.",
                max_digits=8,
                null=True,
                verbose_name="fast mode, factor",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="read_on",
            field=models.DateField(blank=True, null=True, verbose_name="source read on"),
        ),
        migrations.AddField(
            model_name="price",
            name="shipped",
            field=models.BooleanField(
                db_default=False, default=False, editable=False, verbose_name="came with Nexus"
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="source",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="price",
            name="us_factor",
            field=models.DecimalField(
                blank=True,
                decimal_places=4,
                help_text="Multiplies token rates; empty: no such choice.",
                max_digits=8,
                null=True,
                verbose_name="US inference, factor",
            ),
        ),
        migrations.AddField(
            model_name="price",
            name="valid_to",
            field=models.DateTimeField(blank=True, null=True, verbose_name="valid to, exclusive (UTC)"),
        ),
        migrations.AddField(
            model_name="price",
            name="withdrawn_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="withdrawn"),
        ),
        migrations.AlterField(
            model_name="price",
            name="cache_read",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="cache read, USD per million tokens",
            ),
        ),
        migrations.AlterField(
            model_name="price",
            name="cache_write_1h",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="cache write for 1 hour, USD per million tokens",
            ),
        ),
        migrations.AlterField(
            model_name="price",
            name="cache_write_5m",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="cache write for 5 minutes, USD per million tokens",
            ),
        ),
        migrations.AlterField(
            model_name="price",
            name="input",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="input, USD per million tokens",
            ),
        ),
        migrations.AlterField(
            model_name="price",
            name="output",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                max_digits=12,
                null=True,
                verbose_name="output, USD per million tokens",
            ),
        ),
        migrations.AlterField(
            model_name="price",
            name="valid_from",
            field=models.DateTimeField(verbose_name="valid from (UTC)"),
        ),
        migrations.AlterField(
            model_name="price",
            name="web_search",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                default=10,
                max_digits=12,
                null=True,
                verbose_name="web search, USD per 1,000 searches",
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=models.UniqueConstraint(
                condition=models.Q(("withdrawn_at", None)),
                fields=("model", "valid_from"),
                name="price_per_model_and_date",
                violation_error_message="There is a price of this model from this date on: choose another date.",
            ),
        ),
        migrations.RunPython(mark_shipped, leave_to_older),
        migrations.RunSQL(ACCESS, NO_ACCESS),
    ]
