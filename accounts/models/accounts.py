"""Domains, the credentials that pay for them and the keys that open them."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.access import keys
from accounts.access.hosts import BadHost, is_personal
from accounts.access.wildcards import parse_domain
from accounts.backoff import pause
from accounts.fields import EncryptedTextField
from accounts.models.limits import Limit

__all__ = ["AccessVersion", "ClientKey", "Credential", "Domain", "Limit", "validate_domain"]

# Longer than the token endpoint may take (oauth_endpoint.TIMEOUT_SECONDS) and the tries to save after it.
LEASE_SECONDS = 30
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 300
MOST_FAILURES = 1000


def validate_domain(value: str) -> None:
    """A domain is a host name or address, in lower case, with or without a port, or a wildcard for the names below one."""
    try:
        name = parse_domain(value)
    except BadHost as error:
        raise ValidationError(
            "Give a host name such as api.example.com, with a port only if clients use one, or *.example.com for all names "
            "below a domain that somebody can own: not *.com or *.co.uk."
        ) from error
    if name != value:
        raise ValidationError("Write it as %(name)s.", params={"name": name})


class Domain(models.Model):
    """A tenant: the Host that clients call."""

    name = models.CharField(max_length=260, unique=True, validators=[validate_domain])
    slack_webhook_url = EncryptedTextField(blank=True, help_text="Wins over the global webhook; https only.")
    slack_channel = models.CharField(max_length=80, blank=True)
    slack_username = models.CharField(max_length=80, blank=True)
    slack_icon_emoji = models.CharField(max_length=80, blank=True)
    slack_enabled = models.BooleanField(
        default=True, help_text="Whether this domain's traffic is posted at all."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_personal(self) -> bool:
        return is_personal(self.name)


class Credential(models.Model):
    """What Nexus shows to the API on behalf of a domain: an API key or a pair of OAuth tokens."""

    class Kind(models.TextChoices):
        API_KEY = "api_key", "API key"
        OAUTH = "oauth", "OAuth tokens"

    class State(models.TextChoices):
        VALID = "valid", "Valid"
        NEEDS_LOGIN = "needs_login", "Needs login"

    domain = models.ForeignKey(Domain, models.CASCADE, related_name="credentials")
    name = models.CharField(max_length=80, help_text="How people call it, e.g. the account's name.")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.API_KEY)
    account_id = models.CharField(max_length=255, blank=True, help_text="Groups usage by account, e.g. acc_…")
    enabled = models.BooleanField(default=True)
    api_key = EncryptedTextField(blank=True)
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    is_max = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.VALID, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    # Of an imported file what no column holds (JSON), so that it can be written again as it was.
    document = EncryptedTextField(blank=True, default="", db_default="", editable=False)
    last_refresh_at = models.DateTimeField(null=True, blank=True, editable=False)
    refreshing_since = models.DateTimeField(null=True, editable=False)
    retry_at = models.DateTimeField(null=True, editable=False)
    refresh_failures = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    login_told_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("domain", "id")
        constraints = (models.UniqueConstraint(fields=("domain", "name"), name="credential_name_per_domain"),)

    def __str__(self) -> str:
        return f"{self.name} ({self.domain})"

    @property
    def hint(self) -> str:
        """The last four characters, so that an operator can tell two keys apart."""
        value = self.api_key if self.kind == self.Kind.API_KEY else self.access_token
        return f"…{value[-4:]}" if len(value) > 12 else "not set" if not value else "…"

    def save_tokens(
        self, access_token: str, refresh_token: str, expires_at: datetime, scopes: list[str]
    ) -> None:
        """Keep a refreshed pair; a success clears the earlier error and the claim."""
        self.access_token, self.refresh_token, self.expires_at, self.scopes = (
            access_token,
            refresh_token,
            expires_at,
            scopes,
        )
        self.last_refresh_at = timezone.now()
        columns = {
            "access_token",
            "refresh_token",
            "expires_at",
            "scopes",
            "last_refresh_at",
            "refreshing_since",
        }
        self.refreshing_since = None
        self.save(update_fields=columns | self.forget_failures())

    def forget_failures(self) -> set[str]:
        """New secrets end what the old ones came to; returns the columns that have to be saved."""
        self.state, self.last_error, self.refresh_failures = self.State.VALID, "", 0
        self.retry_at = self.login_told_at = None
        return {"state", "last_error", "refresh_failures", "retry_at", "login_told_at"}

    def save_failure(self, message: str, *, permanent: bool) -> None:
        """Keep why a refresh failed; a permanent failure waits for a person to sign in again, another one for `retry_at`."""
        self.last_error, self.refreshing_since = message, None
        self.refresh_failures = min(self.refresh_failures + 1, MOST_FAILURES)
        wait = pause(self.refresh_failures, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self.retry_at = timezone.now() + timedelta(seconds=wait)
        if permanent:
            self.state = self.State.NEEDS_LOGIN
        self.save(update_fields=["last_error", "state", "refreshing_since", "refresh_failures", "retry_at"])

    def is_being_refreshed(self, now: datetime) -> bool:
        """Whether a process that may still live has claimed it."""
        since = self.refreshing_since
        return since is not None and now - since < timedelta(seconds=LEASE_SECONDS)

    def claim_refresh(self, now: datetime) -> None:
        """Tell the other processes, before the token endpoint is called."""
        self.refreshing_since = now
        self.save(update_fields=["refreshing_since", "last_error"])

    def release_refresh(self) -> None:
        """Give the claim back with nothing changed."""
        self.refreshing_since = None
        self.save(update_fields=["refreshing_since"])


class ClientKey(models.Model):
    """A key that Nexus gave to a client of one domain; only its hash is kept.

    Limits, sums and records name its row, so rotation gives the row another secret, and a row is revoked but never deleted.
    """

    domain = models.ForeignKey(Domain, models.CASCADE, related_name="client_keys")
    name = models.CharField(max_length=80)
    owner = models.CharField(max_length=120, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=8, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("domain", "name")

    def __str__(self) -> str:
        return f"{self.name} ({self.domain})"

    def issue(self, *, test: bool = False) -> str:
        """Make the key, save its hash and return the key itself: the only time that it can be seen."""
        key = self._generate(test=test)
        self.save()
        return key

    def rotate(self) -> str:
        """Replace the secret and return the new one; the old one opens nothing within two seconds."""
        key = self._generate()
        self.rotated_at = timezone.now()
        self.save(update_fields=["digest", "hint", "rotated_at"])
        return key

    def revoke(self) -> None:
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])

    def _generate(self, *, test: bool = False) -> str:
        key = keys.generate(test=test)
        self.digest, self.hint = keys.digest(key), key[-4:]
        return key


class AccessVersion(models.Model):
    """One row whose number is another one after every change to the tables above (by trigger: no writer can forget it)."""

    version = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.version)
