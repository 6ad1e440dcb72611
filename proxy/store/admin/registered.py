"""Prices and pins are the only parts of the record that operators edit; exchanges are read on the dashboard."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import Credential, Domain
from proxy.store.admin.history import KeptCredentialAdmin
from proxy.store.admin.prices import PriceAdmin
from proxy.store.admin.webhook import TestedDomainAdmin
from proxy.store.models import Pin, Price

admin.site.register(Price, PriceAdmin)
# In place of those that know no record and no sender: accounts lies below both.
admin.site.unregister((Domain, Credential))
admin.site.register(Domain, TestedDomainAdmin)
admin.site.register(Credential, KeptCredentialAdmin)


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
