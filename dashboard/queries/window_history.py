"""What was stored of accounts' windows (docs/decisions/0046-history-of-windows.md), by account and by the window's short name."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import F

from dashboard.queries.window_forecast import Sample
from proxy.store.models import WindowSample
from proxy.store.sums.window_samples import KEPT

# `unified-5h` is called `5h`.
PREFIX = "unified-"
# Older samples are read by the half hour: a line of days shows no more, and a forecast from a day is none the worse.
FINE = timedelta(hours=1)
_PLACES = 6
_COLUMNS = ("account", "name", "at", "used", "resets_at")
History = Mapping[tuple[str, str], Sequence[Sample]]


def history(accounts: Collection[str], now: datetime, stretch: timedelta = KEPT) -> History:
    """The samples of these accounts, the oldest first: of the last hour all, before that the last of each half hour."""
    rows = WindowSample.objects.filter(account__in=accounts, at__lte=now).order_by("at")
    fine = rows.filter(at__gt=now - FINE).values_list(*_COLUMNS)
    coarse = (
        rows.filter(at__gt=now - stretch, at__lte=now - FINE)
        .annotate(half_hour=F("place") / _PLACES)
        .order_by("account", "name", "half_hour", "-at")
        .distinct("account", "name", "half_hour")
        .values_list(*_COLUMNS, "half_hour")
    )
    found: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for account, name, at, used, resets_at, *_ in [*coarse, *fine]:
        found[account, name.removeprefix(PREFIX)].append(Sample(at, used, resets_at))
    return {key: sorted(samples, key=lambda sample: sample.at) for key, samples in found.items()}
