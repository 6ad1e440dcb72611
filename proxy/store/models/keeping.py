"""What operators want kept, and what is no longer there."""

from typing import Self

from django.core.exceptions import ValidationError
from django.db import models

from proxy.store.models.traffic import Exchange


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
