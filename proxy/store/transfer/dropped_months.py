"""Months whose exchanges were dropped here while their sums stayed: to count them again would double every chart."""

from datetime import date

from proxy.store.models import DroppedMonth, Exchange
from proxy.store.transfer.line import LineError


class DroppedMonths:
    """Asks once for each month."""

    def __init__(self) -> None:
        self._dropped: dict[date, bool] = {}

    def refuse(self, exchange: Exchange) -> None:
        """LineError for an exchange of such a month."""
        month = exchange.month.date()
        if month not in self._dropped:
            found = DroppedMonth.objects.filter(month=month, metadata_dropped_at__isnull=False)
            self._dropped[month] = found.exists()
        if self._dropped[month]:
            raise LineError(
                f"{month:%Y-%m} was dropped here, and its sums are still counted:"
                " use --no-sums to bring its exchanges back without counting them twice"
            )
