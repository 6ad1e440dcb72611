"""Where operators stop sessions, see every stop there was, and lift those in force."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils import timezone

from accounts import stopping
from accounts.models import Stop
from accounts.stopping import NotStopped, Target

SESSION_FIRST = "Stop a session: its requests under way end, its next ones are refused until then."


class StopForm(forms.ModelForm[Stop]):
    """A session and how long; the row is made by `stopping.stop`, which tells the proxies."""

    minutes = forms.TypedChoiceField(choices=stopping.CHOICES, coerce=int, label="For", initial=60)

    class Meta:
        model = Stop
        fields = ("domain", "session_id")

    def clean_session_id(self) -> str:
        session: str = self.cleaned_data["session_id"]
        if not session:
            raise ValidationError("Give the id of the session, as its page in the dashboard shows it.")
        return session

    def clean(self) -> dict[str, Any]:
        try:
            stopping.check_room(timezone.now())
        except NotStopped as error:
            raise ValidationError(str(error)) from error
        return super().clean() or {}


@admin.register(Stop)
class StopAdmin(admin.ModelAdmin[Stop]):
    """Nothing is changed or deleted: a stop is lifted, and its row stays."""

    form = StopForm
    fieldsets = ((None, {"fields": ("domain", "session_id", "minutes"), "description": SESSION_FIRST}),)
    list_display = ("__str__", "state", "until", "stopped_by", "stopped_at", "lifted_by", "lifted_at")
    list_display_links = None
    search_fields = ("domain", "session_id", "stopped_by")
    actions = ("lift",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Stop | None = None) -> bool:
        return request.user.has_perm(stopping.PERMISSION)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(stopping.PERMISSION)

    def has_change_permission(self, request: HttpRequest, obj: Stop | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Stop | None = None) -> bool:
        return False

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(stopping.PERMISSION)

    @admin.display(description="State")
    def state(self, row: Stop) -> str:
        return "in force" if row.holds(timezone.now()) else "lifted" if row.lifted_at else "over"

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Stop:
        """Stop it here already: what the admin says of the row then is about the one that was made."""
        super().save_form(request, form, change)
        data = form.cleaned_data
        return stopping.stop(Target(data["domain"], data["session_id"]), data["minutes"], request.user)  # type: ignore[arg-type]  # staff

    def save_model(self, request: HttpRequest, obj: Stop, form: Any, change: bool) -> None:
        """`stopping.stop` has saved it."""

    def log_addition(self, request: HttpRequest, obj: Stop, message: Any) -> Any:
        """`stopping.stop` has written it down."""

    @admin.action(description="Lift the selected stops", permissions=("lift",))
    def lift(self, request: HttpRequest, chosen: QuerySet[Stop]) -> None:
        lifted = 0
        for row in chosen:
            try:
                stopping.lift(row.pk, request.user)  # type: ignore[arg-type]  # staff
                lifted += 1
            except NotStopped as error:
                self.message_user(request, str(error), messages.WARNING)
        if lifted:
            self.message_user(request, f"{lifted} stop{pluralize(lifted)} lifted.", messages.SUCCESS)
