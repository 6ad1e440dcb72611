"""The list of client keys: their state first, and those that were revoked only on demand."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import ClientKey


class RevokedFilter(admin.SimpleListFilter):
    """Without a choice the revoked keys are hidden."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("revoked", "Revoked"), ("all", "All")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Not revoked"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[ClientKey]) -> QuerySet[ClientKey]:
        if self.value() == "all":
            return queryset
        return queryset.filter(revoked_at__isnull=self.value() != "revoked")


class KeyColumns(admin.options.BaseModelAdmin[ClientKey]):
    """What list, form and the domain's page show of a key beside its columns."""

    @admin.display(description="State", ordering="revoked_at")
    def state(self, key: ClientKey) -> SafeString:
        """What the key is good for, as a coloured word."""
        word = "valid"
        if key.revoked_at:
            word = "revoked"
        elif key.expires_at and key.expires_at <= timezone.now():
            word = "expired"
        return format_html('<span class="state state-{0}">{0}</span>', word) if key.pk else SafeString("-")

    @admin.display(description="Key")
    def key_hint(self, key: ClientKey) -> str:
        return f"…{key.hint}" if key.hint else "made when saved"
