from typing import Any

import django.utils.timezone
from django.db import migrations, models


def take_over(apps: Any, schema_editor: Any) -> None:
    """What the admin noted so far, without values: it had none."""
    from django.contrib.admin.models import ADDITION, DELETION, LogEntry  # its words for a message

    using = schema_editor.connection.alias
    entry = apps.get_model("dashboard", "AuditEntry")
    actions = {ADDITION: "added", DELETION: "deleted"}
    rows = apps.get_model("admin", "LogEntry").objects.using(using).order_by("pk")
    made = (
        entry(
            at=row.action_time,
            who=row.user.username,
            via="admin",
            action=actions.get(row.action_flag, "changed"),
            kind=f"{row.content_type.app_label}.{row.content_type.model}" if row.content_type else "",
            object_id=row.object_id or "",
            object_name=row.object_repr[:300],
            message=LogEntry(change_message=row.change_message).get_change_message(),
        )
        for row in rows.select_related("user", "content_type").iterator(1000)
    )
    entry.objects.using(using).bulk_create(made, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [
        ("dashboard", "0004_saved_views"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("who", models.CharField(max_length=150)),
                ("via", models.CharField(max_length=200)),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("added", "Added"),
                            ("changed", "Changed"),
                            ("deleted", "Deleted"),
                            ("signed_in", "Signed in"),
                            ("sign_in_failed", "Sign-in failed"),
                        ],
                        max_length=20,
                    ),
                ),
                ("kind", models.CharField(blank=True, max_length=100)),
                ("object_id", models.TextField(blank=True)),
                ("object_name", models.CharField(blank=True, max_length=300)),
                ("message", models.TextField(blank=True)),
                ("changes", models.JSONField(blank=True, default=list)),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["at", "id"], name="audit_by_time")],
            },
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
