"""Two groups to begin with: `operator` manages access, prices and pins, and may stop requests; `analyst` looks at them.

A group is filled once, when it is made. Whatever people change in it afterwards stays.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.db import connections

OPERATOR, ANALYST = "operator", "analyst"
MANAGED = {"accounts": ("domain", "credential", "clientkey", "limit"), "proxy": ("price", "pin")}
TABLES = {"auth_group", "auth_permission", "django_content_type"}
# Permissions on traffic (dashboard.models): figures, which both groups see, and bodies, which somebody gives on purpose.
READING = ["view_figures", "read_bodies"]
STOPPING = "stop_streams"
ACTS = {OPERATOR: ("view", "add", "change", "delete"), ANALYST: ("view",)}


def make_groups(sender: AppConfig, using: str, **_: Any) -> None:
    """Receiver of post_migrate, called once for each app; does nothing in processes without users."""
    if sender.label != "accounts" or not apps.is_installed("django.contrib.auth"):
        return
    # Only now: these modules hold models, and the proxy's own processes do not install them.
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group

    if not set(connections[using].introspection.table_names()) >= TABLES:
        return  # a migration to an earlier state; the next one to the last state comes by here again
    missing = set(ACTS) - set(Group.objects.using(using).values_list("name", flat=True))
    if not missing:
        return
    for label in (*MANAGED, "dashboard"):
        # The permissions of an app are made by a receiver that may come after this one.
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    for name in sorted(missing):
        Group.objects.using(using).create(name=name).permissions.set(_permissions(name, using))


def _permissions(group: str, using: str) -> list[Any]:
    from django.contrib.auth.models import Permission

    names = {
        label: [f"{act}_{model}" for act in ACTS[group] for model in models]
        for label, models in MANAGED.items()
    }
    names["dashboard"] = [*READING[:1], *([STOPPING] if group == OPERATOR else [])]
    return [
        permission
        for label, codenames in names.items()
        for permission in Permission.objects.using(using).filter(
            content_type__app_label=label, codename__in=codenames
        )
    ]
