"""Months whose exchanges were dropped here while their sums stayed: to count them again would double every chart."""

from datetime import datetime, timedelta

from proxy.store.models import Exchange, Receipt, Rollup, id_floor
from proxy.store.transfer.line import LineError


class DroppedMonths:
    """Remembers what each month looked like when it was met first, before anything was imported into it."""

    def __init__(self) -> None:
        self._dropped: dict[datetime, bool] = {}

    def refuse(self, exchange: Exchange) -> None:
        """LineError for an exchange of such a month."""
        month = exchange.month
        if month not in self._dropped:
            self._dropped[month] = _was_dropped(month)
        if self._dropped[month]:
            raise LineError(
                f"{month:%Y-%m} was dropped here, and its sums are still counted:"
                " use --no-sums to bring its exchanges back without counting them twice"
            )


def _was_dropped(month: datetime) -> bool:
    following = (month + timedelta(days=32)).replace(day=1)
    received = Receipt.objects.filter(id__gte=id_floor(month), id__lt=id_floor(following))
    return not received.exists() and Rollup.objects.filter(hour__gte=month, hour__lt=following).exists()
