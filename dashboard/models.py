"""What people and their programs may see and stop of the traffic (permissions, domains, tokens), saved views, and the audit."""

from datetime import datetime
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.access.hosts import BadHost
from accounts.access.wildcards import parse_domain


class Traffic(models.Model):
    """No table: Django keeps permissions by model, and the record itself belongs to another app."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("view_figures", "Can see the dashboard: figures, lists, live requests, limits"),
            ("read_bodies", "Can read requests and responses: conversations, headers, exact bytes"),
            ("stop_streams", "Can stop requests under way and whole sessions"),
            (
                "manage_access",
                "Can manage who sees what: users, groups, their domains, everybody's tokens, the audit",
            ),
        )

    def __str__(self) -> str:
        return "traffic"


def parsed_names(names: list[str]) -> list[str]:
    """Names and wildcards of domains in their one spelling, each once. Raises ValidationError."""
    try:
        return list(dict.fromkeys(parse_domain(name) for name in names))
    except BadHost as error:
        raise ValidationError(f"{error}.") from error


class GroupDomains(models.Model):
    """The domains that a group is bound to: its members see no other one (docs/access.md)."""

    group = models.OneToOneField(Group, models.CASCADE, primary_key=True, related_name="bound_to")
    names = ArrayField(
        models.CharField(max_length=260),
        verbose_name="domains",
        help_text="Names such as api.example.com and wildcards such as *.example.com, as domains have them.",
    )

    class Meta:
        default_permissions = ()
        verbose_name = "domains that the group is bound to"
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return f"{self.group}: {', '.join(self.names)}"

    def clean(self) -> None:
        self.names = parsed_names(self.names or [])


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


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Whoever signs in with DASHBOARD_API_KEY is no user: theirs are the views without an owner, which all share."""

    def owned_by(self, user: User | AnonymousUser) -> Self:
        """Those that somebody may change."""
        return self.filter(owner=user.pk)

    def seen_by(self, user: User | AnonymousUser, *, is_bound: bool) -> Self:
        """Their own and all that are shared, by name. Names tell of domains, so who is bound to some sees their own alone."""
        own = Q(owner=user.pk) if user.is_authenticated else Q(pk__in=[])
        return self.filter(own if is_bound else own | Q(is_shared=True)).order_by("name", "id")


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
