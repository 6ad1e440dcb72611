"""What became of the calls of tools: by hour and by day, and what of it each conversation was counted with."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

# What is added up of the calls of a tool; `waits` beside them is a histogram (`proxy.histograms.WAITS`).
TOOL_SUMS = ("calls", "results", "errors", "measured", "result_bytes", "waited_ms")


class OfTool(models.Model):
    """Calls of a tool that answers of one domain asked for. `results` of them came, `errors` of these as errors.

    `measured` results have a known size, `result_bytes` of JSON in all; `waited_ms` and `waits` are from the end of an answer to
    the request with the result.
    """

    domain = models.CharField(max_length=260)
    tool = models.CharField(max_length=255)
    calls = models.BigIntegerField(default=0)
    results = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0)
    measured = models.BigIntegerField(default=0)
    result_bytes = models.BigIntegerField(default=0)
    waited_ms = models.BigIntegerField(default=0)
    waits = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        abstract = True
        default_permissions = ()


class ToolHour(OfTool):
    """One hour (UTC): that of the exchange whose answer calls the tool."""

    pk = models.CompositePrimaryKey("hour", "domain", "tool")
    hour = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.hour} {self.domain} {self.tool}"


class ToolDay(OfTool):
    """The hours of one day (UTC) together."""

    pk = models.CompositePrimaryKey("day", "domain", "tool")
    day = models.DateField()

    def __str__(self) -> str:
        return f"{self.day} {self.domain} {self.tool}"


class CountedTools(models.Model):
    """What the hours above have of one conversation, by its id: to look at it again adds nothing but what differs.

    `sums` is msgpack, as `proxy.store.sums.tools` reads it.
    """

    id = models.UUIDField(primary_key=True)
    sums = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)
