from typing import Any

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

MANAGE_ACCESS = (
    "manage_access",
    "Can manage who sees what: users, groups, their domains, everybody's tokens, the audit",
)
# Who had all of these could read the audit so far, and goes on.
_HELD = [f"change_{model}" for model in ("domain", "credential", "clientkey", "limit")]


def give_to_managers(apps: Any, schema_editor: Any) -> None:
    using = schema_editor.connection.alias
    kind, _ = (
        apps.get_model("contenttypes", "ContentType")
        .objects.using(using)
        .get_or_create(app_label="dashboard", model="traffic")
    )
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    codename, name = MANAGE_ACCESS
    permission, _ = permissions.get_or_create(content_type=kind, codename=codename, defaults={"name": name})
    held = permissions.filter(content_type__app_label="accounts", codename__in=_HELD)
    for model, field in (("Group", "permissions"), ("User", "user_permissions")):
        for holder in apps.get_model("auth", model).objects.using(using).all():
            if getattr(holder, field).filter(pk__in=held).count() == len(_HELD):
                getattr(holder, field).add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("dashboard", "0002_stop_streams"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="traffic",
            options={
                "managed": False,
                "default_permissions": (),
                "permissions": (
                    ("view_figures", "Can see the dashboard: figures, lists, live requests, limits"),
                    ("read_bodies", "Can read requests and responses: conversations, headers, exact bytes"),
                    ("stop_streams", "Can stop requests under way and whole sessions"),
                    MANAGE_ACCESS,
                ),
            },
        ),
        migrations.CreateModel(
            name="GroupDomains",
            fields=[
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="bound_to",
                        serialize=False,
                        to="auth.group",
                    ),
                ),
                (
                    "names",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=260),
                        help_text="Names such as api.example.com and wildcards such as *.example.com, as domains have them.",
                        size=None,
                        verbose_name="domains",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "verbose_name": "domains that the group is bound to",
                "verbose_name_plural": "domains that the group is bound to",
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(help_text="What it is for.", max_length=100)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[("figures", "Figures"), ("bodies", "Bodies")], max_length=20
                        ),
                        help_text="What it opens, of what its owner may see.",
                        size=None,
                    ),
                ),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("hint", models.CharField(editable=False, max_length=20, verbose_name="begins with")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created"
                    ),
                ),
                (
                    "expires_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Empty: it ends when it is revoked.",
                        null=True,
                        verbose_name="ends",
                    ),
                ),
                (
                    "revoked_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="revoked"),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last used"),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "API token", "default_permissions": ()},
        ),
        migrations.CreateModel(
            name="BodyReading",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("hour", models.DateTimeField()),
                ("who", models.CharField(max_length=150)),
                ("token", models.CharField(max_length=300)),
                ("what", models.CharField(max_length=60)),
                ("about", models.CharField(max_length=300)),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["at", "id"], name="body_reading_by_time")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hour", "who", "token", "what", "about"), name="body_reading_once"
                    )
                ],
            },
        ),
        migrations.RunPython(give_to_managers, migrations.RunPython.noop),
    ]
