"""The table of stops: who ended which request or session, until when, and who lifted that again. Rows stay."""

from datetime import datetime

from django.db import models
from django.utils import timezone

from accounts.access import stops

# In force at the same time: each proxy process holds them all.
MOST_STOPS = 1000


class StopQuerySet(models.QuerySet["Stop"]):
    """Many stops."""

    def unexpired(self, now: datetime) -> "StopQuerySet":
        """Whose time is not over, the lifted ones too."""
        return self.filter(until__gt=now)

    def in_force(self, now: datetime) -> "StopQuerySet":
        return self.unexpired(now).filter(lifted_at=None)


class Stop(models.Model):
    """`exchange_id` is set where it ends that one request; else it ends a session of the domain and refuses its next requests.

    `stopped_by` and `lifted_by` are names of users, who may be gone by now.
    """

    domain = models.CharField(max_length=260)
    session_id = models.CharField(max_length=stops.MAX_SESSION, blank=True)
    exchange_id = models.UUIDField(null=True, blank=True)
    until = models.DateTimeField(db_index=True)
    stopped_at = models.DateTimeField(default=timezone.now, editable=False)
    stopped_by = models.CharField(max_length=150, editable=False)
    lifted_at = models.DateTimeField(null=True, editable=False)
    lifted_by = models.CharField(max_length=150, blank=True, editable=False)

    objects = StopQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        default_permissions = ()  # `dashboard.models.Traffic` has the permission to stop
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(session_id="") | models.Q(exchange_id__isnull=False),
                name="stop_of_something",
                violation_error_message="Name a session, or the request to stop.",
            ),
        )

    def __str__(self) -> str:
        what = f"request {self.exchange_id}" if self.exchange_id else f"session {self.session_id}"
        return f"{what} of {self.domain}"

    def holds(self, now: datetime) -> bool:
        return self.lifted_at is None and now < self.until

    def heard(self) -> stops.Stop:
        """The same without the database."""
        exchange = str(self.exchange_id) if self.exchange_id else ""
        return stops.Stop(
            self.pk,
            self.domain,
            self.session_id,
            exchange,
            self.stopped_by,
            self.until.timestamp(),
            is_lifted=self.lifted_at is not None,
        )


def read_stops() -> list[stops.Stop]:
    """What a proxy has to know: those in force, and as many that were lifted before their time."""
    rows = Stop.objects.unexpired(timezone.now())
    in_force = rows.filter(lifted_at=None)[:MOST_STOPS]
    lifted = rows.exclude(lifted_at=None)[:MOST_STOPS]
    return [row.heard() for row in (*in_force, *lifted)]
