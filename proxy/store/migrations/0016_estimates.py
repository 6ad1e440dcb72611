from django.db import migrations

import proxy.store.models.money


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0015_bills"),
    ]

    operations = [
        migrations.AddField(
            model_name="spend",
            name="estimated_usd",
            field=proxy.store.models.money.UsdField(
                db_default=0, decimal_places=12, default=0, max_digits=36
            ),
        ),
        migrations.AlterField(
            model_name="spend",
            name="cost_usd",
            field=proxy.store.models.money.UsdField(decimal_places=12, max_digits=36),
        ),
    ]
