"""Keys of programs to the API."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class ApiToken(models.Model):
    """A program's key to the API, which reads as its owner: their permissions, their domains. Only its hash is kept."""

    class Scope(models.TextChoices):
        FIGURES = "figures", "Figures"
        BODIES = "bodies", "Bodies"

    name = models.CharField(max_length=100, help_text="What it is for.")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    scopes = ArrayField(
        models.CharField(max_length=20, choices=Scope), help_text="What it opens, of what its owner may see."
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField("begins with", max_length=20, editable=False)
    created_at = models.DateTimeField("created", default=timezone.now, editable=False)
    expires_at = models.DateTimeField(
        "ends", null=True, blank=True, help_text="Empty: it ends when it is revoked."
    )
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    class Meta:
        default_permissions = ()
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} of {self.owner.get_username()} ({self.hint}…)"

    def state(self, now: datetime) -> str:
        """`valid`, or why it opens nothing: `revoked`, `expired`, or `owner inactive`."""
        if self.revoked_at:
            return "revoked"
        if self.expires_at and self.expires_at <= now:
            return "expired"
        return "valid" if self.owner.is_active else "owner inactive"
