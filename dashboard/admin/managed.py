"""Pages of the admin that give access to traffic ask for `manage_access`, beside Django's own permissions where there are any."""

from typing import Any

from django.http import HttpRequest

from dashboard.access.signin import MANAGE_ACCESS


def manages(request: HttpRequest) -> bool:
    """Whether who asks may say who sees what."""
    return request.user.has_perm(MANAGE_ACCESS)


class ManagedAccess:
    """For a list of the admin."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return manages(request) and super().has_module_permission(request)  # type: ignore[misc]  # of the admin's class

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return manages(request) and super().has_view_permission(request, obj)  # type: ignore[misc]  # the same

    def has_add_permission(self, request: HttpRequest) -> bool:
        return manages(request) and super().has_add_permission(request)  # type: ignore[misc]  # the same

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return manages(request) and super().has_change_permission(request, obj)  # type: ignore[misc]  # the same

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return manages(request) and super().has_delete_permission(request, obj)  # type: ignore[misc]  # the same
