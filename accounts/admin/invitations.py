"""Inviting people in the admin: the link is shown once, in the answer that made it; an open invitation can be withdrawn."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts import invitations
from accounts.models import Invitation

SHOWN_ONCE = "_nexus_invitation_link"


class InvitationForm(forms.ModelForm[Invitation]):
    """Offers the groups that the inviter could give by hand, and no others."""

    chosen = forms.ModelMultipleChoiceField(
        Group.objects.all(),
        required=False,
        label="Groups",
        widget=forms.CheckboxSelectMultiple,
        help_text="Only groups that may do no more than you are offered.",
    )
    user: Any = None

    class Meta:
        model = Invitation
        fields = ("email",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("chosen")
        if isinstance(field, forms.ModelMultipleChoiceField):
            givable = [group.pk for group in Group.objects.all() if invitations.may_give(self.user, group)]
            field.queryset = Group.objects.filter(pk__in=givable)

    def clean(self) -> dict[str, Any]:
        """Made here, so that what stands against it is said in the form."""
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        try:
            self.instance, self.secret = invitations.invite(data["email"], data["chosen"], self.user)
        except invitations.NotInvited as error:
            raise forms.ValidationError(str(error)) from error
        return data


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin[Invitation]):
    form = InvitationForm
    list_display = ("email", "state", "groups", "inviter", "created_at", "expires_at")
    search_fields = ("email", "inviter")
    actions = ("withdraw",)

    def get_form(
        self, request: HttpRequest, obj: Invitation | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type("InvitationFormOf", (form,), {"user": request.user})

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        return (
            ("email", "state", "groups", "inviter", "created_at", "expires_at")
            if obj
            else ("email", "chosen")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        return self.get_fields(request, obj) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """The list's action needs it; a row is never edited."""
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        """It is withdrawn; the row says who let whom in."""
        return False

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        setattr(request, SHOWN_ONCE, invitations.address(form.secret))

    def response_add(
        self, request: HttpRequest, obj: Invitation, post_url_continue: str | None = None
    ) -> HttpResponse:
        leads_on = super().response_add(request, obj, post_url_continue)
        context = {
            **self.admin_site.each_context(request),
            "title": "New invitation",
            "invitation": obj,
            "address": getattr(request, SHOWN_ONCE),
            "go_on": leads_on.headers.get("Location", request.path),
            "opts": self.opts,
        }
        shown = TemplateResponse(request, "admin/accounts/invitation_link.html", context)
        shown.headers["Cache-Control"] = "no-store"
        return shown

    @admin.action(description="Withdraw the selected invitations", permissions=("change",))
    def withdraw(self, request: HttpRequest, chosen: QuerySet[Invitation]) -> None:
        still_open = [row for row in chosen if row.state is Invitation.State.OPEN]
        for row in still_open:
            row.withdraw()
            self.log_change(request, row, "Withdrawn.")
        level = messages.SUCCESS if still_open else messages.WARNING
        self.message_user(
            request, f"{len(still_open)} of {len(chosen)} withdrawn; the others were not open.", level
        )
