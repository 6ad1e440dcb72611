"""Tools and MCP servers as rows: what people read of each, and lines of a file."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accounts.secrets.masking import mask_text
from dashboard.pages.exports import Row as ExportRow
from dashboard.pages.filter_bar import FilterBar
from dashboard.pages.metric_text import Change, part
from dashboard.queries.tools import Calls, Tool, Tools, together
from dashboard.templatetags.nexus import NOTHING, duration, size
from proxy.conversations.findings.loops import SLOW_SECONDS
from proxy.metrics import BY_NAME

_CALLS = BY_NAME["tool_calls"]
# Names of columns in files, as the API has them.
COLUMNS = (
    *(
        "tool",
        "server",
        "requests",
        "share",
        "calls",
        "results",
        "resultErrors",
        "errorShare",
        "p50Ms",
        "p95Ms",
    ),
    *(
        "meanMs",
        "resultBytes",
        "measuredResults",
        "previousRequests",
        "previousCalls",
        "previousResultErrors",
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A tool or a server. `only` shows it alone and `requests` lists its requests, as queries, "" where that cannot be.

    `is_slow` says that one in twenty calls takes as long as the finding of a slow tool asks for.
    """

    label: str
    only: str
    requests: str
    request_count: int
    calls: Calls
    share: str
    error_share: str
    median: str
    slow: str
    is_slow: bool
    size: str
    mean_size: str
    change: Change


def rows(found: Sequence[Tool], bar: FilterBar, whole: int) -> list[Row]:
    """A row for each tool."""
    return [_row(tool.name, tool.requests, tool.calls, tool.previous, bar, whole) for tool in found]


def servers(found: Iterable[Tool], bar: FilterBar) -> list[tuple[Row, int]]:
    """The MCP servers, those with most calls first, each with how many tools of it were called."""
    by_server: defaultdict[str, list[Tool]] = defaultdict(list)
    for tool in found:
        if tool.server:
            by_server[tool.server].append(tool)
    made = [
        (
            _row(name, 0, together(tool.calls for tool in parts), _previous(parts), bar, 0, is_tool=False),
            len(parts),
        )
        for name, parts in by_server.items()
    ]
    return sorted(made, key=lambda row: (-row[0].calls.calls, row[0].label))


def _previous(parts: Iterable[Tool]) -> Calls:
    return together(tool.previous for tool in parts)


def _row(
    name: str, requests: int, now: Calls, previous: Calls, bar: FilterBar, whole: int, *, is_tool: bool = True
) -> Row:
    text = mask_text(name)
    can_filter = is_tool and text == name
    p95 = now.percentile_ms(0.95)
    return Row(
        label=text,
        only=bar.adding("tool", name) if can_filter else "",
        requests=bar.filter.adding("tool", name).to_query() if can_filter else "",
        request_count=requests,
        calls=now,
        share=part(requests / whole if whole else None),
        error_share=part(now.error_share) if now.errors else NOTHING,
        median=duration(now.percentile_ms(0.5)),
        slow=duration(p95),
        is_slow=p95 is not None and p95 >= SLOW_SECONDS * 1000,
        size=size(now.result_bytes) if now.measured else NOTHING,
        mean_size=size(round(now.mean_bytes)) if now.mean_bytes is not None else NOTHING,
        change=Change(_CALLS, previous.calls, now.calls),
    )


def exported(found: Tools) -> Iterable[ExportRow]:
    """Every tool as a line of a file, by the names of COLUMNS."""
    for tool in found.tools:
        now = tool.calls
        yield {
            "tool": mask_text(tool.name),
            "server": mask_text(tool.server) or None,
            "requests": tool.requests,
            "share": tool.requests / found.requests if found.requests else None,
            "calls": now.calls,
            "results": now.results,
            "resultErrors": now.errors,
            "errorShare": now.error_share,
            "p50Ms": now.percentile_ms(0.5),
            "p95Ms": now.percentile_ms(0.95),
            "meanMs": now.mean_ms,
            "resultBytes": now.result_bytes,
            "measuredResults": now.measured,
            "previousRequests": tool.previous_requests,
            "previousCalls": tool.previous.calls,
            "previousResultErrors": tool.previous.errors,
        }
