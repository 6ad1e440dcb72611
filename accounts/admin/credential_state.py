"""A credential's state in its form, as the list shows it: its column alone calls valid what no key decrypts."""

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.admin.credential_columns import SECRETS, healths, shown
from accounts.admin.secret_forms import unreadable_columns
from accounts.credentials.state import Secrets, judge
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
        return shown(judge(row, secrets, health, timezone.now()))
