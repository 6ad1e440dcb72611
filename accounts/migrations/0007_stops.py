import django.utils.timezone
from django.db import migrations, models

# As in 0002: a stop is part of the access snapshot.
FORWARD = """
CREATE CONSTRAINT TRIGGER nexus_access_changed
    AFTER INSERT OR DELETE OR UPDATE ON accounts_stop
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION nexus_access_changed();
CREATE TRIGGER nexus_access_emptied AFTER TRUNCATE ON accounts_stop
    FOR EACH STATEMENT EXECUTE FUNCTION nexus_access_changed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_rotated_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="Stop",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("domain", models.CharField(max_length=260)),
                ("session_id", models.CharField(blank=True, max_length=120)),
                ("exchange_id", models.UUIDField(blank=True, null=True)),
                ("until", models.DateTimeField(db_index=True)),
                ("stopped_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("stopped_by", models.CharField(editable=False, max_length=150)),
                ("lifted_at", models.DateTimeField(editable=False, null=True)),
                ("lifted_by", models.CharField(blank=True, editable=False, max_length=150)),
            ],
            options={
                "ordering": ("-id",),
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("session_id", ""), _negated=True),
                            ("exchange_id__isnull", False),
                            _connector="OR",
                        ),
                        name="stop_of_something",
                        violation_error_message="Name a session, or the request to stop.",
                    )
                ],
            },
        ),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
    ]
