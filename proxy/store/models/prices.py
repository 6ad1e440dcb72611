"""What things cost, and what costs nothing yet: batches that wait, models without a price."""

from django.db import models

from proxy.store.models.traffic import MODEL_LENGTH


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
