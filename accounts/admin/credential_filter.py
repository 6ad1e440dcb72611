"""The list's filter by state: the state that the list shows, which no column holds."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin.credential_columns import healths, unseal
from accounts.credentials.state import State, judge
from accounts.models import Credential


class StateFilter(admin.SimpleListFilter):
    """Judges every row that the other filters leave; a list of credentials is short."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.name.lower(), state.value) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Credential]) -> QuerySet[Credential]:
        """The rows of `CredentialColumns` that are in the chosen state."""
        wanted = self.value()
        if wanted is None:
            return queryset
        rows, now = list(queryset), timezone.now()
        judged = (
            (row.pk, judge(row, unseal(row), health, now))
            for row, health in zip(rows, healths(rows), strict=True)
        )
        return queryset.filter(pk__in=[pk for pk, verdict in judged if verdict.state.name.lower() == wanted])
