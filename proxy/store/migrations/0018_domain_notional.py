from django.db import migrations, models

import proxy.store.models.money


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0017_notional"),
    ]

    operations = [
        migrations.AddField(
            model_name="domaintotal",
            name="notional",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="domaintotal",
            name="cost_usd",
            field=proxy.store.models.money.UsdField(decimal_places=12, default=0, max_digits=36),
        ),
    ]
