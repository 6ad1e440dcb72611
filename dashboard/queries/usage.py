"""Seven days, hour by hour, from the rollups alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Case, F, Value, When
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries.figures import AGGREGATES, ALL, Figures, rollups, together
from proxy.metrics import BILLED

DAYS = 7
NAMED_SERIES = 6
OTHERS = "everything else"
# A week has tens of thousands of rollups: each sum more is to be seen.
_CHARTED = {name: AGGREGATES[name] for name in ("requests", *BILLED)}


@dataclass(frozen=True, slots=True)
class Week:
    """Whole local days up to today: `hours` are the UTC hours that they hold, `days` their local midnights."""

    days: list[datetime]
    start: datetime
    end: datetime

    @property
    def hours(self) -> list[datetime]:
        count = int((self.end - self.start) / timedelta(hours=1))
        return [self.start + timedelta(hours=index) for index in range(count)]


def _midnight(day: datetime, plus_days: int) -> datetime:
    """Local midnight some days later: by the calendar, because a day can have 23 or 25 hours."""
    date = day.date() + timedelta(days=plus_days)
    return datetime.combine(date, time(), tzinfo=day.tzinfo)


def week(now: datetime | None = None) -> Week:
    """Today and the six days before it, in REPORTING_TIME_ZONE; edges are cut down to whole UTC hours, as rollups are."""
    zone = ZoneInfo(settings.REPORTING_TIME_ZONE)
    today = (now or timezone.now()).astimezone(zone)
    days = [_midnight(today, index) for index in range(1 - DAYS, 1)]
    return Week(days, _whole_hour(days[0]), _whole_hour(_midnight(today, 1)))


def _whole_hour(moment: datetime) -> datetime:
    # The very object that Django's hours have: between others each comparison asks both zones for their offset.
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def hourly_by(
    field: str, names: list[str], since: datetime, chosen: Filter = ALL
) -> dict[str, dict[datetime, Figures]]:
    """What the charts show of each hour, for each of the first few `names` (of `domain` or `model`); the rest is one series."""
    named = Case(When(**{f"{field}__in": names[:NAMED_SERIES]}, then=F(field)), default=Value(OTHERS))
    rows = rollups(since, chosen).annotate(series=named).values("hour", "series").annotate(**_CHARTED)
    series: dict[str, dict[datetime, Figures]] = defaultdict(dict)
    for hour, name, *sums in rows.values_list("hour", "series", *_CHARTED):
        series[name][hour] = Figures(**dict(zip(_CHARTED, sums, strict=True)))
    return dict(series)


def hourly(series: Iterable[Mapping[datetime, Figures]]) -> dict[datetime, Figures]:
    """All series together."""
    parts: dict[datetime, list[Figures]] = defaultdict(list)
    for value in series:
        for hour, sums in value.items():
            parts[hour].append(sums)
    return {hour: together(sums) for hour, sums in parts.items()}
