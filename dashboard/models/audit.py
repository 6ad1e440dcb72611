"""Who changed what, and who read bodies."""

from django.db import models
from django.utils import timezone


class AuditEntry(models.Model):
    """One row that somebody changed in one request or command, or a sign-in. It is only ever added to, and never deleted.

    `kind` is a table such as accounts.credential, `via` the admin or a command; `changes` are `dashboard.audit.values.Change`.
    """

    class Action(models.TextChoices):
        ADDED = "added", "Added"
        CHANGED = "changed", "Changed"
        DELETED = "deleted", "Deleted"
        SIGNED_IN = "signed_in", "Signed in"
        SIGN_IN_FAILED = "sign_in_failed", "Sign-in failed"

    at = models.DateTimeField(default=timezone.now)
    who = models.CharField(max_length=150)
    via = models.CharField(max_length=200)
    action = models.CharField(max_length=20, choices=Action.choices)
    kind = models.CharField(max_length=100, blank=True)
    object_id = models.TextField(blank=True)
    object_name = models.CharField(max_length=300, blank=True)
    message = models.TextField(blank=True)
    changes = models.JSONField(default=list, blank=True)

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("at", "id"), name="audit_by_time"),)

    def __str__(self) -> str:
        return f"{self.who} {self.action} {self.object_name}"


class BodyReading(models.Model):
    """Somebody read bodies: once for each who, what and hour, however often. `token` names the one that was used, "" for none.

    `what` are the words of the address, such as `request diff`; `about` is the id that stands in it, or what was searched for.
    """

    at = models.DateTimeField()
    hour = models.DateTimeField()
    who = models.CharField(max_length=150)
    token = models.CharField(max_length=300)
    what = models.CharField(max_length=60)
    about = models.CharField(max_length=300)

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("at", "id"), name="body_reading_by_time"),)
        constraints = (
            models.UniqueConstraint(
                fields=("hour", "who", "token", "what", "about"), name="body_reading_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.who} read {self.what} {self.about}"
