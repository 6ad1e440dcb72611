"""Tools of a period: requests by the sums, calls and errors by the digests of its newest turns. Nothing of an input or a result."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from dashboard.queries.filtering import in_period_and_domain
from dashboard.queries.sums.breakdowns import DIMENSIONS, breakdown
from dashboard.queries.sums.figures import summary
from dashboard.queries.sums.spans import Span, span_of
from proxy.dimensions import LONGEST
from proxy.store.conversations.turns import tool_digests
from proxy.store.models import Exchange, Turn, moment_of

SERVED = DIMENSIONS["tool"].served
MOST_TURNS = 2_000
_MCP = "mcp__"


@dataclass(slots=True)
class Calls:
    """What became of the calls of a tool: `results` of them came back, `errors` of these as errors."""

    calls: int = 0
    results: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """`requests` are those whose response calls it. `server` is that of an MCP tool, else ""."""

    name: str
    requests: int
    calls: Calls

    @property
    def server(self) -> str:
        return server_of(self.name)


@dataclass(frozen=True, slots=True)
class Tools:
    """`requests` are all of the period; calls are those of `turns` turns, back to `looked_back_to` where there are more."""

    span: Span
    requests: int
    tools: list[Tool]
    turns: int
    looked_back_to: datetime | None


@dataclass(slots=True)
class _Looked:
    turns: int = 0
    back_to: datetime | None = None
    by_tool: defaultdict[str, Calls] = field(default_factory=lambda: defaultdict(Calls))


def server_of(tool: str) -> str:
    """The MCP server of a tool that is called `mcp__server__tool`, "" for any other."""
    return tool.removeprefix(_MCP).partition("__")[0] if tool.startswith(_MCP) else ""


def tools(chosen: Filter, now: datetime) -> Tools:
    """The tools of a filter (24 hours without a period), those of most requests first."""
    chosen = chosen.in_period("24h")
    span = span_of(chosen, now)
    sums = breakdown(DIMENSIONS["tool"], span, chosen)
    looked = _look(chosen, now)
    names = sums.keys() | {name for name in looked.by_tool if chosen.tool in ("", name)}
    found = [
        Tool(name, sums[name].requests if name in sums else 0, looked.by_tool.get(name, Calls()))
        for name in names
    ]
    found.sort(key=lambda tool: (-tool.requests, -tool.calls.calls, tool.name))
    everything = summary(span, chosen.without("tool")).total.requests
    return Tools(span, everything, found, looked.turns, looked.back_to)


def _look(chosen: Filter, now: datetime) -> _Looked:
    """Requests have an index by domain, and turns are requests with messages."""
    rows = narrowed.rows(Exchange).order_by("-id").filter(in_period_and_domain(chosen, now))
    ids = list(rows.values_list("id", flat=True)[: MOST_TURNS + 1])
    looked = _Looked(back_to=moment_of(ids[MOST_TURNS - 1]) if len(ids) > MOST_TURNS else None)
    turns = list(narrowed.rows(Turn).filter(id__in=ids[:MOST_TURNS]).only("id", "tool_digests"))
    looked.turns = len(turns)
    _count(turns, looked)
    return looked


def _count(turns: Iterable[Turn], looked: _Looked) -> None:
    """Each call once, though repeats and branches bring it again."""
    named: dict[str, str] = {}
    results: dict[str, bool] = {}
    for turn in turns:
        called, came = tool_digests(turn)
        named |= {call.id: call.name[:LONGEST] for call in called if call.id}
        results |= {result.id: result.is_error for result in came}
    for identity, name in named.items():
        calls = looked.by_tool[name]
        calls.calls += 1
        if identity in results:
            calls.results += 1
            calls.errors += results[identity]
