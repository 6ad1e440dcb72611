"""What history points to is disabled or revoked, never deleted: sums and records go on naming it."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse

from accounts.admin.registered import CredentialAdmin
from accounts.models import Credential, Domain
from proxy.store.models import DayRollup, DomainTotal

WHY = "It paid for requests, and their records name it: disable it instead of deleting it."
WHY_DOMAIN = "Requests of this domain are recorded: disable its credentials and revoke its client keys instead of deleting it."


def account_of(row: Credential) -> str:
    """How records name the account of a credential."""
    return row.account_id or row.name


def paid(credentials: Iterable[Credential]) -> set[int]:
    """Which of these have sums of their account."""
    rows = list(credentials)
    by_account = {account_of(row) for row in rows}
    known = DayRollup.objects.filter(account__in=by_account).values_list("account", flat=True).distinct()
    found = set(known)
    return {row.pk for row in rows if account_of(row) in found}


def has_history(domain: Domain) -> bool:
    """Whether requests came for it, or a credential of it paid."""
    if DomainTotal.objects.filter(domain=domain.name).exists():
        return True
    return bool(paid(Credential.objects.filter(domain=domain).only("id", "name", "account_id", "domain_id")))


class Kept(admin.ModelAdmin[Any]):
    """Rows that may be deleted until something is recorded of them; after that their pages and the list say why not."""

    why = ""

    def is_kept(self, row: Any) -> bool:
        """Whether history points to it."""
        raise NotImplementedError

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or not self.is_kept(obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        found, counts, lacking, protected = super().get_deleted_objects(objs, request)
        kept = [f"{row}: {self.why}" for row in objs if self.is_kept(row)]
        if kept:  # the reason is not a right that somebody could give
            lacking -= {Credential._meta.verbose_name, Domain._meta.verbose_name}
        return found, counts, lacking, [*protected, *kept]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        why = self.why if row is not None and self.is_kept(row) else ""
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "why_kept": why})


class KeptCredentialAdmin(Kept, CredentialAdmin):
    """Credentials, which the store knows to have paid."""

    why = WHY

    def is_kept(self, row: Credential) -> bool:
        return bool(paid([row]))

    def paying(self, rows: Sequence[Credential]) -> set[int]:
        return super().paying(rows) | paid(rows)
