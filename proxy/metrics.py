"""What is counted of exchanges: a line for each metric, read by whoever sums it up, answers with it or shows it.

Rollups, totals, rebuilds, API and pages follow METRICS: a counter is a line here and a migration (CONTRIBUTING.md, "Add a
metric"). Nothing here asks anything of a database or of Django.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any

from proxy.metric_names import EXCHANGE_NAMES, STATS_NAMES
from proxy.record import CLIENT_LEFT, COMPLETE
from proxy.wire.billing.pricing import NOTIONAL, PARTIAL, UNPRICED


class Unit(StrEnum):
    """What a metric is a number of. It decides the column's type and how people read it."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CALLS = "calls"
    USD = "USD"
    MILLISECONDS = "ms"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Counted:
    """What each exchange adds, said twice: `of` for ingest, which may keep no rows, `sql` for a rebuild, which has nothing else.

    `column` is the exchange's where one alone says it.
    """

    of: Callable[[Any], int]
    sql: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Billed:
    """What each model of an exchange is billed for; `place` is where `Exchange.billed` has it."""

    place: int


@dataclass(frozen=True, slots=True)
class OfType:
    """The requests of one type. Rollups have the type in their key: this is a sum in the totals of domains alone, and not shown."""

    request_type: str

    def of(self, row: Any) -> int:
        """What an exchange adds."""
        return 1 if row.request_type == self.request_type else 0


@dataclass(frozen=True, slots=True)
class Derived:
    """No sum, but made of sums: `of` takes them by their names, which `parts` lists; `digits` behind the point, 0 for a count."""

    parts: tuple[str, ...]
    of: Callable[[Any], float]
    digits: int = 0


def column(name: str) -> Counted:
    """What a column of the exchange says; nothing where it is not known."""
    get = attrgetter(name)
    return Counted(lambda row: get(row) or 0, f"coalesce({name}, 0)", name)


def both(first: Counted, second: Counted) -> Counted:
    """The sum of two."""
    return Counted(lambda row: first.of(row) + second.of(row), f"{first.sql} + {second.sql}")


def where(name: str, value: str) -> Counted:
    """1 where a column says so."""
    get = attrgetter(name)
    return Counted(lambda row: 1 if get(row) == value else 0, f"({name} = '{value}')::int")


def where_not(name: str, *values: str) -> Counted:
    """1 where a column says none of these."""
    get, listed = attrgetter(name), ", ".join(f"'{value}'" for value in values)
    return Counted(lambda row: 0 if get(row) in values else 1, f"({name} NOT IN ({listed}))::int")


EACH = Counted(lambda row: 1, "1")


@dataclass(frozen=True, slots=True)
class Metric:
    """`name` is its column in the sums, `help` a sentence for people.

    `shown`: the API and the pages have it. `cards` are the titles of those that it stands in: first in one it is the figure,
    else a note, as "12 `note`". `tag` is the style of a mark for how far a cost can be trusted. `is_bad`: more than none is
    bad news. `kept_only`: exchanges that are counted with storage off add nothing. `first_release`: its column is as old as its
    table and has no default in the database.
    """

    name: str
    label: str
    unit: Unit
    help: str
    source: Counted | Billed | OfType | Derived
    shown: bool = True
    cards: tuple[str, ...] = ()
    note: str = ""
    tag: str = ""
    is_bad: bool = False
    kept_only: bool = False
    first_release: bool = False

    @property
    def column(self) -> str:
        """The column of an exchange that says how much of it there is, "" where none does."""
        match self.source:
            case Counted(column=name):
                return name
            case Billed():
                return self.name
            case _:
                return ""

    @property
    def adds(self) -> Callable[[Any], Any]:
        """What an exchange adds to it, all its models together. Only of what is counted or billed."""
        return self.source.of if isinstance(self.source, Counted) else column(self.column).of

    @property
    def stats_name(self) -> str:
        """Its field in `/api/stats`, before it is put into camelCase."""
        return STATS_NAMES.get(self.name, f"total_{self.name}")

    @property
    def stats_place(self) -> int:
        """Where it stands there, among others of its kind."""
        return _place(self.name, STATS_NAMES)

    @property
    def exchange_name(self) -> str:
        """Its field where one exchange is described, before it is put into camelCase; "" where it has none."""
        return EXCHANGE_NAMES.get(self.name, self.name if self.shown and self.column else "")


def _place(name: str, known: Mapping[str, str]) -> int:
    return [*known].index(name) if name in known else len(known)


