"""What operators do with client keys from their list: revoke and rotate, each after a page that names the keys."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse

from accounts.admin.key_issuer import KeyIssuer
from accounts.models import ClientKey

CONFIRMED = "confirmed"
REVOKE_WARNING = "Clients that use them are refused within 2 seconds. This cannot be undone."
ROTATE_WARNING = (
    "Each gets a new secret, shown once on the next page; its limits and what it has spent stay. "
    "The old secrets are refused within 2 seconds. This cannot be undone."
)


class KeyActions(KeyIssuer):
    """Neither action touches a key that is revoked already."""

    actions = ("revoke", "rotate")

    @admin.action(description="Revoke the selected keys", permissions=("change",))
    def revoke(self, request: HttpRequest, chosen: QuerySet[ClientKey]) -> HttpResponse | None:
        usable = list(chosen.filter(revoked_at=None))
        if usable and CONFIRMED not in request.POST:
            return self._ask(request, "revoke", usable, REVOKE_WARNING)
        for key in usable:
            key.revoke()
            self.log_change(request, key, "Revoked.")
        reported = f"{len(usable)} key{pluralize(len(usable))} revoked; proxies refuse what was revoked within 2 seconds."
        self.message_user(request, reported, messages.SUCCESS if usable else messages.WARNING)
        return None

    @admin.action(description="Rotate the selected keys", permissions=("change",))
    def rotate(self, request: HttpRequest, chosen: QuerySet[ClientKey]) -> HttpResponse | None:
        usable = list(chosen.filter(revoked_at=None))
        if not usable:
            self.message_user(request, "A revoked key cannot be rotated: add a new key.", messages.WARNING)
            return None
        if CONFIRMED not in request.POST:
            return self._ask(request, "rotate", usable, ROTATE_WARNING)
        with transaction.atomic():
            for key in usable:
                before = key.hint
                self.show_once(request, key, key.rotate())
                self.log_change(request, key, f"Rotated: …{key.hint} took the place of …{before}.")
        return self.reveal(request, HttpResponseRedirect(request.get_full_path()))

    def _ask(self, request: HttpRequest, action: str, keys: list[ClientKey], warning: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{action.capitalize()} {len(keys)} client key{pluralize(len(keys))}?",
            "action": action,
            "keys": keys,
            "warning": warning,
            "checkbox": ACTION_CHECKBOX_NAME,
            "confirmed": CONFIRMED,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/accounts/confirm_keys.html", context)
