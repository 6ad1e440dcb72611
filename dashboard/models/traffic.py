"""What people may see and stop of the traffic: permissions, and the domains that a group is bound to."""

from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

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