METRICS = (
    Metric(
        "requests",
        "Requests",
        Unit.REQUESTS,
        "Requests that clients sent",
        EACH,
        cards=("Requests",),
        first_release=True,
    ),
    Metric(
        "errors",
        "Failed",
        Unit.REQUESTS,
        "Requests that did not end well, but for those that their client left",
        where_not("outcome", COMPLETE, CLIENT_LEFT),
        cards=("Requests",),
        note="failed",
        is_bad=True,
        first_release=True,
    ),
    Metric(
        "total_tokens",
        "Tokens",
        Unit.TOKENS,
        "Input and output tokens; the cache is counted apart",
        Derived(("input_tokens", "output_tokens"), lambda sums: sums.input_tokens + sums.output_tokens),
        cards=("Tokens",),
    ),
    Metric(
        "input_tokens",
        "Input",
        Unit.TOKENS,
        "Tokens of prompts that neither came from the cache nor went into it",
        Billed(1),
        cards=("Tokens",),
        note="in",
        first_release=True,
    ),
    Metric(
        "output_tokens",
        "Output",
        Unit.TOKENS,
        "Tokens that models wrote",
        Billed(2),
        cards=("Tokens",),
        note="out",
        first_release=True,
    ),
    Metric(
        "cache_read_tokens",
        "Cache read",
        Unit.TOKENS,
        "Tokens read from the cache",
        Billed(3),
        cards=("Cache",),
        first_release=True,
    ),
    Metric(
        "cache_write_tokens",
        "Cache write",
        Unit.TOKENS,
        "Tokens written into the cache",
        Billed(4),
        cards=("Cache",),
        note="written",
        first_release=True,
    ),
    Metric(
        "cost_usd",
        "Cost",
        Unit.USD,
        "What the API bills",
        Billed(5),
        cards=("Cost",),
        first_release=True,
    ),
    # The worst first: the first that is not zero says how far a cost can be trusted.
    Metric(
        UNPRICED,
        "Unpriced",
        Unit.REQUESTS,
        "Models without a price are not in this sum: add their prices in the admin, then run manage.py reprice",
        where("cost_state", UNPRICED),
        cards=("Cost",),
        tag="warn",
        first_release=True,
    ),
    Metric(
        PARTIAL,
        "Partial",
        Unit.REQUESTS,
        "Something that is billed is not known of them, as where a stream was cut: each request says what",
        where("cost_state", PARTIAL),
        cards=("Tokens", "Cost"),
        tag="warn",
        first_release=True,
    ),
    Metric(
        NOTIONAL,
        "Notional",
        Unit.REQUESTS,
        "Served from priority capacity, which is paid for in advance: their cost is what list prices give",
        where("cost_state", NOTIONAL),
        cards=("Cost",),
        tag="plain",
    ),
    Metric(
        "average_ms",
        "Average",
        Unit.MILLISECONDS,
        "How long a request took on average; 0 where there was none",
        Derived(
            ("duration_ms", "requests"),
            lambda sums: sums.duration_ms / sums.requests if sums.requests else 0.0,
            digits=1,
        ),
    ),
    Metric(
        "duration_ms",
        "Duration",
        Unit.MILLISECONDS,
        "How long all requests took together",
        column("duration_ms"),
        shown=False,
        first_release=True,
    ),
    Metric(
        "tool_calls",
        "Tool calls",
        Unit.CALLS,
        "Tools that models called",
        column("tool_calls"),
        shown=False,
        first_release=True,
    ),
    Metric(
        "stored",
        "Stored",
        Unit.REQUESTS,
        "Requests that were kept",
        EACH,
        shown=False,
        kept_only=True,
        first_release=True,
    ),
    Metric(
        "kept_bytes",
        "Kept",
        Unit.BYTES,
        "The size of the bodies that were kept",
        both(column("request_bytes"), column("response_bytes")),
        shown=False,
        kept_only=True,
        first_release=True,
    ),
    Metric(
        "query_evaluations",
        "Query evaluations",
        Unit.REQUESTS,
        "Requests with one system prompt at most",
        OfType("query_evaluation"),
        shown=False,
        first_release=True,
    ),
    Metric(
        "inferences",
        "Inferences",
        Unit.REQUESTS,
        "Requests with several system prompts",
        OfType("inference"),
        shown=False,
        first_release=True,
    ),
)

BY_NAME = {metric.name: metric for metric in METRICS}
COUNTED = {metric.name: metric.source for metric in METRICS if isinstance(metric.source, Counted)}
BILLED = {metric.name: metric.source for metric in METRICS if isinstance(metric.source, Billed)}
OF_TYPE = {metric.name: metric.source for metric in METRICS if isinstance(metric.source, OfType)}
DERIVED = {metric.name: metric.source for metric in METRICS if isinstance(metric.source, Derived)}
# From the worst on: the first of them that any exchange has says how far a cost can be trusted.
DOUBTS = tuple(metric for metric in METRICS if metric.tag)
OF_EXCHANGE = tuple(
    sorted(
        (metric for metric in METRICS if metric.exchange_name),
        key=lambda metric: _place(metric.name, EXCHANGE_NAMES),
    )
)
# The columns of all tables of sums, and of those of domains.
SUMS = (*BILLED, *COUNTED)
SUMS_OF_DOMAIN = (*SUMS, *OF_TYPE)
