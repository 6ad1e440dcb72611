"""What things cost, and what costs nothing yet: batches that wait, models without a price."""

from datetime import datetime
from decimal import Decimal
from typing import Self, TypeAlias

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from proxy.price_table import BAND, MODEL_LENGTH, RATES


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


class PriceQuerySet(models.QuerySet["Price"]):
    def found(self) -> Self:
        """Those that a model's name finds."""
        return self.filter(withdrawn_at=None)


# What Django takes for such a column, and what it gives.
_Amount: TypeAlias = "models.DecimalField[str | float | Decimal | None, Decimal | None]"


def _usd(label: str) -> _Amount:
    return models.DecimalField(label, max_digits=12, decimal_places=6, null=True, blank=True)


def _factor(label: str, note: str) -> _Amount:
    return models.DecimalField(label, max_digits=8, decimal_places=4, null=True, blank=True, help_text=note)


FACTORS = ("fast_factor", "us_factor", "batch_factor")
_MTOK = "USD per million tokens"


class Price(models.Model):
    """What one model costs from a date to before another: USD per million tokens, web searches per thousand.

    A rate or factor is null where it is not known or the model has no such mode. `shipped` rows came with Nexus and are kept up to
    date by upgrades; all others are an operator's. A row with `withdrawn_at` is never found again, but exchanges name it.
    """

    model = models.CharField(max_length=MODEL_LENGTH)
    aliases = ArrayField(models.CharField(max_length=MODEL_LENGTH), default=list, db_default=[], blank=True)
    valid_from = models.DateTimeField("valid from (UTC)")
    valid_to = models.DateTimeField("valid to, exclusive (UTC)", null=True, blank=True)
    input = _usd(f"input, {_MTOK}")
    output = _usd(f"output, {_MTOK}")
    cache_read = _usd(f"cache read, {_MTOK}")
    cache_write_5m = _usd(f"cache write for 5 minutes, {_MTOK}")
    cache_write_1h = _usd(f"cache write for 1 hour, {_MTOK}")
    band_over_tokens = models.BigIntegerField(
        "upper band: prompts over so many tokens", null=True, blank=True
    )
    band_input = _usd(f"upper band: input, {_MTOK}")
    band_output = _usd(f"upper band: output, {_MTOK}")
    band_cache_read = _usd(f"upper band: cache read, {_MTOK}")
    band_cache_write_5m = _usd(f"upper band: cache write for 5 minutes, {_MTOK}")
    band_cache_write_1h = _usd(f"upper band: cache write for 1 hour, {_MTOK}")
    fast_factor = _factor("fast mode, factor", "Multiplies all rates of fast answers; empty: no fast mode.")
    us_factor = _factor("US inference, factor", "Multiplies token rates; empty: no such choice.")
    batch_factor = models.DecimalField(
        "batches, factor", max_digits=8, decimal_places=4, default="0.5", db_default="0.5"
    )
    web_search = models.DecimalField(
        "web search, USD per 1,000 searches",
        max_digits=12,
        decimal_places=6,
        default=10,
        null=True,
        blank=True,
    )
    source = models.TextField(default="", db_default="", blank=True)
    read_on = models.DateField("source read on", null=True, blank=True)
    shipped = models.BooleanField("came with Nexus", default=False, db_default=False, editable=False)
    withdrawn_at = models.DateTimeField("withdrawn", null=True, editable=False)
    changed_at = models.DateTimeField(auto_now=True, null=True)

    objects = PriceQuerySet.as_manager()

    class Meta:
        ordering = ("model", "-valid_from")
        constraints = (
            models.UniqueConstraint(
                fields=("model", "valid_from"),
                condition=models.Q(withdrawn_at=None),
                name="price_per_model_and_date",
                violation_error_message="There is a price of this model from this date on: choose another date.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.model} from {self.valid_from:%Y-%m-%d}"

    def clean(self) -> None:
        """A price that ends before it begins is never found, and a band without a size is never used."""
        begins: datetime | None = self.valid_from  # none where the form refused it
        if self.valid_to and begins and self.valid_to <= begins:
            raise ValidationError({"valid_to": "It ends before it begins: enter a later date, or none."})
        for name in (*RATES, *(BAND + name for name in RATES), *FACTORS, "web_search"):
            value = getattr(self, name)
            if isinstance(value, Decimal) and value < 0:
                raise ValidationError({name: "Nothing costs less than 0: enter an amount, or none."})
        if self.band_over_tokens is not None and self.band_over_tokens < 0:
            raise ValidationError(
                {"band_over_tokens": "No prompt has fewer than 0 tokens: enter a number, or none."}
            )
        if self.band_over_tokens is None and any(getattr(self, BAND + name) is not None for name in RATES):
            raise ValidationError({"band_over_tokens": "Say over how many prompt tokens these rates hold."})

    def withdraw(self) -> None:
        """No model's name finds it from now on."""
        self.withdrawn_at = timezone.now()
        self.save(update_fields=("withdrawn_at", "shipped", "changed_at"))


class UnpricedModel(models.Model):
    """A model that was found to have no price: reported once, and again when it lacks one anew after `closed_at`."""

    model = models.CharField(max_length=MODEL_LENGTH, primary_key=True)
    first_seen = models.DateTimeField()
    exchange_id = models.UUIDField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.model


class Repricing(models.Model):
    """Each run of `reprice` over all exchanges that came to its end: prices that changed before it began are in all costs."""

    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.began_at}"
