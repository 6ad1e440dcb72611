"""Tools of a period, beside the period before: requests by the sums by value, and what became of their calls.

Nothing of an input or a result. A call is counted two minutes after the last turn of its conversation.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Q, QuerySet, Sum
from django.db.models.functions import Cast

from dashboard.filters.filter import Filter
from dashboard.queries.filtering import domain_is
from dashboard.queries.sums.breakdowns import DIMENSIONS, breakdown
from dashboard.queries.sums.figures import days_in, summary
from dashboard.queries.sums.spans import Span, before, span_of
from proxy.histograms import WAITS
from proxy.store.models import ToolDay, ToolHour
from proxy.store.models.tools import TOOL_SUMS

SERVED = DIMENSIONS["tool"].served
_MCP = "mcp__"
# Bucket by bucket: PostgreSQL has no sum of arrays.
_BUCKETS = [f"waits_{place}" for place in range(WAITS.buckets)]
_SUMS = {name: Cast(Sum(name), BigIntegerField()) for name in TOOL_SUMS} | {
    name: Cast(Sum(f"waits__{place}", default=0), BigIntegerField()) for place, name in enumerate(_BUCKETS)
}


@dataclass(frozen=True, slots=True)
class Calls:
    """What became of calls: `results` of them came back, `errors` of these as errors. Of `measured` results the bytes are known."""

    calls: int = 0
    results: int = 0
    errors: int = 0
    measured: int = 0
    result_bytes: int = 0
    waited_ms: int = 0
    waits: tuple[int, ...] = (0,) * WAITS.buckets

    @property
    def error_share(self) -> float | None:
        """Of the results."""
        return self.errors / self.results if self.results else None

    @property
    def mean_ms(self) -> float | None:
        return self.waited_ms / self.results if self.results else None

    @property
    def mean_bytes(self) -> float | None:
        return self.result_bytes / self.measured if self.measured else None

    def percentile_ms(self, share: float) -> float | None:
        """The time below which `share` (0 to 1) of the results came."""
        return WAITS.percentile(self.waits, share)


@dataclass(frozen=True, slots=True)
class Tool:
    """`requests` are those whose response calls it. `server` is that of an MCP tool, else "". The `previous` are of the
    time before."""

    name: str
    requests: int
    calls: Calls
    previous_requests: int
    previous: Calls

    @property
    def server(self) -> str:
        return server_of(self.name)


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a span, those of most requests first; `requests` are all of the span, `earlier` is the time before it."""

    span: Span
    earlier: Span
    requests: int
    tools: list[Tool]


def server_of(tool: str) -> str:
    """The MCP server of a tool that is called `mcp__server__tool`, "" for any other."""
    return tool.removeprefix(_MCP).partition("__")[0] if tool.startswith(_MCP) else ""


def tools(chosen: Filter, now: datetime) -> Tools:
    """The tools of a filter (24 hours without a period)."""
    chosen = chosen.in_period("24h")
    span = span_of(chosen, now)
    earlier = before(span, chosen, now)
    requests, requests_before = (_requests(each, chosen) for each in (span, earlier))
    calls, calls_before = (_calls(each, chosen) for each in (span, earlier))
    nothing = Calls()
    found = [
        Tool(
            name,
            requests.get(name, 0),
            calls.get(name, nothing),
            requests_before.get(name, 0),
            calls_before.get(name, nothing),
        )
        for name in requests.keys() | calls.keys()
    ]
    found.sort(key=lambda tool: (-tool.requests, -tool.calls.calls, tool.name))
    return Tools(span, earlier, summary(span, chosen.without("tool")).total.requests, found)


def together(parts: Iterable[Calls]) -> Calls:
    """The sums of sums."""
    kept = list(parts)
    sums = {name: sum(getattr(part, name) for part in kept) for name in TOOL_SUMS}
    return Calls(**sums, waits=_each([part.waits for part in kept]))


def _requests(span: Span, chosen: Filter) -> dict[str, int]:
    sums = breakdown(DIMENSIONS["tool"], span, chosen)
    return {name: each.requests for name, each in sums.items() if each.requests}


def _calls(span: Span, chosen: Filter) -> dict[str, Calls]:
    keys = domain_is(chosen.domain) if chosen.domain else Q()
    if chosen.tool:
        keys &= Q(tool=chosen.tool)
    found: defaultdict[str, list[Calls]] = defaultdict(list)
    for rows in _rows(span, keys):
        for row in rows.order_by().values("tool").annotate(**_SUMS):
            found[row["tool"]].append(_of_row(row))
    return {name: sums for name, parts in found.items() if (sums := together(parts)).calls}


def _rows(span: Span, keys: Q) -> Iterable[QuerySet[Any]]:
    """Days where they are whole, hours before and after them."""
    whole, edges = days_in(span)
    if whole is not None:
        yield ToolDay.objects.filter(whole, keys)
    for edge in edges:
        rows = ToolHour.objects.filter(keys, hour__gte=edge.since)
        yield rows.filter(hour__lt=edge.until) if edge.until else rows


def _of_row(row: Mapping[str, Any]) -> Calls:
    return Calls(**{name: row[name] for name in TOOL_SUMS}, waits=tuple(row[name] for name in _BUCKETS))


def _each(waits: list[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*waits, strict=True))) if waits else Calls().waits
