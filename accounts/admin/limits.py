"""Where operators set limits: in a domain, in a client key, and all of them, the organisation's too, in one list."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models.limits import Limit, LimitQuerySet

_RATES = ("requests_per_minute", "tokens_per_minute", "concurrent_streams")
_MONEY = ("usd_per_day", "usd_per_week", "usd_per_month")


class LimitInline(admin.StackedInline[Limit, Any]):
    """The one row of the domain or client key that the page is about."""

    model = Limit
    extra = 1
    fields = (_RATES, _MONEY)
    verbose_name_plural = "Limits (an empty field limits nothing; changes count within two seconds)"
    classes = ("collapse",)


@admin.register(Limit)
class LimitAdmin(admin.ModelAdmin[Limit]):
    """With neither a domain nor a client key it is the organisation's."""

    list_display = ("scope", *_RATES, *_MONEY, "updated_at")
    list_select_related = ("domain", "client_key__domain")
    search_fields = ("domain__name", "client_key__name", "client_key__domain__name")
    autocomplete_fields = ("domain", "client_key")
    fieldsets = (
        (
            None,
            {
                "fields": ("domain", "client_key"),
                "description": "Choose a domain, or a client key, or neither for the whole organisation.",
            },
        ),
        ("Rates", {"fields": (_RATES,)}),
        ("Spending in USD; days, weeks and months begin at 00:00 UTC", {"fields": (_MONEY,)}),
    )

    def get_queryset(self, request: HttpRequest) -> LimitQuerySet:
        rows: LimitQuerySet = super().get_queryset(request)  # type: ignore[assignment]  # of the model's own manager
        return rows.in_force()

    @admin.display(description="Of", ordering="domain__name")
    def scope(self, limit: Limit) -> str:
        return limit.label
