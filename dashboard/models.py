"""What people may see of the traffic: permissions, which an operator gives to a user or a group in the admin; who changed what."""

from django.db import models
from django.utils import timezone


class Traffic(models.Model):
    """No table: Django keeps permissions by model, and the record itself belongs to another app."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("view_figures", "Can see the dashboard: figures, lists, live requests, limits"),
            ("read_bodies", "Can read requests and responses: conversations, headers, exact bytes"),
        )

    def __str__(self) -> str:
        return "traffic"


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
