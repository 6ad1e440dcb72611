"""Tables of the record. Traffic tables are partitioned by month (range on the UUIDv7 id) and hold no foreign keys, so that
a month is dropped, never deleted; what a list shows and what a body holds live in different tables."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models

from proxy.price_table import MODEL_LENGTH
from proxy.record import COMPLETE
from proxy.store.models.ids import month_of
from proxy.store.models.money import UsdField
from proxy.wire.billing.usage import COUNT_COLUMNS, Counts, counts_in


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
    cost_usd = UsdField(null=True)
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
    # The domain whose limits it came under, such as a wildcard, "" for its own.
    tenant = models.CharField(max_length=260, default="", db_default="")
    # What its cost depends on and no other column tells: who answered, "" for `model`, and whether to the end.
    answered_model = models.CharField(max_length=MODEL_LENGTH, default="", db_default="")
    finished = models.BooleanField(default=True, db_default=True)
    # How it was priced: by which rule (0 is that of version 0.1.0), why the cost is not exact, and what it may be beyond it.
    price_rule = models.SmallIntegerField(default=0, db_default=0)
    cost_reason = models.TextField(default="", db_default="")
    estimated_usd = UsdField(null=True)
    # [model, input, output, cache read, cache write, USD] for each model that is billed, the answer's own first; null where
    # that is `model`, `cost_usd` and the four counts.
    billed = models.JSONField(null=True)
    # How the attempts at the answer ended (`proxy.wire.billing.refusals.Attempts`), null for one that was served.
    attempts = models.JSONField(null=True)
    # What the request lets the answer have, and what else the answer says.
    max_tokens = models.BigIntegerField(null=True)
    speed = models.CharField(max_length=40, default="", db_default="")
    inference_geo = models.CharField(max_length=40, default="", db_default="")
    service_tier = models.CharField(max_length=40, default="", db_default="")
    thinking_tokens = models.BigIntegerField(null=True)
    stop_details = models.JSONField(null=True)
    error_code = models.CharField(max_length=120, default="", db_default="")
    input_transformations = models.IntegerField(default=0, db_default=0)
    # The model that declined first, where another one answered in its place.
    fallback_from = models.CharField(max_length=MODEL_LENGTH, default="", db_default="")
    # Who was asked to be billed (`billing_policy.bill_to`): shown, and no reason to count less.
    bill_to = models.CharField(max_length=40, default="", db_default="")
    # The API's organisation that served its session before, where another one did this time; "" for all others.
    left_organisation = models.CharField(max_length=120, default="", db_default="")

    objects = ExchangeQuerySet.as_manager()

    class Meta:
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("domain", "-id"), name="exchange_domain"),
            models.Index(
                fields=("session_id", "id"), name="exchange_session", condition=~models.Q(session_id="")
            ),
            models.Index(fields=("id",), name="exchange_unpriced", condition=models.Q(cost_state="unpriced")),
            models.Index(
                fields=("id",),
                name="exchange_older_rule",
                condition=models.Q(price_rule__lt=1, usage__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return str(self.id)

    @property
    def failed(self) -> bool:
        return self.outcome != COMPLETE

    @property
    def counts(self) -> Counts:
        """Its tokens; what is not known is 0."""
        return counts_in(self)

    @property
    def has_counts(self) -> bool:
        """Whether any of its tokens are known."""
        return any(getattr(self, name) is not None for name in COUNT_COLUMNS)

    def set_counts(self, counts: Counts) -> None:
        """Set its tokens."""
        for name, value in zip(COUNT_COLUMNS, counts, strict=True):
            setattr(self, name, value)

    @property
    def total_tokens(self) -> int:
        counts = self.counts
        return counts.input + counts.output

    @property
    def month(self) -> datetime:
        return month_of(self.id)


class ExchangeBody(models.Model):
    """Headers, timeline, and for each body its digest and its manifest: the digests of its blobs, one after the other.

    A request's manifest lies between the `parent_first` first and the `parent_last` last pieces of the request of `parent`.
    `chunks` is msgpack in zstd: a list of (milliseconds since the start, bytes). A dropped body has no pieces and its flag set;
    nor has one that is not kept because of its size, which is no loss: its digest is a SHA-256 in any case.
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
    request_not_kept = models.BooleanField(default=False, db_default=False)
    response_not_kept = models.BooleanField(default=False, db_default=False)
    chunks = models.BinaryField()
    # Both sides in one frame, and the digest of the blob that it is compressed with, if any. The columns of JSON above hold those
    # of earlier versions. `proxy.store.bodies.headers` writes and reads all four.
    headers = models.BinaryField(null=True)
    headers_dictionary = models.BinaryField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)


class Blob(models.Model):
    """A distinct piece of a body, once per month: zstd data under the first 16 bytes of its digest, both as its month's seal
    makes them (`proxy.store.bodies.encryption`)."""

    pk = models.CompositePrimaryKey("month", "digest")
    month = models.DateField()
    digest = models.BinaryField()
    data = models.BinaryField()
    size = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return bytes(self.digest).hex()


class WrappedKey(models.Model):
    """A key that is itself encrypted under a key of BODY_ENCRYPTION_KEYS."""

    month = models.DateField(primary_key=True)
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class MonthKey(WrappedKey):
    """The key under which the bodies of a month are encrypted."""

    class Meta:
        default_permissions = ()


class LinkingKey(WrappedKey):
    """The key of what is compared over months: one row, under the month of 1970-01-01."""

    class Meta:
        default_permissions = ()


class Receipt(models.Model):
    """That an exchange was taken in: with storage off too, each one is counted once."""

    id = models.UUIDField(primary_key=True)
    spool = models.UUIDField()
    serial = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)
