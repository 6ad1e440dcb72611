"""The tools of a period, the last 7 days without one, and its table as a file."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboard.filters.filter import BY_NAME
from dashboard.pages import exports
from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.tools import table
from dashboard.queries import tool_schemas
from dashboard.queries.tools import SERVED, together
from dashboard.queries.tools import tools as tools_of
from dashboard.templatetags.nexus import percent
from proxy.conversations.findings.finding import MEANS, TO_DO, FindingKind

SHOWN = 100
MOST_CLIENTS = 20
_SERVED = [name for name in BY_NAME if name in SERVED]


def tools(request: HttpRequest) -> HttpResponse:
    """Sums by tool and by MCP server; `format` gives the tools as a file."""
    bar = filter_bar(request, _SERVED, others=("format",), unset="Last 7 days")
    form = bar.chosen("format", exports.FORMATS)
    bar = bar.keeping()
    chosen = bar.filter.in_period("7d")
    found = tools_of(chosen, timezone.now())
    if form:
        return exports.export(form, "tools", table.COLUMNS, table.exported(found))
    calls = together(tool.calls for tool in found.tools)
    findings = chosen.without("tool")
    context = {
        "bar": bar,
        "span": found.span,
        "before": found.earlier,
        "calls": calls,
        "error_share": percent(calls.error_share),
        "median": calls.percentile_ms(0.5),
        "slow": calls.percentile_ms(0.95),
        "rows": table.rows(found.tools[:SHOWN], bar, found.requests),
        "more": len(found.tools[SHOWN:]),
        "servers": table.servers(found.tools, bar),
        "clients": tool_schemas.clients(findings)[:MOST_CLIENTS],
        "schemas_mean": MEANS[FindingKind.TOOL_SCHEMAS],
        "schemas_to_do": TO_DO[FindingKind.TOOL_SCHEMAS],
        "slow_findings": findings.to_query(kind=FindingKind.SLOW_TOOL),
        "schema_findings": findings.to_query(kind=FindingKind.TOOL_SCHEMAS),
        "files": {name: bar.filter.to_query(format=name) for name in exports.FORMATS if name},
    }
    return render(request, "tools/page.html", context)
