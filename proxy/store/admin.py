"""Prices are the only part of the record that operators edit; exchanges are read on the dashboard."""

from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import HttpRequest

from proxy.store import unpriced
from proxy.store.models import Price


@admin.register(Price)
class PriceAdmin(admin.ModelAdmin[Price]):
    list_display = (
        "model", "valid_from", "input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search",
    )  # fmt: skip
    search_fields = ("model",)
    date_hierarchy = "valid_from"
    save_as = True

    def save_model(self, request: HttpRequest, obj: Price, form: ModelForm[Price], change: bool) -> None:
        """A price counts for what comes from now on: say what is to be done about what came before."""
        super().save_model(request, obj, form, change)
        if waiting := unpriced.waiting():
            self.message_user(
                request,
                f"{waiting:,} requests count as unpriced. Run `manage.py reprice` to compute their cost.",
                messages.WARNING,
            )
