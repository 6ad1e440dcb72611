from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0013_prices"),
    ]

    operations = [
        migrations.CreateModel(
            name="ResultsReader",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("next_byte", models.BigIntegerField()),
                ("state", models.BinaryField()),
                ("touched_at", models.DateTimeField()),
            ],
            options={"default_permissions": ()},
        ),
        migrations.AddField(
            model_name="exchangebody",
            name="request_not_kept",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="exchangebody",
            name="response_not_kept",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
