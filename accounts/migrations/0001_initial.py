import django.db.models.deletion
from django.db import migrations, models

import accounts.fields
import accounts.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="AccessVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.BigIntegerField(default=0)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Domain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=260, unique=True, validators=[accounts.models.validate_domain]
                    ),
                ),
                (
                    "slack_webhook_url",
                    accounts.fields.EncryptedTextField(
                        blank=True, help_text="Wins over the global webhook; https only."
                    ),
                ),
                ("slack_channel", models.CharField(blank=True, max_length=80)),
                ("slack_username", models.CharField(blank=True, max_length=80)),
                ("slack_icon_emoji", models.CharField(blank=True, max_length=80)),
                (
                    "slack_enabled",
                    models.BooleanField(
                        default=True, help_text="Whether this domain's traffic is posted at all."
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="ClientKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("owner", models.CharField(blank=True, max_length=120)),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("hint", models.CharField(editable=False, max_length=8)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "domain",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="client_keys",
                        to="accounts.domain",
                    ),
                ),
            ],
            options={
                "ordering": ("domain", "name"),
            },
        ),
        migrations.CreateModel(
            name="Credential",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(help_text="How people call it, e.g. the account's name.", max_length=80),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("api_key", "API key"), ("oauth", "OAuth tokens")],
                        default="api_key",
                        max_length=10,
                    ),
                ),
                (
                    "account_id",
                    models.CharField(
                        blank=True, help_text="Groups usage by account, e.g. acc_…", max_length=255
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("api_key", accounts.fields.EncryptedTextField(blank=True)),
                ("access_token", accounts.fields.EncryptedTextField(blank=True)),
                ("refresh_token", accounts.fields.EncryptedTextField(blank=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("scopes", models.JSONField(blank=True, default=list)),
                ("is_max", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[("valid", "Valid"), ("needs_login", "Needs login")],
                        default="valid",
                        editable=False,
                        max_length=12,
                    ),
                ),
                ("last_error", models.TextField(blank=True, editable=False)),
                ("last_refresh_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "domain",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="credentials",
                        to="accounts.domain",
                    ),
                ),
            ],
            options={
                "ordering": ("domain", "id"),
                "constraints": [
                    models.UniqueConstraint(fields=("domain", "name"), name="credential_name_per_domain")
                ],
            },
        ),
    ]
