"""Tools: how many requests call each, and what became of the calls, beside the period before."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from accounts.secrets.masking import mask_text
from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit
from dashboard.queries.tools import SERVED, Calls, Tool, together, tools

router = Router()


class CallSums(CamelSchema):
    """Calls, how many have a result, and how many of the results are errors; counted two minutes behind."""

    calls: int
    results: int
    result_errors: int
    error_share: float | None = Field(description="Of the results; null without any")
    p50_ms: float | None = Field(description="From the end of the response to the request with the result")
    p95_ms: float | None
    mean_ms: float | None
    result_bytes: int = Field(description="Of the JSON of those results whose size is known")
    measured_results: int = Field(description="How many those are")
    previous_calls: int
    previous_result_errors: int
    previous_p50_ms: float | None


class ToolReport(CallSums):
    """One tool; `requests` are those whose response calls it."""

    tool: str
    server: str | None = Field(description="The MCP server of a tool `mcp__server__tool`, null for any other")
    requests: int
    share: float | None = Field(description="Of all requests of the period")
    previous_requests: int


class ServerReport(CallSums):
    """The tools of one MCP server together."""

    server: str
    tools: int


class ToolList(CamelSchema):
    """Tools of a period, those of most requests first. A request counts under each tool that its response calls."""

    since: datetime
    until: datetime | None
    previous_since: datetime
    previous_until: datetime | None
    requests: int
    tools: list[ToolReport]
    more: int = Field(description="How many tools `limit` leaves out")
    servers: list[ServerReport]


@takes(SERVED)
class ToolQuery(Schema):
    pass


@router.get("/tools", response={200: ToolList, **ERRORS}, by_alias=True)
def tool_list(request: HttpRequest, filters: Query[ToolQuery], limit: Limit = 100) -> ToolList:
    """Tools of a period, the last 24 hours without one, and the MCP servers that they come from."""
    found = tools(filter_of(request, ("limit",)), timezone.now())
    shown = found.tools[:limit]
    return ToolList(
        since=found.span.since,
        until=found.span.until,
        previous_since=found.earlier.since,
        previous_until=found.earlier.until,
        requests=found.requests,
        tools=[_tool(tool, found.requests) for tool in shown],
        more=len(found.tools) - len(shown),
        servers=_servers(found.tools),
    )


def _tool(tool: Tool, requests: int) -> ToolReport:
    return ToolReport(
        tool=mask_text(tool.name),
        server=mask_text(tool.server) or None,
        requests=tool.requests,
        share=tool.requests / requests if requests else None,
        previous_requests=tool.previous_requests,
        **_sums(tool.calls, tool.previous).model_dump(),
    )


def _servers(found: Sequence[Tool]) -> list[ServerReport]:
    """Those with most calls first."""
    by_server: defaultdict[str, list[Tool]] = defaultdict(list)
    for tool in found:
        if tool.server:
            by_server[tool.server].append(tool)
    servers = [
        ServerReport(server=mask_text(name), tools=len(part), **_of_all(part).model_dump())
        for name, part in by_server.items()
    ]
    return sorted(servers, key=lambda server: (-server.calls, server.server))


def _of_all(found: Sequence[Tool]) -> CallSums:
    return _sums(together(tool.calls for tool in found), together(tool.previous for tool in found))


def _sums(now: Calls, previous: Calls) -> CallSums:
    return CallSums(
        calls=now.calls,
        results=now.results,
        result_errors=now.errors,
        error_share=now.error_share,
        p50_ms=now.percentile_ms(0.5),
        p95_ms=now.percentile_ms(0.95),
        mean_ms=now.mean_ms,
        result_bytes=now.result_bytes,
        measured_results=now.measured,
        previous_calls=previous.calls,
        previous_result_errors=previous.errors,
        previous_p50_ms=previous.percentile_ms(0.5),
    )
