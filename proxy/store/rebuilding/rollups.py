"""Make the rollups, the totals of domains and the sums of spending say again what the stored exchanges say, while ingest goes on.

An hour is fixed only where all that it counted is still there as rows; what is left alone is reported. Beside a month
that was dropped a day is left alone as well: an exchange may lie in the partition of the neighbour, by its id.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from proxy.store.models import CLOCK_SLACK
from proxy.store.rebuilding import (
    breakdown_reconciliation,
    countable,
    days,
    hour_reconciliation,
    reconciliation,
    spend_reconciliation,
    tool_reconciliation,
)
from proxy.store.rebuilding.alone import alone
from proxy.store.rebuilding.comparison import Difference, Window

_DAY = timedelta(days=1)
ALWAYS = datetime.min.replace(tzinfo=UTC)
FOR_EVER = datetime.max.replace(tzinfo=UTC)


def hour_of(moment: datetime) -> datetime:
    """The hour in which a moment lies: sums know nothing finer."""
    return moment.replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Asked:
    """The hours from `since` to before `until`, of one domain or, with "", of all."""

    since: datetime = ALWAYS
    until: datetime = FOR_EVER
    domain: str = ""
    dry_run: bool = False


@dataclass(slots=True)
class Rebuilt:
    """What differed, and what was left alone, because it cannot be counted again."""

    hours: list[Difference] = field(default_factory=list)
    totals: list[Difference] = field(default_factory=list)
    spending: list[Difference] = field(default_factory=list)
    breakdowns: list[Difference] = field(default_factory=list)
    agents: list[Difference] = field(default_factory=list)
    tools: list[Difference] = field(default_factory=list)
    days: list[date] = field(default_factory=list)
    dropped_months: list[date] = field(default_factory=list)
    storage_off: list[datetime] = field(default_factory=list)
    counted_before: list[datetime] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether any sum was wrong."""
        sums = (self.hours, self.totals, self.spending, self.breakdowns, self.agents, self.tools)
        return any(sums) or bool(self.days)


def rebuild(asked: Asked, progress: Callable[[int, int], None] = lambda done, of: None) -> Rebuilt:
    """Compare, and fix unless it is a dry run; `progress` hears how many of how many months are done."""
    found = Rebuilt()
    with alone("nexus_rebuild_rollups"), reconciliation.tables(), breakdown_reconciliation.FOUND.opened():
        months = _months(asked)
        for done, month in enumerate(months):
            progress(done, len(months))
            _rebuild_month(month, asked, found)
        found.totals = reconciliation.compare_totals(asked.domain)
        if not asked.dry_run:
            reconciliation.apply_totals()
        progress(len(months), len(months))
    return found


def _rebuild_month(month: date, asked: Asked, found: Rebuilt) -> None:
    dropped = countable.dropped_months()
    if month in dropped:
        found.dropped_months.append(month)
    window = _window(month, asked, dropped)
    if window is None:
        return
    reconciliation.compare(window)
    breakdown_reconciliation.compare(window)
    spending = spend_reconciliation.compare(window)
    if countable.dropped_months() != dropped:  # one went meanwhile, and what it held looks like too much
        reconciliation.FOUND.forget(window)
        breakdown_reconciliation.FOUND.forget(window)
        return _rebuild_month(month, asked, found)
    storage_off = countable.storage_off(window)
    counted_before = countable.counted_before(window) - storage_off
    left_alone = storage_off | counted_before
    reconciliation.FOUND.leave(left_alone)
    breakdown_reconciliation.FOUND.leave(left_alone)
    found.storage_off += sorted(storage_off)
    found.counted_before += sorted(counted_before)
    found.hours += reconciliation.FOUND.hours(window)
    found.breakdowns += breakdown_reconciliation.FOUND.hours(window)
    wrong_days = days.wrong([day.start.date() for day in _days(window)])
    found.days += wrong_days
    # An hour that cannot be counted again makes its day one: of strangers nothing was spent.
    storage_off_days = {hour.date() for hour in storage_off}
    spending = {key: cost for key, cost in spending.items() if key[0] not in storage_off_days}
    found.spending += spend_reconciliation.by_day(spending)
    if not asked.dry_run:
        _correct(window, left_alone)
        days.rebuild(wrong_days)
        spend_reconciliation.apply(spending)
        spend_reconciliation.sweep(window)
    with hour_reconciliation.compared(window) as differing:
        found.agents += differing
        if not asked.dry_run:
            hour_reconciliation.apply(window)
    found.tools += tool_reconciliation.reconcile(window, left_alone, apply=not asked.dry_run)


def _correct(window: Window, left_alone: Collection[datetime]) -> None:
    for day in _days(window):
        reconciliation.apply(day)
        breakdown_reconciliation.apply(day)
    reconciliation.sweep(window, left_alone)
    breakdown_reconciliation.sweep(window)


def _months(asked: Asked) -> list[date]:
    known = countable.months_counted() | countable.months_with_rows()
    return sorted(hour for hour in known if _start(hour) < asked.until and asked.since < _start(_next(hour)))


def _window(month: date, asked: Asked, dropped: set[date]) -> Window | None:
    """The hours of a month that were asked for and can have all their rows."""
    if month in dropped:
        return None
    before = CLOCK_SLACK if _previous(month) in dropped else timedelta()
    after = CLOCK_SLACK if _next(month) in dropped else timedelta()
    start = max(_start(month) + before, asked.since)
    end = min(_start(_next(month)) - after, asked.until)
    return Window(start, end, asked.domain) if start < end else None


def _days(window: Window) -> Iterator[Window]:
    """A day at a time: ingest waits no longer than for that."""
    start = window.start
    while start < window.end:
        end = min(start + _DAY, window.end)
        yield Window(start, end, window.domain)
        start = end


def _start(month: date) -> datetime:
    return datetime.combine(month, time(), tzinfo=UTC)


def _next(month: date) -> date:
    return (month.replace(day=28) + 4 * _DAY).replace(day=1)


def _previous(month: date) -> date:
    return (month - _DAY).replace(day=1)
