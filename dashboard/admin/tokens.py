"""API tokens: everybody's for who may manage access, one's own for any other member of the staff who sees figures."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from dashboard.access import tokens
from dashboard.access.signin import VIEW_FIGURES
from dashboard.admin.managed import manages
from dashboard.models import ApiToken

_MADE = "_nexus_new_token"


class ApiTokenForm(forms.ModelForm[ApiToken]):
    scopes = forms.MultipleChoiceField(
        choices=ApiToken.Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[ApiToken.Scope.FIGURES],
        help_text="Of what its owner may see, in the domains that the owner sees.",
    )

    class Meta:
        model = ApiToken
        fields = ("name", "owner", "scopes", "expires_at")


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """A token is made and revoked; nothing of it changes in between, and its row stays for who asks later what it was."""

    form = ApiTokenForm
    list_display = ("name", "owner", "begins_with", "opens", "state", "expires_at", "last_used_at")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    actions = ("revoke",)
    fields = ("name", "owner", "scopes", "expires_at")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW_FIGURES)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW_FIGURES)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW_FIGURES)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        rows = super().get_queryset(request)
        return rows if manages(request) else rows.filter(owner=request.user.pk)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Whoever does not manage access makes tokens for nobody else."""
        fields = [name for name in self.fields if name != "owner" or manages(request)]
        return super().get_form(request, obj, change, **(options | {"fields": fields}))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for name in self.fields if name != "owner" or obj or manages(request)]

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if not manages(request):
            obj.owner_id = request.user.pk  # type: ignore[assignment]  # nobody comes here without signing in
        setattr(request, _MADE, tokens.issue(obj))

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The token, in the answer itself: no cookie, log or later page ever holds it."""
        response = super().response_add(request, obj, post_url_continue)
        context = {
            **self.admin_site.each_context(request),
            "title": "New API token",
            "name": str(obj),
            "token": getattr(request, _MADE),
            "go_on": response.headers["Location"],
            "opts": self.opts,
        }
        shown = TemplateResponse(request, "admin/dashboard/issued_token.html", context)
        shown.headers["Cache-Control"] = "no-store"
        return shown

    @admin.action(description="Revoke: they open nothing from now on")
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApiToken]) -> None:
        for token in chosen.filter(revoked_at=None).select_related("owner"):
            tokens.revoke(token)
            self.log_change(request, token, "Revoked.")

    @admin.display(description="Begins with")
    def begins_with(self, token: ApiToken) -> str:
        return f"{token.hint}…"

    @admin.display(description="Opens")
    def opens(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description="State")
    def state(self, token: ApiToken) -> str:
        return token.state(timezone.now())
