"""The values of a dimension: what each has of the metrics, beside the period before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from accounts.secrets.masking import mask_text
from dashboard.pages import metric_table
from dashboard.pages.exports import Row as ExportRow
from dashboard.pages.filter_bar import FilterBar
from dashboard.pages.metric_table import Cell
from dashboard.pages.metric_text import Change, part
from dashboard.pages.usage import sessions
from dashboard.pages.usage.sessions import Name
from dashboard.queries.sums.breakdowns import By, labels
from dashboard.queries.sums.figures import Figures
from dashboard.queries.sums.metric_names import ADDED
from proxy.metrics import BY_NAME

COST = BY_NAME["cost_usd"]
NONE = "(none)"
AGENT = "agent"
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A value with `cells` for the other metrics behind its cost; `query` has it in the filter, "" where that cannot be.

    `requests` is the query of its requests, `page` the address that is about it, "" for none.
    """

    label: str
    page: str
    query: str
    requests: str
    cost: Cell
    cells: Sequence[Cell]
    share: str
    change: Change


@dataclass(frozen=True, slots=True)
class Sides:
    """The sums of each value now and before, and of all requests of the filter, which are no sum of tools.

    `more` are left out: there are too many sessions and agents to be shown or handed out.
    """

    now: Mapping[str, Figures]
    before: Mapping[str, Figures]
    total: Figures
    total_before: Figures
    more: int = 0

    def ordered(self) -> list[str]:
        """The most expensive first; what there was only before comes last."""
        nothing = Figures()

        def place(value: str) -> tuple[Decimal, int, Decimal, str]:
            sums, then = self.now.get(value, nothing), self.before.get(value, nothing)
            return (-sums.cost_usd, -sums.requests, -then.cost_usd, value)

        return sorted(self.now.keys() | self.before.keys(), key=place)


def rows(
    sides: Sides, values: Sequence[str], called: Mapping[str, Name], by: By, bar: FilterBar
) -> list[Row]:
    """A row for each of these values."""
    nothing = Figures()
    cells = metric_table.rows({value: sides.now.get(value, nothing) for value in values})
    return [
        Row(
            label=called[value].text,
            page=called[value].page,
            query="" if called[value].page else bar.adding(by.name, called[value].wanted),
            requests=_requests(bar, by, called[value]),
            cost=cells[value][0],
            cells=cells[value][1:],
            share=part(_share(sides.now.get(value, nothing), sides.total)),
            change=change(sides.before.get(value, nothing), sides.now.get(value, nothing)),
        )
        for value in values
    ]


def _requests(bar: FilterBar, by: By, name: Name) -> str:
    asked = replace(bar, kept={})
    if by.name != AGENT:
        return asked.adding(by.name, name.wanted)
    session, _, agent = name.wanted.partition("/")
    return (
        replace(asked, filter=asked.filter.adding("session", session)).adding(AGENT, agent) if agent else ""
    )


def total_row(sides: Sides) -> Row:
    """All requests of the filter."""
    [cells] = metric_table.rows({"": sides.total}).values()
    return Row("Total", "", "", "", cells[0], cells[1:], "", change(sides.total_before, sides.total))


def change(before: Figures, now: Figures) -> Change:
    """Of the cost."""
    return Change(COST, before.cost_usd, now.cost_usd)


def names(by: By, values: Iterable[str], *, with_titles: bool = False) -> dict[str, Name]:
    """What people read for each value, no two alike, without the secrets that somebody put into them.

    `with_titles` calls sessions by the first words of their person, for readers of bodies alone.
    """
    if by.of_conversations:
        return sessions.names(values, with_titles=with_titles)
    kept = list(dict.fromkeys(values))
    known, found, seen = labels(by, kept), dict[str, Name](), set[str]()
    for value in kept:
        text = mask_text(known.get(value, value)) or NONE
        is_taken = text in seen
        text = f"{text} ({len(seen)})" if is_taken else text
        seen.add(text)
        wanted = known.get(value, value) if not is_taken else value
        found[value] = Name(text, wanted if mask_text(wanted) == wanted else "")
    return found


def _share(sums: Figures, total: Figures) -> float | None:
    return float(sums.cost_usd / total.cost_usd) if total.cost_usd else None


COLUMNS = (
    *("by", "value", "label", "costUsd", "costState", "share", "previousCostUsd", "differenceUsd"),
    *(name for name in ADDED if name != "costUsd"),
)


def exported(sides: Sides, by: By) -> Iterable[ExportRow]:
    """Every value as a line of a file, by the names of COLUMNS."""
    values, nothing = sides.ordered(), Figures()
    called = names(by, values)
    for value in values:
        sums, then = sides.now.get(value, nothing), sides.before.get(value, nothing)
        yield {
            "by": by.name,
            "value": mask_text(value),
            "label": called[value].text,
            "costUsd": sums.cost_usd,
            "costState": sums.exactness,
            "share": _share(sums, sides.total),
            "previousCostUsd": then.cost_usd,
            "differenceUsd": sums.cost_usd - then.cost_usd,
            **{name: getattr(sums, metric.name) for name, metric in ADDED.items() if name != "costUsd"},
        }
