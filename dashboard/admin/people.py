"""Users and groups as Django has them, for who may manage access, and the domains that a group is bound to."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from dashboard.admin.managed import ManagedAccess, manages
from dashboard.models import GroupDomains, parsed_names


class NamesField(forms.CharField):
    """Names of domains, a line each."""

    widget = forms.Textarea(attrs={"rows": 4, "cols": 60})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return parsed_names(str(super().clean(value)).split())


class GroupDomainsForm(forms.ModelForm[GroupDomains]):
    names = NamesField(
        label="Domains",
        help_text="A line each: names such as api.example.com, wildcards such as *.example.com. Members of the group see no other "
        "domain, unless another group of theirs that is bound to none lets them see the figures.",
    )

    class Meta:
        model = GroupDomains
        fields = ("names",)


class GroupDomainsInline(admin.StackedInline[GroupDomains, Group]):
    """Without a row the group is bound to nothing, and its members see every domain."""

    model = GroupDomains
    form = GroupDomainsForm

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return manages(request)

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return manages(request)


class BoundGroups(ManagedAccess, GroupAdmin):
    inlines = (GroupDomainsInline,)
    list_display = ("name", "domains")

    @admin.display(description="Bound to")
    def domains(self, group: Group) -> str:
        bound: GroupDomains | None = getattr(group, "bound_to", None)
        return ", ".join(bound.names) if bound else "every domain"


class ManagedUsers(ManagedAccess, UserAdmin[User]):
    """Who changes them can give themselves whatever anybody may see."""


admin.site.unregister([Group, User])
admin.site.register(Group, BoundGroups)
admin.site.register(User, ManagedUsers)
