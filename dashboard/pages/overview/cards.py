"""The cards of the overview: a figure, how it moved against the period before, notes that lead on, and its course as a line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.safestring import SafeString

from dashboard.drawing import spark
from dashboard.pages.metric_text import Change, brief, signed, to_the_last_digit
from dashboard.queries.sums.courses import Bars
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.percentiles import Spreads
from dashboard.queries.sums.session_counts import Sessions
from dashboard.templatetags.nexus import NOTHING, duration, grouped
from proxy.histograms import FIRST_BYTES, SPEEDS
from proxy.metrics import BY_NAME, Metric

UP, DOWN = "\u25b2", "\u25bc"
# Less is noise, and would be coloured all the same.
_LEAST = 0.005


@dataclass(frozen=True, slots=True)
class Trend:
    """How a figure moved; `level` is good, bad or "" where neither is better."""

    text: str
    level: str
    help: str


@dataclass(frozen=True, slots=True)
class Note:
    """A line below the figure; with an address it leads on."""

    text: str
    address: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """`address` is the page that says more; `doubts` say why a cost is not exact."""

    title: str
    address: str
    figure: str
    exact: str
    help: str
    trend: Trend | None
    notes: Sequence[Note]
    line: SafeString
    doubts: Sequence[tuple[Metric, int]] = ()
    is_money: bool = False

    @property
    def is_exact(self) -> bool:
        return self.is_money and not self.doubts


@dataclass(frozen=True, slots=True)
class Period:
    """What cards are made of: the sums of a period and of the one before, and their course over the bars of a chart."""

    now: Figures
    before: Figures
    starts: Sequence[datetime]
    bars: Bars

    def line(self, value: Callable[[Figures], float | None]) -> SafeString:
        """The course of what is made of sums; a bar without any is 0."""
        return spark.line([value(self.bars.get(start, Figures())) for start in self.starts])


def cost(period: Period, address: str, explain: str) -> Card:
    """Its difference leads to the page that explains it."""
    metric = BY_NAME["cost_usd"]
    change = Change(metric, period.before.cost_usd, period.now.cost_usd)
    note = Note(f"{signed(metric, change.difference)} explained", explain) if change.difference else Note("")
    return Card(
        title="Cost",
        address=address,
        figure=brief(metric, period.now.cost_usd),
        exact=to_the_last_digit(metric, period.now.cost_usd),
        help=metric.help,
        trend=trend(period.before.cost_usd, period.now.cost_usd, change.sides[0], more_is="bad"),
        notes=[note] if note.text else [],
        line=period.line(lambda sums: float(sums.cost_usd)),
        doubts=period.now.doubts,
        is_money=True,
    )


def requests(period: Period, address: str) -> Card:
    """More of them is neither good nor bad."""
    metric = BY_NAME["requests"]
    count = period.now.requests
    return Card(
        title="Requests",
        address=address,
        figure=brief(metric, count),
        exact=to_the_last_digit(metric, count),
        help=metric.help,
        trend=trend(period.before.requests, count, grouped(period.before.requests)),
        notes=[Note(f"{brief(BY_NAME['total_tokens'], period.now.total_tokens)} tokens")],
        line=period.line(lambda sums: sums.requests),
    )


def cache(period: Period, address: str, saved: Decimal | None, lost: Note | None) -> Card:
    """The share of prompts' tokens that was read from the cache."""
    share, before = cache_share(period.now), cache_share(period.before)
    saving = Note(
        f"saved about {brief(BY_NAME['cost_usd'], saved)}" if saved is not None and saved >= 0 else "",
        help="At today's list prices: prompts without a cache, less what reading and writing it cost (at the rate of five minutes)",
    )
    return Card(
        title="Cache share",
        address=address,
        figure=tenths(share),
        exact=f"{period.now.cache_read_tokens:,} tokens read",
        help="Tokens of prompts that were read from the cache",
        trend=points(before, share, more_is="good"),
        notes=[note for note in (saving, lost) if note and note.text],
        line=period.line(cache_share),
    )


def failures(period: Period, address: str, commonest: Note | None) -> Card:
    """The share of requests that failed."""
    share, before = failed_share(period.now), failed_share(period.before)
    return Card(
        title="Failed",
        address=address,
        figure=tenths(share),
        exact=f"{period.now.errors:,} of {period.now.requests:,} requests",
        help=BY_NAME["errors"].help,
        trend=points(before, share, more_is="bad"),
        notes=[commonest] if commonest else [Note(f"{grouped(period.now.errors)} requests")],
        line=period.line(failed_share),
    )


def sessions(found: Sessions | None, address: str) -> Card:
    """Of domains alone: nothing else is known of hours of conversations."""
    if found is None:
        notes = [Note("are counted by domain alone")]
    else:
        agents = f"{grouped(found.agents)} agents" if found.agents is not None else ""
        notes = [
            Note(f"{grouped(found.active)} active now", help="With a turn in the last two minutes"),
            Note(agents),
        ]
    return Card(
        title="Sessions",
        address=address,
        figure=grouped(found.count) if found else NOTHING,
        exact="",
        help="Conversations with a turn in the period",
        trend=None,
        notes=notes,
        line=SafeString(""),
    )


def first_byte(
    bars: Mapping[datetime, Spreads], whole: Spreads, starts: Sequence[datetime], address: str
) -> Card:
    """The slow end of it, and how fast tokens come then."""
    values, speeds = whole[FIRST_BYTES.name].values, whole[SPEEDS.name].values
    course = [bars[start][FIRST_BYTES.name].values["p95"] if start in bars else None for start in starts]
    return Card(
        title="First byte p95",
        address=address,
        figure=duration(values["p95"]),
        exact="",
        help="95 of 100 responses begin within this time",
        trend=None,
        notes=[
            Note(f"p50 {duration(values['p50'])}"),
            Note(f"{speeds['p50']:,.0f} tokens/s" if speeds["p50"] is not None else ""),
        ],
        line=spark.line(course),
    )


def cache_share(sums: Figures) -> float | None:
    """None where no prompt had tokens."""
    prompt = sums.input_tokens + sums.cache_read_tokens + sums.cache_write_tokens
    return sums.cache_read_tokens / prompt if prompt else None


def failed_share(sums: Figures) -> float | None:
    """None of no requests."""
    return sums.errors / sums.requests if sums.requests else None


def tenths(share: float | None) -> str:
    """91.4 %; nothing but all is 100 %."""
    if share is None:
        return NOTHING
    return f"{100 * share:.1f} %" if share in (0, 1) else f"{min(99.9, max(0.1, 100 * share)):.1f} %"


def trend(before: Decimal | int, now: Decimal | int, shown: str, more_is: str = "") -> Trend | None:
    """In percent; None where there is nothing to compare with."""
    if not before:
        return None
    share = float(now - before) / float(before)
    text = f"{abs(share):,.0%}".replace("%", " %")
    return _trend(share, text, f"{shown} in the period before", more_is)


def points(before: float | None, now: float | None, more_is: str) -> Trend | None:
    """Of a share in percentage points."""
    if before is None or now is None:
        return None
    return _trend(
        now - before, f"{100 * abs(now - before):.1f}", f"{tenths(before)} in the period before", more_is
    )


def _trend(difference: float, text: str, help_: str, more_is: str) -> Trend:
    if abs(difference) < _LEAST:
        return Trend("as before", "", help_)
    other = {"good": "bad", "bad": "good"}.get(more_is, "")
    return Trend(f"{UP if difference > 0 else DOWN} {text}", more_is if difference > 0 else other, help_)
