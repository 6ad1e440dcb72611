"""The list of client keys: their state first, and those that were revoked only on demand."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.access.limits import key_scope
from accounts.admin.credential_columns import bar
from accounts.limits import use
from accounts.limits.use import Use
from accounts.models import ClientKey, Limit


def uses_of(keys: Sequence[ClientKey]) -> dict[int, list[Use]]:
    """What is used of the limits of these keys themselves, by their numbers."""
    found: dict[int, list[Use]] = {}
    scopes = {key_scope(str(key.pk)): key.pk for key in keys if key.pk}
    for each in use.overview(Limit.objects.filter(client_key__in=scopes.values())).uses if scopes else []:
        found.setdefault(scopes[each.scope], []).append(each)
    return found


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

    @admin.display(description="Limits: used / most")
    def limits(self, key: Any) -> SafeString | str:
        """Each limit of the key itself with its bar; those of its domain and of the organisation hold besides."""
        uses = key.uses if hasattr(key, "uses") else uses_of([key]).get(key.pk, [])
        lines = ((bar(use.share), use.used_of_most, use.limit) for use in uses)
        return format_html_join("", '<div class="limit">{} {} {}</div>', lines) or "none"

    @admin.display(description="Key")
    def key_hint(self, key: ClientKey) -> str:
        return f"…{key.hint}" if key.hint else "made when saved"
