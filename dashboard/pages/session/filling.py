"""What fills the context along a line of turns, as a chart and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from dashboard.drawing import charts
from dashboard.drawing.charts import Bar, Chart, Row, Series
from dashboard.pages import context_parts
from dashboard.pages.context_parts import SERIES, Part
from dashboard.pages.session.outline import Outline, Step
from dashboard.queries import makeup
from dashboard.templatetags.nexus import compact, grouped, percent
from proxy.conversations.findings.context_makeup import Content

# Few bars would else be as wide as the chart.
LEAST_WIDTH = 12


@dataclass(frozen=True, slots=True)
class Filling:
    """`chart` is None where no turn is large enough to tell; `drawn` of `turns` large ones have a bar."""

    chart: Chart | None
    drawn: int
    turns: int


def filling(outline: Outline, line: Sequence[Step]) -> Filling:
    """Reads the requests of the turns that are drawn."""
    found = [
        (outline.by_id[turn.id], {part.name: part for part in context_parts.parts_of(made, by_server=False)})
        for turn, made in makeup.along([step.row for step in line])
    ]
    large = sum(makeup.is_large(step.row) for step in line)
    return Filling(_chart(found) if found else None, len(found), large)


def _chart(found: Sequence[tuple[Step, dict[str, Part]]]) -> Chart:
    named = [content for content in SERIES if any(content.value in parts for _, parts in found)]
    top = charts.ceiling(max(step.context for step, _ in found))
    last = found[-1][1]
    return Chart(
        title="What fills the context, turn by turn",
        width=max(len(found), LEAST_WIDTH),
        series=[
            Series(
                SERIES[content],
                content.value,
                percent(last[content.value].share if content.value in last else 0),
            )
            for content in named
        ],
        drawing=SafeString(
            "".join(
                Bar(
                    index,
                    _title(step, parts),
                    charts.stack(((part.series, part.tokens) for part in parts.values()), top),
                    _address(step),
                ).drawing
                for index, (step, parts) in enumerate(found)
            )
        ),
        ticks=[compact(top), compact(top / 2), "0"],
        marks=[f"#{found[index][0].number}" for index in charts.even_marks(len(found))][:4],
        rows=[_row(step, parts, named) for step, parts in reversed(found)],
    )


def _row(step: Step, parts: dict[str, Part], named: Sequence[Content]) -> Row:
    tokens = [parts[content.value].tokens if content.value in parts else 0 for content in named]
    return Row(f"#{step.number}", [grouped(step.context), *map(grouped, tokens)], _address(step))


def _title(step: Step, parts: dict[str, Part]) -> str:
    shares = ", ".join(f"{part.name} {percent(part.share)}" for part in parts.values())
    return f"Turn {step.number}, {grouped(step.context)} tokens: {shares}"


def _address(step: Step) -> str:
    return f"?at={step.id}#turn-{step.id}"
