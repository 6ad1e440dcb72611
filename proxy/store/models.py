"""Tables of the record. Traffic tables are partitioned by month (range on the UUIDv7 id) and hold no foreign keys, so that
a month is dropped, never deleted; what a list shows and what a body holds live in different tables."""

from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

from proxy.record import COMPLETE

MODEL_LENGTH = 120
# How far `started_at` may lie from the moment in the id, which names the partition: clocks are set back now and then.
CLOCK_SLACK = timedelta(days=1)


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
    model = models.CharField(max_length=MODEL_LENGTH)
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
    counts_as = models.CharField(max_length=260, default="", db_default="")
    # What its cost depends on and no other column tells: who answered, "" for `model`, and whether to the end.
    answered_model = models.CharField(max_length=MODEL_LENGTH, default="", db_default="")
    finished = models.BooleanField(default=True, db_default=True)

    objects = ExchangeQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("domain", "-id"), name="exchange_domain"),
            models.Index(
                fields=("session_id", "id"), name="exchange_session", condition=~models.Q(session_id="")
            ),
            models.Index(fields=("id",), name="exchange_unpriced", condition=models.Q(cost_state="unpriced")),
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
    """Headers, timeline, and for each body its digest and its manifest: the digests of its blobs, one after the other.

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
    """A distinct piece of a body, once per month: zstd data under the first 16 bytes of its digest, both as its month's seal
    makes them (`proxy.store.sealing`)."""

    pk = models.CompositePrimaryKey("month", "digest")
    month = models.DateField()
    digest = models.BinaryField()
    data = models.BinaryField()
    size = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class MonthKey(models.Model):
    """The key under which the bodies of a month are encrypted, itself encrypted under a key of BODY_ENCRYPTION_KEYS."""

    month = models.DateField(primary_key=True)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class Receipt(models.Model):
    """That an exchange was taken in: with storage off too, each one is counted once."""

    id = models.UUIDField(primary_key=True)
    spool = models.UUIDField()
    serial = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)


class PinQuerySet(models.QuerySet["Pin"]):
    """Pins name exchanges that may lie in any month, also one that comes later."""

    def holding(self, exchange: Exchange) -> Self:
        of_session = models.Q(session_id=exchange.session_id, domain=exchange.domain)
        own = models.Q(exchange=exchange.id)
        return self.filter(own | of_session if exchange.session_id else own)


class Pin(models.Model):
    """An exchange, or all exchanges of a session, that retention keeps. Operators edit this table."""

    exchange = models.UUIDField(null=True, blank=True, unique=True)
    session_id = models.CharField(max_length=120, blank=True)
    domain = models.CharField(max_length=260, blank=True)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150, blank=True, editable=False)

    objects = PinQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("session_id", "domain"), name="pin_session_once", condition=~models.Q(session_id="")
            ),
            models.CheckConstraint(
                condition=models.Q(exchange__isnull=False, session_id="", domain="")
                | models.Q(models.Q(exchange__isnull=True), ~models.Q(session_id=""), ~models.Q(domain="")),
                name="pin_exchange_or_session",
                violation_error_message="Name either an exchange, or a session and its domain.",
            ),
        )

    def __str__(self) -> str:
        return str(self.exchange) if self.exchange else f"session {self.session_id} of {self.domain}"

    def clean(self) -> None:
        """Refuse what is not stored: it would look kept."""
        if self.exchange and not Exchange.objects.filter(id=self.exchange).exists():
            raise ValidationError({"exchange": "No exchange with this id is stored."})
        session = {"session_id": self.session_id, "domain": self.domain}
        if self.session_id and self.domain and not Exchange.objects.filter(**session).exists():
            raise ValidationError({"session_id": "No exchange of this session and domain is stored."})


class DroppedMonth(models.Model):
    """When a month's bodies and metadata were dropped for the first time, and how many pinned rows the last time kept.

    `nexus_drop_month` writes it. Whatever is summed up anew has to leave such a month alone: its rows are no longer all there.
    """

    month = models.DateField(primary_key=True)
    bodies_dropped_at = models.DateTimeField(null=True)
    metadata_dropped_at = models.DateTimeField(null=True)
    bodies_kept = models.BigIntegerField(null=True)
    metadata_kept = models.BigIntegerField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class SetAsideQuerySet(models.QuerySet["SetAside"]):
    def waiting(self) -> Self:
        """Those that are not stored yet."""
        return self.filter(stored_at=None)


class SetAside(models.Model):
    """A record that could not be stored as an exchange, kept exactly; `proxy.store.aside.record_of` reads it.

    Once it is stored after all, `stored_at` says when and `record` is empty. It counts as stored in its spool from the beginning.
    """

    spool = models.UUIDField()
    serial = models.BigIntegerField()
    error = models.TextField()
    record = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    stored_at = models.DateTimeField(null=True)

    objects = SetAsideQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        constraints = (models.UniqueConstraint(fields=("spool", "serial"), name="set_aside_once"),)

    def __str__(self) -> str:
        return f"record {self.serial} of spool {self.spool}"


class Spool(models.Model):
    """What one proxy process's spool says that it accepted and dropped, and how many distinct records of it arrived.

    `recovered` of the dropped ones were stored after all. `lost` is what `proxy.store.losses` last saw of dropped and missing
    records and dropped bodies, `lost_at` when that last grew, and `told` how much of it Slack was told.
    """

    id = models.UUIDField(primary_key=True)
    accepted = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    bodies_dropped = models.BigIntegerField(default=0, db_default=0)
    recovered = models.BigIntegerField(default=0, db_default=0)
    lost = models.BigIntegerField(default=0, db_default=0)
    lost_at = models.DateTimeField(null=True)
    told = models.BigIntegerField(default=0, db_default=0)
    told_at = models.DateTimeField(null=True)
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


class MessageBatch(models.Model):
    """A message batch: the domain and account that created it, and the exchange that counted its results, once.

    Without `created_by` its creation is not stored: `created_at` is then the fetch of its results, which counted
    under the domain that fetched them.
    """

    id = models.CharField(max_length=255, primary_key=True)
    domain = models.CharField(max_length=260)
    account = models.CharField(max_length=255)
    created_at = models.DateTimeField()
    created_by = models.UUIDField(null=True)
    requests = models.BigIntegerField(null=True)
    counted_by = models.UUIDField(null=True)
    counted_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("-created_at",), name="batch_newest"),
            models.Index(fields=("created_at",), name="batch_waiting", condition=models.Q(counted_by=None)),
        )

    def __str__(self) -> str:
        return self.id


class Price(models.Model):
    """USD per million tokens of one model from a date on; web searches per thousand. Operators edit this table."""

    model = models.CharField(max_length=MODEL_LENGTH)
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


class UnpricedModel(models.Model):
    """A model that was found to have no price: told once, and again when it lacks one anew after `closed_at`."""

    model = models.CharField(max_length=MODEL_LENGTH, primary_key=True)
    first_seen = models.DateTimeField()
    exchange_id = models.UUIDField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.model


def moment_of(exchange_id: UUID) -> datetime:
    """The time within a UUIDv7: its first 48 bits count milliseconds since 1970 (RFC 9562 §5.7)."""
    return datetime.fromtimestamp((exchange_id.int >> 80) / 1000, UTC)


def month_of(exchange_id: UUID) -> datetime:
    """The first moment of the month whose partitions hold an exchange: of its id, never of now."""
    return moment_of(exchange_id).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def id_floor(moment: datetime) -> UUID:
    """The lowest UUIDv7 of a moment."""
    return UUID(int=round(moment.timestamp() * 1000) << 80)
