"""What is summed up of exchanges: by hour, by day, by domain."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from proxy.price_table import MODEL_LENGTH
from proxy.store.models.money import UsdField


class Counters(models.Model):
    """What is added up: in hourly rollups and per domain for ever. Token counts as the API bills them, cost in USD."""

    requests = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    cache_read_tokens = models.BigIntegerField(default=0)
    cache_write_tokens = models.BigIntegerField(default=0)
    tool_calls = models.BigIntegerField(default=0)
    cost_usd = UsdField(default=0)
    unpriced = models.BigIntegerField(default=0)
    partial = models.BigIntegerField(default=0)
    duration_ms = models.BigIntegerField(default=0)
    kept_bytes = models.BigIntegerField(default=0)
    notional = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True


class Rollup(Counters):
    """One hour (UTC) of one domain, account, model and request type; `durations` is a histogram over histogram.BOUNDS_MS."""

    hour = models.DateTimeField()
    domain = models.CharField(max_length=260)
    account = models.CharField(max_length=255)
    model = models.CharField(max_length=MODEL_LENGTH)
    request_type = models.CharField(max_length=24)
    durations = ArrayField(models.BigIntegerField())

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


class DomainTotal(Counters):
    """All that a domain ever did: the source of /token-stats and of list totals."""

    domain = models.CharField(max_length=260, primary_key=True)
    query_evaluations = models.BigIntegerField(default=0)
    inferences = models.BigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.domain


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
