"""What operators do with credentials from their list: each is noted in the history, without any secret."""

import redis
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.access.decision import AccessCredential
from accounts.credentials import check as credential_check
from accounts.credentials import health as credential_health
from accounts.fields import UnreadableSecret
from accounts.models import Credential
from accounts.oauth import refresh as oauth
from accounts.snapshot.credentials import from_row, from_unreadable_row


class CredentialActions(admin.ModelAdmin[Credential]):
    """Refresh, test, enable, disable, and end a cool-down."""

    actions = ("refresh_now", "test", "enable", "disable", "reset_cool_down")

    @admin.action(description="Refresh the tokens now", permissions=("change",))
    def refresh_now(self, request: HttpRequest, chosen: QuerySet[Credential]) -> None:
        for row in chosen:
            try:
                # As if refused: a person who asks wants a new pair, however long the old one was to live.
                oauth.refresh(_refreshable(row), rejected=True, forced=True)
            except oauth.RefreshFailed as failure:
                self._report(request, row, f"Not refreshed: {failure.message}", messages.ERROR)
            else:
                self._report(request, row, "Refreshed the tokens")

    @admin.action(description="Test against the API (free)", permissions=("change",))
    def test(self, request: HttpRequest, chosen: QuerySet[Credential]) -> None:
        for row in chosen.order_by("pk"):
            verdict = credential_check.ask(_readable(row))
            level = messages.SUCCESS if verdict.good else messages.ERROR
            self._report(request, row, f"Tested: {verdict.why}", level)

    @admin.action(description="Enable", permissions=("change",))
    def enable(self, request: HttpRequest, chosen: QuerySet[Credential]) -> None:
        self._switch(request, chosen, on=True)

    @admin.action(description="Disable", permissions=("change",))
    def disable(self, request: HttpRequest, chosen: QuerySet[Credential]) -> None:
        self._switch(request, chosen, on=False)

    @admin.action(description="End the cool-down", permissions=("change",))
    def reset_cool_down(self, request: HttpRequest, chosen: QuerySet[Credential]) -> None:
        for row in chosen:
            try:
                credential_health.reset([f"database:{row.pk}"])
            except (redis.RedisError, ValueError):  # ValueError: REDIS_URL is not set
                reported = "The cool-down stays, as Redis does not answer: see REDIS_URL, then try again"
                self._report(request, row, reported, messages.ERROR)
            else:
                self._report(request, row, "Ended the cool-down")

    def _switch(self, request: HttpRequest, chosen: QuerySet[Credential], *, on: bool) -> None:
        for row in chosen.filter(enabled=not on):
            row.enabled = on
            row.save(update_fields=["enabled"])
            self._report(request, row, "Enabled" if on else "Disabled")

    def _report(
        self, request: HttpRequest, row: Credential, reported: str, level: int = messages.SUCCESS
    ) -> None:
        self.log_change(request, row, f"{reported}.")
        self.message_user(request, f"{row}: {reported}.", level)


def _readable(row: Credential) -> AccessCredential:
    """The credential of a row; without a secret where no key decrypts it."""
    try:
        return from_row(row)
    except UnreadableSecret:
        return from_unreadable_row(row.pk, row.kind, row.account_id or row.name)


def _refreshable(row: Credential) -> AccessCredential:
    """The credential of a row that has what a refresh takes; raises RefreshFailed."""
    try:
        if row.kind != Credential.Kind.OAUTH or not row.refresh_token:
            raise oauth.RefreshFailed("it has no refresh token; save new tokens in its form")
        return from_row(row)
    except UnreadableSecret as error:
        raise oauth.RefreshFailed(f"{error}; put the key that wrote it back into the list") from error
