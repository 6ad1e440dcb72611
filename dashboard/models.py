"""What people and their programs may see of the traffic: permissions, which an operator gives in the admin, domains, tokens."""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
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
        constraints = (
            models.UniqueConstraint(
                fields=("hour", "who", "token", "what", "about"), name="body_reading_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.who} read {self.what} {self.about}"
