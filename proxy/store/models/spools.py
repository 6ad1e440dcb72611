"""What the spools said, and records that could not be stored."""

from typing import Self

from django.db import models


class DeadLetterQuerySet(models.QuerySet["DeadLetter"]):
    def waiting(self) -> Self:
        """Those that are not stored yet."""
        return self.filter(stored_at=None)


class DeadLetter(models.Model):
    """A record that could not be stored as an exchange, kept exactly; `proxy.store.ingest.dead_letters.record_of` reads it.

    Once it is stored after all, `stored_at` says when and `record` is empty. It counts as stored in its spool from the beginning.
    """

    spool = models.UUIDField()
    serial = models.BigIntegerField()
    exchange = models.TextField(db_default="", default="")
    error = models.TextField()
    record = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    stored_at = models.DateTimeField(null=True)

    objects = DeadLetterQuerySet.as_manager()

    class Meta:
        db_table = "proxy_setaside"
        default_permissions = ("view",)
        constraints = (models.UniqueConstraint(fields=("spool", "serial"), name="set_aside_once"),)

    def __str__(self) -> str:
        return f"record {self.serial} of spool {self.spool}"


class Spool(models.Model):
    """What one proxy process's spool says that it accepted and dropped, and how many distinct records of it arrived.

    `recovered` of the dropped ones were stored after all. `lost` is what `notifications.loss_check` last saw of dropped and missing
    records and dropped bodies, `lost_at` when that last grew, and `told` how much of it Slack was notified of.
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
