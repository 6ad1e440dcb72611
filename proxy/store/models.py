"""Tables of the record. Traffic tables are partitioned by month (range on the UUIDv7 id) and hold no foreign keys, so that
a month is dropped, never deleted; what a list shows and what a body holds live in different tables."""

from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from proxy.record import COMPLETE


class ExchangeQuerySet(models.QuerySet["Exchange"]):
    """Lists go by id, newest first: a UUIDv7 sorts by time and is the key of keyset pagination."""

    def of_domain(self, domain: str | None) -> Self:
        return self.filter(domain=domain) if domain else self

    def newest_first(self) -> Self:
        return self.order_by("-id")


class Exchange(models.Model):
    """One request and how it ended: what lists and charts need, never a body."""

    id = models.UUIDField(primary_key=True)
    started_at = models.DateTimeField()
    spool = models.UUIDField()
    serial = models.BigIntegerField()
    domain = models.CharField(max_length=260)
    account = models.CharField(max_length=255)
    paid_by = models.CharField(max_length=300)
    passed_over = models.CharField(max_length=600)
    client_key = models.CharField(max_length=255)
    client_address = models.CharField(max_length=64)
    method = models.CharField(max_length=32)
    path = models.TextField()
    query = models.TextField()
    model = models.CharField(max_length=120)
    request_type = models.CharField(max_length=24)
    streamed = models.BooleanField()
    outcome = models.CharField(max_length=16)
    status = models.SmallIntegerField()
    error_type = models.CharField(max_length=80)
    error_message = models.TextField()
    stop_reason = models.CharField(max_length=40)
    first_byte_ms = models.IntegerField(null=True)
    duration_ms = models.IntegerField()
    input_tokens = models.BigIntegerField(null=True)
    output_tokens = models.BigIntegerField(null=True)
    cache_read_tokens = models.BigIntegerField(null=True)
    cache_write_tokens = models.BigIntegerField(null=True)
    usage = models.JSONField(null=True)
    cost_usd = models.DecimalField(max_digits=18, decimal_places=10, null=True)
    cost_state = models.CharField(max_length=10)
    price_id = models.BigIntegerField(null=True)
    tool_calls = models.IntegerField()
    tool_names = ArrayField(models.TextField())
    session_id = models.CharField(max_length=120)
    agent_id = models.CharField(max_length=120)
    parent_agent_id = models.CharField(max_length=120)
    user_id = models.CharField(max_length=255)
    message_id = models.CharField(max_length=120)
    upstream_request_id = models.CharField(max_length=120)
    request_bytes = models.BigIntegerField()
    response_bytes = models.BigIntegerField()
    # The domain under which it is summed up, "" for its own: a refused stranger counts as unknown.
    counts_as = models.CharField(max_length=260, default="")

    objects = ExchangeQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("domain", "-id"), name="exchange_domain"),
            models.Index(
                fields=("session_id", "id"), name="exchange_session", condition=~models.Q(session_id="")
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def failed(self) -> bool:
        return self.outcome != COMPLETE

    @property
    def total_tokens(self) -> int:
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    @property
    def month(self) -> datetime:
        return month_of(self.id)


class ExchangeBody(models.Model):
    """Headers, timeline, and for each body its SHA-256 and its manifest: the digests of its blobs, one after the other.

    A request's manifest lies between the `parent_first` first and the `parent_last` last pieces of the request of `parent`.
    `chunks` is msgpack in zstd: a list of (milliseconds since the start, bytes). A dropped body has no pieces and its flag set.
    """

    id = models.UUIDField(primary_key=True)
    request_headers = models.JSONField()
    response_headers = models.JSONField()
    request_digest = models.BinaryField()
    response_digest = models.BinaryField()
    request_manifest = models.BinaryField()
    response_manifest = models.BinaryField()
    parent = models.UUIDField(null=True)
    parent_first = models.IntegerField(default=0)
    parent_last = models.IntegerField(default=0)
    request_dropped = models.BooleanField()
    response_dropped = models.BooleanField()
    chunks = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)


class Blob(models.Model):
    """A distinct piece of a body, once per month: zstd data under the first 16 bytes of its SHA-256."""

    pk = models.CompositePrimaryKey("month", "digest")
    month = models.DateField()
    digest = models.BinaryField()
    data = models.BinaryField()
    size = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class Receipt(models.Model):
    """That an exchange was taken in: with storage off too, each one is counted once."""

    id = models.UUIDField(primary_key=True)
    spool = models.UUIDField()
    serial = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)


class SetAside(models.Model):
    """A record that could not be stored as an exchange, kept exactly: msgpack of `proxy.record.Record`."""

    spool = models.UUIDField()
    serial = models.BigIntegerField()
    error = models.TextField()
    record = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)
        constraints = (models.UniqueConstraint(fields=("spool", "serial"), name="set_aside_once"),)

    def __str__(self) -> str:
        return f"record {self.serial} of spool {self.spool}"


class Spool(models.Model):
    """What one proxy process's spool says that it accepted and dropped, and how many distinct records of it arrived."""

    id = models.UUIDField(primary_key=True)
    accepted = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return str(self.id)


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
    cost_usd = models.DecimalField(max_digits=24, decimal_places=10, default=0)
    unpriced = models.BigIntegerField(default=0)
    partial = models.BigIntegerField(default=0)
    duration_ms = models.BigIntegerField(default=0)
    kept_bytes = models.BigIntegerField(default=0)

    class Meta:
        abstract = True


class Rollup(Counters):
    """One hour (UTC) of one domain, account, model and request type; `durations` is a histogram over histogram.BOUNDS_MS."""

    hour = models.DateTimeField()
    domain = models.CharField(max_length=260)
    account = models.CharField(max_length=255)
    model = models.CharField(max_length=120)
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
    """The hours of one day (UTC) together. PostgreSQL adds each change of a rollup here (migration 0006): never write it."""

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


class Price(models.Model):
    """USD per million tokens of one model from a date on; web searches per thousand. Operators edit this table."""

    model = models.CharField(max_length=120)
    valid_from = models.DateTimeField()
    input = models.DecimalField(max_digits=12, decimal_places=6)
    output = models.DecimalField(max_digits=12, decimal_places=6)
    cache_read = models.DecimalField(max_digits=12, decimal_places=6)
    cache_write_5m = models.DecimalField(max_digits=12, decimal_places=6)
    cache_write_1h = models.DecimalField(max_digits=12, decimal_places=6)
    web_search = models.DecimalField(max_digits=12, decimal_places=6, default=10)

    class Meta:
        ordering = ("model", "-valid_from")
        constraints = (
            models.UniqueConstraint(fields=("model", "valid_from"), name="price_per_model_and_date"),
        )

    def __str__(self) -> str:
        return f"{self.model} from {self.valid_from:%Y-%m-%d}"


def moment_of(exchange_id: UUID) -> datetime:
    """The time within a UUIDv7: its first 48 bits count milliseconds since 1970 (RFC 9562 §5.7)."""
    return datetime.fromtimestamp((exchange_id.int >> 80) / 1000, UTC)


def month_of(exchange_id: UUID) -> datetime:
    """The first moment of the month whose partitions hold an exchange: of its id, never of now."""
    return moment_of(exchange_id).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
