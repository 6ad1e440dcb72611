"""Prices are the only part of the record that operators edit; exchanges are read on the dashboard."""

from django.contrib import admin

from proxy.store.models import Price


@admin.register(Price)
class PriceAdmin(admin.ModelAdmin[Price]):
    list_display = (
        "model", "valid_from", "input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search",
    )  # fmt: skip
    search_fields = ("model",)
    date_hierarchy = "valid_from"
    save_as = True
