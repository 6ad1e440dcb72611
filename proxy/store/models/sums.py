"""What is summed up of exchanges: by hour, by day, by domain."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.fields import NOT_PROVIDED

from proxy.histograms import DURATIONS, HISTOGRAMS
from proxy.metrics import BY_NAME, OF_TYPE, SUMS, Unit
from proxy.price_table import MODEL_LENGTH
from proxy.store.models.money import UsdField


class Counters(models.Model):
    """What is added up, in hourly rollups and per domain for ever: a column for each metric of SUMS."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    class Meta:
        abstract = True


def _add_columns(model: type[models.Model], names: Iterable[str]) -> None:
    """While the old code still writes, it is PostgreSQL that knows what a column is that came later."""
    for name in names:
        metric = BY_NAME[name]
        kind: type[models.Field[Any, Any]] = UsdField if metric.unit is Unit.USD else models.BigIntegerField
        kind(default=0, db_default=NOT_PROVIDED if metric.first_release else 0).contribute_to_class(
            model, name
        )


_add_columns(Counters, SUMS)


class Rollup(Counters):
    """One hour (UTC) of one domain, account, model and request type, with a column for each of HISTOGRAMS."""

    hour = models.DateTimeField()
    domain = models.CharField(max_length=260)
    account = models.CharField(max_length=255)
    model = models.CharField(max_length=MODEL_LENGTH)
    request_type = models.CharField(max_length=24)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("hour", "domain", "account", "model", "request_type"), name="rollup_key"
            ),
        )
        indexes = (models.Index(fields=("domain", "hour"), name="rollup_domain"),)

    def __str__(self) -> str:
        return f"{self.hour} {self.domain} {self.model}"


class DayRollup(Counters):
    """The hours of one day (UTC) together. PostgreSQL adds each change of a rollup here (migration 0011): never write it."""

    day = models.DateField()
    domain = models.CharField(max_length=260)
    account = models.CharField(max_length=255)
    model = models.CharField(max_length=120)
    request_type = models.CharField(max_length=24)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("day", "domain", "account", "model", "request_type"), name="day_rollup_key"
            ),
        )
        indexes = (models.Index(fields=("domain", "day"), name="day_rollup_domain"),)

    def __str__(self) -> str:
        return f"{self.day} {self.domain} {self.model}"


def _add_histograms(model: type[models.Model], names: Iterable[str], **options: Any) -> None:
    for name in names:
        ArrayField(models.BigIntegerField(), **options).contribute_to_class(model, name)


_add_histograms(Rollup, ("durations",))
_LATER = {"default": list, "db_default": []}
_add_histograms(Rollup, (histogram.name for histogram in HISTOGRAMS if histogram is not DURATIONS), **_LATER)
_add_histograms(DayRollup, (histogram.name for histogram in HISTOGRAMS), **_LATER)


class DomainTotal(Counters):
    """All that a domain ever did: the source of /token-stats and of list totals."""

    domain = models.CharField(max_length=260, primary_key=True)
    last_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.domain


_add_columns(DomainTotal, OF_TYPE)


class Spend(models.Model):
    """What was spent on one day (UTC) through one domain with one client key ("" for none): what limits are compared with.

    `known` is false where a stranger paid with a credential of its own: that is no spending of the organisation.
    """

    day = models.DateField()
    domain = models.CharField(max_length=260)
    client_key = models.CharField(max_length=255)
    known = models.BooleanField()
    cost_usd = UsdField()
    # What limits count beside it, where the cost of an exchange is not known or may be higher.
    estimated_usd = UsdField(default=0, db_default=0)

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("day", "domain", "client_key", "known"), name="spend_key"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.domain} {self.client_key}"
