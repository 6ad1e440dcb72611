"""One table of the record a migration: whoever held the locks of two could wait in a circle with a worker that stores."""

from django.db import migrations, models

import proxy.store.models.money


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0014_large_results"),
    ]

    operations = [
        migrations.AddField(
            model_name="exchange",
            name="attempts",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="exchange",
            name="bill_to",
            field=models.CharField(db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="exchange",
            name="billed",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="exchange",
            name="cost_reason",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="exchange",
            name="error_code",
            field=models.CharField(db_default="", default="", max_length=120),
        ),
        migrations.AddField(
            model_name="exchange",
            name="estimated_usd",
            field=proxy.store.models.money.UsdField(decimal_places=12, max_digits=36, null=True),
        ),
        migrations.AddField(
            model_name="exchange",
            name="fallback_from",
            field=models.CharField(db_default="", default="", max_length=120),
        ),
        migrations.AddField(
            model_name="exchange",
            name="inference_geo",
            field=models.CharField(db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="exchange",
            name="input_transformations",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="exchange",
            name="max_tokens",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="exchange",
            name="price_rule",
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="exchange",
            name="service_tier",
            field=models.CharField(db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="exchange",
            name="speed",
            field=models.CharField(db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="exchange",
            name="stop_details",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="exchange",
            name="thinking_tokens",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="exchange",
            name="cost_usd",
            field=proxy.store.models.money.UsdField(decimal_places=12, max_digits=36, null=True),
        ),
    ]
