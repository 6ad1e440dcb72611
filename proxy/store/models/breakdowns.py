"""Sums of one value of one dimension, such as a client key or a tool: by hour and by day."""

from django.db import models

from proxy.store.models.sums import Counters


class OfValue(Counters):
    """One domain and value; `dimension` is a name of `proxy.dimensions`."""

    dimension = models.CharField(max_length=16)
    domain = models.CharField(max_length=260)
    value = models.CharField(max_length=255)

    class Meta:
        abstract = True
        default_permissions = ()


class Breakdown(OfValue):
    """One hour (UTC)."""

    pk = models.CompositePrimaryKey("dimension", "hour", "domain", "value")
    hour = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.hour} {self.domain} {self.dimension} {self.value}"


class DayBreakdown(OfValue):
    """The hours of one day (UTC) together."""

    pk = models.CompositePrimaryKey("dimension", "day", "domain", "value")
    day = models.DateField()

    def __str__(self) -> str:
        return f"{self.day} {self.domain} {self.dimension} {self.value}"
