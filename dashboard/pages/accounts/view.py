"""The page of accounts."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.credentials.state import State
from accounts.secrets.masking import mask_text
from dashboard.drawing import spark
from dashboard.drawing.charts import Axis
from dashboard.pages import time_axis, window_rows
from dashboard.pages.filter_bar import FilterBar, filter_bar
from dashboard.pages.window_rows import WindowRow
from dashboard.queries import accounts as queries
from dashboard.queries.accounts import Listed
from dashboard.queries.sums import usage
from dashboard.queries.sums.breakdowns import DIMENSIONS
from dashboard.queries.sums.errors import Bars, errors_over_time
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.usage import Cut
from dashboard.templatetags.nexus import grouped

_LEVELS = {State.VALID: "good", State.REFRESHING: "good", State.DISABLED: "plain", State.EXPIRING: "warn"}
_LEVELS |= {State.COOLING: "warn", State.INVALID: "bad", State.NEEDS_LOGIN: "bad"}


@dataclass(frozen=True, slots=True)
class Row:
    """A credential, without secrets; `query` has its account in the filter, "" where that cannot be."""

    listed: Listed
    name: str
    account: str
    level: str
    reason: str
    used_at: datetime | None
    error: str
    error_at: datetime | None
    windows: list[WindowRow]
    errors: SafeString
    query: str


@dataclass(frozen=True, slots=True)
class Other:
    """The sums of an account without a credential."""

    name: str
    sums: Figures
    query: str


def accounts(request: HttpRequest) -> HttpResponse:
    """Each credential and the sums of its account in a period, 24 hours without one."""
    bar = filter_bar(request, queries.SERVED, unset="Last 24 hours", counted="24h")
    now = timezone.now()
    found = queries.overview(bar.filter, now)
    cut = usage.cut(found.span, now)
    failed = errors_over_time(DIMENSIONS["account"], cut, bar.filter)
    axis = time_axis.axis_of(cut)
    context = {
        "bar": bar,
        "span": found.span,
        "step": cut.step,
        "redis_answers": found.redis_answers,
        "rows": [_row(listed, bar, axis, cut, failed, now) for listed in found.credentials],
        "others": [
            Other(mask_text(account) or "paid by clients themselves", sums, _requests(bar, account))
            for account, sums in sorted(found.others.items(), key=lambda item: -item[1].cost_usd)
        ],
    }
    return render(request, "accounts/page.html", context)


def _row(listed: Listed, bar: FilterBar, axis: Axis, cut: Cut, failed: dict[str, Bars], now: datetime) -> Row:
    held, health = listed.held, listed.health
    return Row(
        listed=listed,
        name=mask_text(held.name),
        account=mask_text(held.account),
        level=_LEVELS[listed.verdict.state],
        reason=mask_text(listed.verdict.reason),
        used_at=_moment(health.used_at, now),
        error=mask_text(health.error or held.row.last_error),
        error_at=_moment(health.error_at, now),
        windows=[window_rows.row(window, now, cut.span.zone) for window in listed.windows],
        errors=_errors(axis, cut, bar, held.account, failed.get(held.account, {})),
        query=_requests(bar, held.account),
    )


def _requests(bar: FilterBar, account: str) -> str:
    """The query of its requests; what holds a secret is not put into an address."""
    return bar.adding("account", account) if mask_text(account) == account else ""


def _errors(axis: Axis, cut: Cut, bar: FilterBar, account: str, failed: Bars) -> SafeString:
    """Failed requests in each bar, which leads to the requests of its hours."""
    query = bar.filter.adding("account", account) if mask_text(account) == account else bar.filter
    leads = time_axis.leading(axis, cut, query, "accounts").leads
    counts = [failed.get(start, 0) for start in cut.starts]
    titles = [f"{label}\nfailed: {grouped(count)}" for label, count in zip(axis.labels, counts, strict=True)]
    return spark.bars(counts, titles, leads)


def _moment(seconds: float, now: datetime) -> datetime | None:
    return datetime.fromtimestamp(seconds, now.tzinfo) if seconds else None
