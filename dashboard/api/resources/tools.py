"""Tools: how many requests call each, and how many of the newest calls came back as errors."""

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
from dashboard.queries.tools import MOST_TURNS, SERVED, Tool, tools

router = Router()


class CallSums(CamelSchema):
    """Of the turns that were looked at: calls, how many have a result, and how many of the results are errors."""

    calls: int
    results: int
    result_errors: int
    error_share: float | None = Field(description="Of the results; null without any")


class ToolReport(CallSums):
    """One tool; `requests` are those of the whole period whose response calls it."""

    tool: str
    server: str | None = Field(description="The MCP server of a tool `mcp__server__tool`, null for any other")
    requests: int
    share: float | None = Field(description="Of all requests of the period")


class ServerReport(CallSums):
    """The tools of one MCP server together."""

    server: str
    tools: int


class ToolList(CamelSchema):
    """Tools of a period, those of most requests first. A request counts under each tool that its response calls."""

    since: datetime
    until: datetime | None
    requests: int
    tools: list[ToolReport]
    more: int = Field(description="How many tools `limit` leaves out")
    servers: list[ServerReport]
    looked_at_turns: int = Field(
        description=f"Calls and results are of so many turns, of the newest {MOST_TURNS:,} requests"
    )
    looked_back_to: datetime | None = Field(
        description="The oldest of these requests; null: all of the period"
    )


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
        requests=found.requests,
        tools=[_tool(tool, found.requests) for tool in shown],
        more=len(found.tools) - len(shown),
        servers=_servers(found.tools),
        looked_at_turns=found.turns,
        looked_back_to=found.looked_back_to,
    )


def _tool(tool: Tool, requests: int) -> ToolReport:
    return ToolReport(
        tool=mask_text(tool.name),
        server=mask_text(tool.server) or None,
        requests=tool.requests,
        share=tool.requests / requests if requests else None,
        **_calls([tool]).model_dump(),
    )


def _servers(found: Sequence[Tool]) -> list[ServerReport]:
    """Those with most calls first."""
    by_server: defaultdict[str, list[Tool]] = defaultdict(list)
    for tool in found:
        if tool.server:
            by_server[tool.server].append(tool)
    servers = [
        ServerReport(server=mask_text(name), tools=len(part), **_calls(part).model_dump())
        for name, part in by_server.items()
    ]
    return sorted(servers, key=lambda server: (-server.calls, server.server))


def _calls(found: Sequence[Tool]) -> CallSums:
    results, errors = (sum(getattr(tool.calls, name) for tool in found) for name in ("results", "errors"))
    return CallSums(
        calls=sum(tool.calls.calls for tool in found),
        results=results,
        result_errors=errors,
        error_share=errors / results if results else None,
    )
