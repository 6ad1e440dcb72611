"""What stands below the cards: cost by model, first bytes, dearest sessions, windows of accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.secrets.masking import mask_text
from dashboard.drawing.charts import Axis, Chart, Number, stacked
from dashboard.drawing.lines import drawn
from dashboard.filters.filter import Filter
from dashboard.pages import window_rows
from dashboard.pages.overview.cards import cache_share
from dashboard.pages.window_rows import WindowRow
from dashboard.queries import accounts, conversations
from dashboard.queries.sums.breakdowns import By
from dashboard.queries.sums.colours import colours
from dashboard.queries.sums.courses import Bars, folded
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.percentiles import SHARES, Spreads
from dashboard.queries.sums.usage import Cut
from dashboard.templatetags.nexus import duration, usd
from proxy.histograms import FIRST_BYTES
from proxy.store.models import Conversation

MOST_ACCOUNTS = 6
NO_MODEL = "(none)"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session with its sums in the period; `title` is "" for who may not read bodies. `row` is None once it was dropped."""

    id: str
    row: Conversation | None
    title: str
    person: str
    sums: Figures
    cache_share: float | None


@dataclass(frozen=True, slots=True)
class AccountRow:
    """The fullest window of a credential."""

    name: str
    query: str
    window: WindowRow


def costs(by: By, found: Mapping[str, Bars], axis: Axis, step: str) -> Chart:
    """Stacked, in the colour that each model has everywhere."""
    series = folded(found)
    names = {value: mask_text(value) or NO_MODEL for value in series}
    palette = {names[value]: place for value, place in colours(by, series).items() if value in names}
    amounts: dict[str, Mapping[datetime, Number]] = {
        names[value]: {bar: sums.cost_usd for bar, sums in bars.items()} for value, bars in series.items()
    }
    return stacked(f"Cost per {step} by model, USD", amounts, axis, _dollars, palette)


def _dollars(value: Number) -> str:
    return usd(Decimal(value))


def first_bytes(bars: Mapping[datetime, Spreads], whole: Spreads, axis: Axis) -> Chart:
    """A line for each percentile."""
    name = FIRST_BYTES.name
    series = {
        share: {bar: value for bar, each in bars.items() if (value := each[name].values[share]) is not None}
        for share in SHARES
    }
    return drawn(
        "First byte", series, [duration(whole[name].values[share]) for share in SHARES], axis, duration
    )


def dearest(found: Mapping[str, Figures], *, with_titles: bool) -> list[SessionRow]:
    """In their order."""
    rows = conversations.known([UUID(key) for key in found])
    return [_session(key, sums, rows.get(UUID(key)), with_titles=with_titles) for key, sums in found.items()]


def _session(key: str, sums: Figures, row: Conversation | None, *, with_titles: bool) -> SessionRow:
    return SessionRow(
        id=key,
        row=row,
        title=conversations.title(row) if row and with_titles else "",
        person=mask_text(row.person) if row else "",
        sums=sums,
        cache_share=cache_share(sums),
    )


def windows(chosen: Filter, now: datetime, cut: Cut) -> Sequence[AccountRow]:
    """The fullest first."""
    return [
        AccountRow(
            mask_text(held.name),
            chosen.only(("domain",)).to_query(),
            window_rows.row(window, now, cut.span.zone),
        )
        for held, window in accounts.nearest(chosen.only(("domain", "account")), now, MOST_ACCOUNTS)
    ]
