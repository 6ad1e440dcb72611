"""The console report of the tokens per domain, 90 columns wide (docs/predecessor.md#console-report)."""

from collections.abc import Mapping
from datetime import timedelta

from proxy.token_stats import DomainStats

WIDTH = 90
_ROW = "{:<29.29} {:>7} {:>7} {:>7} {:>6} {:>9} {:>9} {:>9}"
_HEAD = ("Domain", "Reqs", "Query", "Infer", "Tools", "Input", "Output", "Total")


def report(stats: Mapping[str, DomainStats], up: timedelta) -> str:
    """A table with a row for each domain, a TOTAL and for how long the reporter has been up."""
    rows = [(name, *_figures(stat)) for name, stat in sorted(stats.items())]
    total = [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)] or [0] * 7
    lines = [_ROW.format(*_HEAD), "-" * WIDTH, *(_ROW.format(*row) for row in rows), "-" * WIDTH]
    return "\n".join([*lines, _ROW.format("TOTAL", *total), f"up {uptime(up)}"])


def _figures(domain_stats: DomainStats) -> tuple[int, ...]:
    return (
        domain_stats["requestCount"],
        domain_stats["queryEvaluationCount"],
        domain_stats["inferenceCount"],
        domain_stats["toolCallCount"],
        domain_stats["inputTokens"],
        domain_stats["outputTokens"],
        domain_stats["inputTokens"] + domain_stats["outputTokens"],
    )


def uptime(up: timedelta) -> str:
    """As in `1d 2h 3m 4s`; parts before the first that counts are left out."""
    minutes, seconds = divmod(int(up.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{days}d", f"{hours}h", f"{minutes}m", f"{seconds}s"]
    while len(parts) > 1 and parts[0].startswith("0"):
        parts.pop(0)
    return " ".join(parts)
