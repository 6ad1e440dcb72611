"""The table of invitations: who may make a user of their own, and with which groups."""

from django.db import models
from django.utils import timezone


class Invitation(models.Model):
    """An invitation by a secret that was shown once. Users and groups are named, not joined: proxies have no such tables."""

    class State(models.TextChoices):
        """What became of it; only an open one can be accepted."""

        OPEN = "open"
        ACCEPTED = "accepted"
        WITHDRAWN = "withdrawn"
        EXPIRED = "expired"

    email = models.EmailField(
        max_length=150, help_text="Who is invited; the user gets this address, and its name."
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    groups = models.JSONField(default=list, blank=True, editable=False)
    inviter = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(editable=False)
    withdrawn_at = models.DateTimeField(null=True, editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.email

    @property
    def state(self) -> "Invitation.State":
        if self.accepted_at:
            return self.State.ACCEPTED
        if self.withdrawn_at:
            return self.State.WITHDRAWN
        return self.State.EXPIRED if self.expires_at <= timezone.now() else self.State.OPEN

    def withdraw(self) -> None:
        """Nobody can accept it any more."""
        self.withdrawn_at = timezone.now()
        self.save(update_fields=["withdrawn_at"])
