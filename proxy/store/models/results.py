"""Results that are under way: what was read of a file that travels in parts."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models.functions import Cast

from proxy.store.models.spools import DeadLetter

# The parts come within minutes of each other, or again after an outage; who finds nothing here begins anew.
ABANDONED_AFTER = timedelta(days=7)


class ResultsReaderQuerySet(models.QuerySet["ResultsReader"]):
    def abandoned(self, now: datetime) -> Self:
        """Those whose record never came; a dead letter is still to be stored."""
        waiting = DeadLetter.objects.waiting().values("exchange")
        text = Cast("id", models.TextField())
        return self.filter(touched_at__lt=now - ABANDONED_AFTER).annotate(text=text).exclude(text__in=waiting)


class ResultsReader(models.Model):
    """How far the results that an exchange fetched were read, and what they said up to there.

    `state` is that of `proxy.wire.batches.Reader`, sealed as bodies of the exchange's month are; it may hold half a line.
    """

    id = models.UUIDField(primary_key=True)
    next_byte = models.BigIntegerField()
    state = models.BinaryField()
    touched_at = models.DateTimeField()

    objects = ResultsReaderQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)
