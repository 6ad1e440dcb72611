"""Saved views: a small table of its own, which nothing writes but the dashboard."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("dashboard", "0002_stop_streams"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("page", models.CharField(max_length=40)),
                ("query", models.CharField(max_length=2000)),
                ("is_shared", models.BooleanField(default=False)),
                ("is_default", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["page", "name"], name="saved_view_page")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("owner", "page", "name"), name="saved_view_name", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("owner__isnull", False), ("is_shared", True), _connector="OR"),
                        name="saved_view_owned",
                    ),
                ],
            },
        ),
    ]
