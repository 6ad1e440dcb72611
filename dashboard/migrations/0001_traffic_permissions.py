from typing import Any

from django.db import migrations, models

# Who had staff rights saw everything so far, and goes on seeing it.
PERMISSIONS = (
    ("view_figures", "Can see the dashboard: figures, lists, live requests, limits"),
    ("read_bodies", "Can read requests and responses: conversations, headers, exact bytes"),
)


def give_to_staff(apps: Any, schema_editor: Any) -> None:
    using = schema_editor.connection.alias
    kind, _ = (
        apps.get_model("contenttypes", "ContentType")
        .objects.using(using)
        .get_or_create(app_label="dashboard", model="traffic")
    )
    rows = apps.get_model("auth", "Permission").objects.using(using)
    # Django makes permissions after all migrations; what is there already it leaves alone.
    permissions = [
        rows.get_or_create(content_type=kind, codename=codename, defaults={"name": name})[0]
        for codename, name in PERMISSIONS
    ]
    for user in apps.get_model("auth", "User").objects.using(using).filter(is_staff=True, is_active=True):
        user.user_permissions.add(*permissions)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Traffic",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
            ],
            options={"managed": False, "default_permissions": (), "permissions": PERMISSIONS},
        ),
        migrations.RunPython(give_to_staff, migrations.RunPython.noop),
    ]
