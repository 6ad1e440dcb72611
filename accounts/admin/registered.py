"""Where operators manage domains, their credentials, their client keys and Slack."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.browser_login import BrowserLogin
from accounts.admin.credential_actions import CredentialActions
from accounts.admin.credential_columns import CredentialColumns
from accounts.admin.credential_state import StateField, StateFilter
from accounts.admin.key_actions import KeyActions
from accounts.admin.key_issuer import KeyIssuer
from accounts.admin.key_list import KeyColumns, RevokedFilter, uses_of
from accounts.admin.limits import LimitInline
from accounts.admin.secret_forms import SecretModelForm
from accounts.admin.secrets import SecretsAdmin
from accounts.admin.tolerant_pages import TolerantPages
from accounts.credentials.sealed import SECRETS
from accounts.models import ClientKey, Credential, Domain


class DomainForm(SecretModelForm):
    """A Slack webhook is an https address."""

    def clean_slack_webhook_url(self) -> str:
        typed: str = self.cleaned_data["slack_webhook_url"]
        if typed and typed != "-" and not typed.startswith("https://"):
            raise ValidationError("Give an address that starts with https://, as Slack shows it.")
        return typed


class CredentialForm(SecretModelForm):
    """A credential holds what its kind says; new secrets end the wait for a login."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Compared with what the page showed: a refresh meanwhile moved the end, and nobody typed the old one.
        if "expires_at" in self.fields:
            self.fields["expires_at"].show_hidden_initial = True

    def columns_to_save(self) -> set[str]:
        columns = super().columns_to_save()
        if any(self.cleaned_data.get(name) for name in columns & set(SECRETS)):
            columns |= self.instance.forget_failures()
        return columns

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("kind") == Credential.Kind.API_KEY and not data.get("api_key"):
            self.add_error("api_key", "An API key credential needs its key (sk-ant-api…).")
        if data.get("kind") == Credential.Kind.OAUTH and not (
            data.get("access_token") or data.get("refresh_token")
        ):
            self.add_error("access_token", "OAuth needs an access token, a refresh token, or both.")
        return data


CREDENTIAL_FIELDS = (
    ("name", "kind", "enabled"),
    ("account_id", "is_max"),
    "api_key",
    "access_token",
    "refresh_token",
    "expires_at",
    "shown_state",
    ("last_refresh_at", "last_error"),
)


class CredentialInline(SecretsAdmin, StateField, admin.StackedInline[Credential, Domain]):
    model = Credential
    form = CredentialForm
    extra = 0
    can_delete = False  # on its own page, which knows whether it paid
    fields = CREDENTIAL_FIELDS
    readonly_fields = ("shown_state", "last_refresh_at", "last_error")


KEY_DATES = ("key_hint", "created_at", "rotated_at", "last_used_at", "revoked_at")


class ClientKeyInline(KeyColumns, admin.StackedInline[ClientKey, Domain]):
    model = ClientKey
    extra = 0
    can_delete = False
    fields = (("state", "name", "owner"), "expires_at", KEY_DATES)
    readonly_fields = ("state", *KEY_DATES)
    verbose_name_plural = "Client keys (a new one is shown once, after saving)"


@admin.register(Domain)
class DomainAdmin(SecretsAdmin, TolerantPages, KeyIssuer):
    form = DomainForm
    list_display = ("name", "credential_count", "key_count", "slack_enabled", "created_at")
    search_fields = ("name",)
    inlines = (CredentialInline, ClientKeyInline, LimitInline)
    fieldsets = (
        (None, {"fields": ("name",)}),
        (
            "Slack",
            {
                "classes": ("collapse",),
                "fields": (
                    "slack_enabled",
                    "slack_webhook_url",
                    ("slack_channel", "slack_username", "slack_icon_emoji"),
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Domain]:
        rows: QuerySet[Domain] = super().get_queryset(request)
        enabled, unrevoked = models.Q(credentials__enabled=True), models.Q(client_keys__revoked_at=None)
        return rows.defer("slack_webhook_url").annotate(
            credentials_found=models.Count("credentials", filter=enabled, distinct=True),
            keys_found=models.Count("client_keys", filter=unrevoked, distinct=True),
        )

    @admin.display(description="Credentials", ordering="credentials_found")
    def credential_count(self, domain: Any) -> int:
        return int(domain.credentials_found)

    @admin.display(description="Client keys", ordering="keys_found")
    def key_count(self, domain: Any) -> int:
        return int(domain.keys_found)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """A domain is deleted with its client keys, which by themselves are only revoked."""
        found, counts, lacking, protected = super().get_deleted_objects(objs, request)
        if request.user.has_perm("accounts.delete_clientkey"):
            lacking -= {ClientKey._meta.verbose_name}
        return found, counts, lacking, protected

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        if formset.model is not ClientKey:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)
        for key in formset.new_objects:
            self.issue(request, key)
        for key, names in formset.changed_objects:
            key.save(update_fields=names)
        formset.save_m2m()


@admin.register(Credential)
class CredentialAdmin(
    SecretsAdmin, StateField, TolerantPages, CredentialColumns, CredentialActions, BrowserLogin
):
    form = CredentialForm
    list_display = ("name", "condition", "domain", "masked", "limits", "ends", "used", "trouble")
    list_filter = ("kind", StateFilter, "enabled")
    search_fields = ("name", "domain__name", "account_id")
    autocomplete_fields = ("domain",)
    fields = ("domain", *CREDENTIAL_FIELDS)
    readonly_fields = ("shown_state", "last_refresh_at", "last_error")


@admin.register(ClientKey)
class ClientKeyAdmin(TolerantPages, KeyColumns, KeyActions):
    inlines = (LimitInline,)
    list_display = ("state", "name", "domain", "owner", "key_hint", "limits", "expires_at", *KEY_DATES[1:])
    list_display_links = ("name",)
    list_filter = (RevokedFilter,)
    search_fields = ("name", "owner", "domain__name")
    autocomplete_fields = ("domain",)
    fieldsets = (
        (
            None,
            {
                "fields": ("state", "limits", "domain", "name", "owner", "expires_at", KEY_DATES),
                "description": "A key is never deleted, as records name it: revoke it from the list, and it opens nothing.",
            },
        ),
    )
    readonly_fields = ("state", "limits", *KEY_DATES)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClientKey]:
        rows: QuerySet[ClientKey] = super().get_queryset(request)
        return rows.select_related("domain").defer("domain__slack_webhook_url")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The page's lines, each with what is used of its limits, asked for all of them at once."""
        changes = super().get_changelist_instance(request)
        rows: list[Any] = list(changes.result_list)
        known = uses_of(rows)
        for row in rows:
            row.uses = known.get(row.pk, [])
        changes.result_list = rows
        return changes

    def has_delete_permission(self, request: HttpRequest, obj: ClientKey | None = None) -> bool:
        """A key is revoked: records and sums go on naming it, and its domain goes on asking for one."""
        return False

    def save_model(self, request: HttpRequest, obj: ClientKey, form: Any, change: bool) -> None:
        if change:
            # What was revoked or rotated since the page was read stays so.
            obj.save(update_fields=form.changed_data)
        else:
            self.issue(request, obj)
