"""The figures as tables for people and as JSON."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench import bars, targets
from tests.bench.bars import Verdict, median
from tests.bench.measure import Run
from tests.bench.workloads import WORKLOADS, Workload


class Scale(msgspec.Struct, frozen=True):
    """`measured` requests a second; `bound` is what the proxy could carry with a core for each process."""

    processes: int
    measured: float
    bound: float


class Report(msgspec.Struct, frozen=True):
    """`pinned` tells whether the two sides had a core each."""

    pinned: bool
    seconds: float
    runs: list[Run]
    verdicts: list[Verdict]
    scale: list[Scale] = []

    @property
    def missed(self) -> list[str]:
        return [verdict.name for verdict in self.verdicts if not verdict.kept]

    @property
    def missed_there(self) -> list[str]:
        """Of the bars as they were set."""
        return [verdict.name for verdict in self.verdicts if not verdict.kept_there]

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))


LEGEND = (
    "rate: answers a second (open or paced: as offered). CPU: of the proxy; behind: worker, Redis, PostgreSQL, "
    "until all is stored. first, event: ms until the first byte, and of an event on its way. ÷: of the rate for closed "
    "loops, of the event's p50 for streams. Storage off: the worker counts and keeps nothing; the proxy does the same. "
    "Bare view: the same Django, uvicorn and aiohttp without a rule or a record; where it takes longer than on the machine of "
    "the bars (limit there), the limit here grows with it."
)


@dataclass(frozen=True, slots=True)
class Column:
    """`streams`: for streams alone; `proxy`: not for direct."""

    name: str
    value: Callable[[Run], float]
    form: str
    streams: bool = False
    proxy: bool = False


COLUMNS = (
    Column("rate", lambda run: run.load.rate, ",.0f"),
    Column("events/s", bars.event_rate, ",.0f", streams=True),
    Column("CPU s/1,000", bars.per_request, ".2f", proxy=True),
    Column("with behind", bars.per_request_all, ".2f", proxy=True),
    Column("CPU µs/event", bars.per_event, ".1f", streams=True, proxy=True),
    Column("first p50", bars.first_p50, ".2f"),
    Column("p99", lambda run: run.load.first.p99, ".2f"),
    Column("event p50", bars.event_p50, ".2f", streams=True),
    Column("p99", bars.event_p99, ".2f", streams=True),
    Column("RSS MiB", lambda run: run.peak, ".0f", proxy=True),
)


def show(report: Report, console: Console) -> None:
    """The tables, the bars, and what was missed."""
    for workload in (
        target for target in WORKLOADS if any(run.workload == target.name for run in report.runs)
    ):
        console.print(_table(report.runs, workload))
    if report.scale:
        console.print(_scale(report.scale))
    console.print(LEGEND, style="dim", highlight=False)
    if report.verdicts:
        console.print(_bars(report.verdicts))
        for name, missed in (("here", report.missed), ("there", report.missed_there)):
            console.print(f"missed, by the limits {name}: {', '.join(missed) or 'no bar'}", highlight=False)


def _table(runs: Sequence[Run], workload: Workload) -> Table:
    table = Table(title=f"{workload.name}: {workload.about}", title_justify="left", title_style="bold")
    columns = [column for column in COLUMNS if column.streams is False or workload.events is not None]
    for name in ("", *(column.name for column in columns), "÷ direct", "÷ nginx"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for target in dict.fromkeys(run.target for run in runs if run.workload == workload.name):
        cells = (_cell(runs, workload, target, column) for column in columns)
        ratios = (_ratio(runs, workload, target, base) for base in (targets.DIRECT, targets.NGINX))
        table.add_row(target, *cells, *ratios)
    return table


def _cell(runs: Sequence[Run], workload: Workload, target: str, column: Column) -> str:
    if column.proxy and target == targets.DIRECT:
        return ""
    found = median(runs, target, workload.name, column.value)
    return "" if found is None else format(found, column.form)


def _ratio(runs: Sequence[Run], workload: Workload, target: str, base: str) -> str:
    value = bars.event_p50 if workload.events is not None and workload.paced else lambda run: run.load.rate
    mine, theirs = (median(runs, item, workload.name, value) for item in (target, base))
    return f"{mine / theirs:.2f}" if mine and theirs and target != base else ""


def _bars(verdicts: Sequence[Verdict]) -> Table:
    heads = ("bar", "found", "limit here", "limit there", "", "")
    table = Table(*heads, title="Bars", title_justify="left", title_style="bold")
    for verdict in verdicts:
        limits = (f"{'≥' if verdict.least else '≤'} {limit:,.4g}" for limit in (verdict.here, verdict.limit))
        table.add_row(
            verdict.name,
            f"{verdict.found:,.4g}",
            *limits,
            verdict.unit,
            "" if verdict.kept else "[red]missed[/]",
        )
    return table


def _scale(scales: Sequence[Scale]) -> Table:
    table = Table("proxy processes", "requests/s here", "by their CPU alone", title="Scale, unpinned")
    for scale in scales:
        table.add_row(str(scale.processes), f"{scale.measured:,.0f}", f"{scale.bound:,.0f}")
    return table
