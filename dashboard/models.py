"""What people may see and stop of the traffic (permissions, given in the admin), saved views, and the audit: who changed what."""

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Traffic(models.Model):
    """No table: Django keeps permissions by model, and the record itself belongs to another app."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("view_figures", "Can see the dashboard: figures, lists, live requests, limits"),
            ("read_bodies", "Can read requests and responses: conversations, headers, exact bytes"),
            ("stop_streams", "Can stop requests under way and whole sessions"),
        )

    def __str__(self) -> str:
        return "traffic"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Whoever signs in with DASHBOARD_API_KEY is no user: theirs are the views without an owner, which all share."""

    def owned_by(self, user: User | AnonymousUser) -> Self:
        """Those that somebody may change."""
        return self.filter(owner=user.pk)

    def seen_by(self, user: User | AnonymousUser) -> Self:
        """Their own and all that are shared, by name."""
        return self.filter(Q(owner=user.pk) | Q(is_shared=True)).order_by("name", "id")


class SavedView(models.Model):
    """The address of a page under a name: which page, with which filter, columns and order. It opens what its reader may see.

    `query` is that of the address, without a place in a list. `owner` is null where it was saved with DASHBOARD_API_KEY; such a
    view is shared. With `is_default` the page opens so for its owner.
    """

    NAME_LENGTH, QUERY_LENGTH = 80, 2_000

    id = models.UUIDField(primary_key=True, default=uuid4)
    name = models.CharField(max_length=NAME_LENGTH)
    page = models.CharField(max_length=40)
    query = models.CharField(max_length=QUERY_LENGTH)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="saved_views")
    is_shared = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = (models.Index(fields=("page", "name"), name="saved_view_page"),)
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "page", "name"), name="saved_view_name", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(is_shared=True), name="saved_view_owned"
            ),
        )

    def __str__(self) -> str:
        return self.name


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
