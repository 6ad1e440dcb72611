"""Prices and pins are the only parts of the record that operators edit; exchanges are read on the dashboard."""

from typing import Any

from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import HttpRequest

from proxy.store import unpriced
from proxy.store.models import Pin, Price


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


@admin.register(Pin)
class PinAdmin(admin.ModelAdmin[Pin]):
    list_display = ("__str__", "note", "created_at", "created_by")
    search_fields = ("exchange", "session_id", "domain", "note")
    fields = ("exchange", "session_id", "domain", "note")

    def get_readonly_fields(self, request: HttpRequest, obj: Pin | None = None) -> tuple[str, ...]:
        """A pin that held something else would let go of what it held: only its note changes."""
        return ("exchange", "session_id", "domain") if obj else ()

    def save_model(self, request: HttpRequest, obj: Pin, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)
