"""A credential's state in the admin, as it is judged: in its form and as a filter of the list. No column holds it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin.credential_columns import healths, shown
from accounts.admin.secret_forms import unreadable_columns
from accounts.credentials.sealed import SECRETS, unseal
from accounts.credentials.state import Secrets, State, judge, unless_used
from accounts.models import Credential


class StateField(admin.options.BaseModelAdmin[Credential]):
    """For pages that read secrets where that is `tolerant`."""

    @admin.display(description="State")
    def shown_state(self, row: Credential) -> SafeString | str:
        if row._state.adding:
            return "-"
        secrets = Secrets(
            row.api_key,
            row.access_token,
            row.refresh_token,
            readable=unreadable_columns(row).isdisjoint(SECRETS),
        )
        [health] = healths([row])
        # The list's: also a domain's page shows credentials, and only the list's knows what is recorded.
        columns: Any = admin.site.get_model_admin(Credential)
        paying = columns.paying([row])
        return shown(unless_used(judge(row, secrets, health, timezone.now()), is_used=row.pk in paying))


class StateFilter(admin.SimpleListFilter):
    """Judges every row that the other filters leave; a list of credentials is short."""

    title = "state"
    parameter_name = "state"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.paying = model_admin.paying
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.name.lower(), state.value) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Credential]) -> QuerySet[Credential]:
        """The rows of `CredentialColumns` that are in the chosen state."""
        wanted = self.value()
        if wanted is None:
            return queryset
        rows, now = list(queryset), timezone.now()
        paying = self.paying(rows)
        judged = (
            (row.pk, unless_used(judge(row, unseal(row), health, now), is_used=row.pk in paying))
            for row, health in zip(rows, healths(rows), strict=True)
        )
        return queryset.filter(pk__in=[pk for pk, verdict in judged if verdict.state.name.lower() == wanted])
