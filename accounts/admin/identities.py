"""Identities of other systems that are joined to users, in allauth's table: looked at, and taken away to join anew.

What else allauth brings to the admin (providers, tokens, addresses) is not used and not shown.
"""

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.http import HttpRequest

for model in (EmailAddress, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(model)


@admin.register(SocialAccount)
class IdentityAdmin(admin.ModelAdmin[SocialAccount]):
    """A row is made by a sign-in alone."""

    list_display = ("user", "provider", "uid", "last_login")
    search_fields = ("user__username", "user__email", "uid")
    fields = ("user", "provider", "uid", "date_joined", "last_login")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: SocialAccount | None = None) -> bool:
        return False
