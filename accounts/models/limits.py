"""The table of limits: one row a scope."""

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models

from accounts.access.limits import ORGANISATION, Period, Rule, Rules, domain_scope, key_scope, millionths

_AT_LEAST_ONE = (MinValueValidator(1),)
_NOT_NEGATIVE = (MinValueValidator(0),)
_COLUMNS = (
    "requests_per_minute",
    "tokens_per_minute",
    "concurrent_streams",
    "usd_per_day",
    "usd_per_week",
    "usd_per_month",
)


class LimitQuerySet(models.QuerySet["Limit"]):
    """Many limits."""

    def in_force(self) -> "LimitQuerySet":
        """Without those of keys that open nothing any more."""
        return self.filter(client_key__revoked_at=None)


class Limit(models.Model):
    """What a client key, a domain or, with neither, the whole organisation may use; an empty column limits nothing."""

    domain = models.OneToOneField(
        "accounts.Domain", models.CASCADE, null=True, blank=True, related_name="limit"
    )
    client_key = models.OneToOneField(
        "accounts.ClientKey", models.CASCADE, null=True, blank=True, related_name="limit"
    )
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True, validators=_AT_LEAST_ONE)
    tokens_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=_AT_LEAST_ONE,
        help_text="Input, cache writes and output; reads of the cache are free, as at the API.",
    )
    concurrent_streams = models.PositiveIntegerField(
        null=True, blank=True, validators=_AT_LEAST_ONE, help_text="Requests under way at the same time."
    )
    usd_per_day = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, validators=_NOT_NEGATIVE
    )
    usd_per_week = models.DecimalField(
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=_NOT_NEGATIVE,
        help_text="From Monday, 00:00 UTC.",
    )
    usd_per_month = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, validators=_NOT_NEGATIVE
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = LimitQuerySet.as_manager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(domain=None) | models.Q(client_key=None),
                name="limit_of_one_scope",
                violation_error_message="Choose a domain or a client key, not both; neither is the organisation.",
            ),
            models.UniqueConstraint(
                fields=("domain", "client_key"),
                name="limit_once_per_scope",
                nulls_distinct=False,
                violation_error_message="There is a limit of this already: change that one.",
            ),
        )

    def __str__(self) -> str:
        return f"Limits of {self.label}"

    @property
    def label(self) -> str:
        """How people call what is limited."""
        if self.client_key:
            return f"client key “{self.client_key.name}” of {self.client_key.domain.name}"
        return f"domain {self.domain.name}" if self.domain else "the organisation"

    def rule(self) -> Rule:
        """The same without the database."""
        scope = ORGANISATION
        if self.client_key_id:
            scope = key_scope(str(self.client_key_id))
        elif self.domain:
            scope = domain_scope(self.domain.name)
        usd: dict[Period, Decimal | None] = {
            "day": self.usd_per_day,
            "week": self.usd_per_week,
            "month": self.usd_per_month,
        }
        return Rule(
            scope,
            self.label,
            self.requests_per_minute,
            self.tokens_per_minute,
            self.concurrent_streams,
            tuple((period, millionths(most)) for period, most in usd.items() if most is not None),
        )


def read_rules(limits: LimitQuerySet | None = None) -> Rules:
    """These limits, by default every one in the table."""
    # Names alone: no limit needs a domain's secrets, and the worker may not read its keys.
    names = ("domain__name", "client_key__name", "client_key__domain__name")
    found = Limit.objects.all() if limits is None else limits
    rows = list(found.select_related("domain", "client_key__domain").only(*_COLUMNS, *names))
    return Rules(
        next((row.rule() for row in rows if not (row.domain_id or row.client_key_id)), None),
        {row.domain.name: row.rule() for row in rows if row.domain},
        {str(row.client_key_id): row.rule() for row in rows if row.client_key_id},
    )
