"""What the API said of an account's windows, at most once in five minutes: a ring of eight days that is written over and over."""

from django.db import models


class WindowSample(models.Model):
    """The last word on a window (`unified-5h`, …) in one place of the ring; `used` is a share, 0 to 1."""

    pk = models.CompositePrimaryKey("account", "name", "place")
    account = models.CharField(max_length=255)
    name = models.CharField(max_length=60)
    place = models.SmallIntegerField()
    at = models.DateTimeField()
    used = models.FloatField()
    resets_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account} {self.name} {self.at}"
