"""A client key is seen once: in the answer to the request that made or rotated it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.models import ClientKey

NEW_KEYS = "_nexus_new_keys"


class KeyIssuer(admin.ModelAdmin[Any]):
    """Shows keys that were just made, once, in the answer itself: no cookie, log or later page ever holds them."""

    def issue(self, request: HttpRequest, key: ClientKey) -> None:
        self.show_once(request, key, key.issue())

    def show_once(self, request: HttpRequest, key: ClientKey, secret: str) -> None:
        issued = getattr(request, NEW_KEYS, [])
        setattr(request, NEW_KEYS, [*issued, (str(key), secret)])

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        response = super().response_add(request, obj, post_url_continue)
        return self.reveal(request, response)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self.reveal(request, super().response_change(request, obj))

    def reveal(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """The page with the new keys, which leads on to where `response` leads; `response` itself without any."""
        issued = getattr(request, NEW_KEYS, None)
        if not issued:
            return response
        context = {
            **self.admin_site.each_context(request),
            "title": "New client key",
            "issued": issued,
            "go_on": response.headers.get("Location", request.path),
            "opts": self.opts,
        }
        shown = TemplateResponse(request, "admin/accounts/issued_keys.html", context)
        shown.headers["Cache-Control"] = "no-store"
        return shown
