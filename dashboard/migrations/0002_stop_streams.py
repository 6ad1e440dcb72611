from typing import Any

from django.db import migrations

PERMISSIONS = (
    ("view_figures", "Can see the dashboard: figures, lists, live requests, limits"),
    ("read_bodies", "Can read requests and responses: conversations, headers, exact bytes"),
    ("stop_streams", "Can stop requests under way and whole sessions"),
)


def give_to_operators(apps: Any, schema_editor: Any) -> None:
    """Who revokes keys and disables credentials can end anybody's work already; a new installation's group has it from the start."""
    using = schema_editor.connection.alias
    kind = apps.get_model("contenttypes", "ContentType").objects.using(using)
    traffic, _ = kind.get_or_create(app_label="dashboard", model="traffic")
    codename, name = PERMISSIONS[-1]
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(using)
        .get_or_create(content_type=traffic, codename=codename, defaults={"name": name})
    )
    for group in apps.get_model("auth", "Group").objects.using(using).filter(name="operator"):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0001_traffic_permissions")]

    operations = [
        migrations.AlterModelOptions(
            name="traffic",
            options={"managed": False, "default_permissions": (), "permissions": PERMISSIONS},
        ),
        migrations.RunPython(give_to_operators, migrations.RunPython.noop),
    ]
