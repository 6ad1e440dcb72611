from django.db import migrations, models

# Each row is written over every eight days, and often within five minutes: with room on its page that touches no index.
ROOM = "ALTER TABLE proxy_windowsample SET (fillfactor = 50)"


class Migration(migrations.Migration):
    dependencies = [
        ("proxy", "0027_tools"),
    ]

    operations = [
        migrations.CreateModel(
            name="WindowSample",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account",
                        "name",
                        "place",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("account", models.CharField(max_length=255)),
                ("name", models.CharField(max_length=60)),
                ("place", models.SmallIntegerField()),
                ("at", models.DateTimeField()),
                ("used", models.FloatField()),
                ("resets_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
    ]
