"""The columns that the list can have, by their names in addresses, which are those of the API where that has them too."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.safestring import SafeString

from accounts.secrets.masking import mask_text
from dashboard.templatetags.nexus import NOTHING, compact, duration, grouped, size, tokens, words
from proxy.metrics import Unit
from proxy.store.metric_fields import EXCHANGE, MetricField
from proxy.store.models import Exchange


@dataclass(frozen=True, slots=True)
class Row:
    """An exchange as a line; `title` is what its conversation is called, "" for who may not read bodies."""

    exchange: Exchange
    title: str = ""
    conversation: UUID | None = None
    client_key: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """`adds` is the parameter of the filter that `value` becomes, "" for none; `title` is shown on hover."""

    text: str | SafeString
    title: str = ""
    adds: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """`reads` are wide columns of the database that it needs, `exported` those of an export with the same.

    A `kind` other than text and number has a template of its own; what is `fixed` is always there.
    """

    name: str
    label: str
    cell: Callable[[Row], Cell]
    kind: str = "text"
    help: str = ""
    is_usual: bool = False
    fixed: bool = False
    of_bodies: bool = False
    reads: tuple[str, ...] = ()
    exported: tuple[str, ...] = field(default=())


def _own(name: str, label: str, attribute: str, adds: str = "", **more: object) -> Column:
    """A column of the database as it is, masked; its values add themselves to the filter."""

    def cell(row: Row) -> Cell:
        value = str(getattr(row.exchange, attribute))
        shown = mask_text(value)
        return Cell(shown or NOTHING, shown, adds if shown == value else "", value)

    exported = () if more.get("reads") else (name,)
    return Column(name, label, cell, exported=exported, **more)  # type: ignore[arg-type]  # as Column has them


def _metric(found: MetricField) -> Column:
    """A metric of the table of metrics."""
    first, *rest = found.name.split("_")
    name = first + "".join(map(str.capitalize, rest))
    metric = found.metric
    if metric.unit is Unit.USD:
        return Column(
            name,
            metric.label,
            _nothing,
            "cost",
            metric.help,
            True,
            True,
            exported=(name, found.exact_name, "costState"),
        )

    def cell(row: Row) -> Cell:
        value = getattr(row.exchange, found.attribute)
        if metric.unit is Unit.MILLISECONDS:
            return Cell(duration(value))
        if metric.unit is Unit.TOKENS:
            return Cell(compact(value), tokens(row.exchange))
        return Cell(grouped(value))

    is_usual = name in ("inputTokens", "outputTokens", "durationMs")
    return Column(name, metric.label, cell, "number", metric.help, is_usual, exported=(name,))


def _nothing(row: Row) -> Cell:
    """Of a column that its template shows."""
    return Cell("")


def _client_key(row: Row) -> Cell:
    return Cell(row.client_key or NOTHING, row.client_key, "clientKey", row.client_key)


def _size(attribute: str) -> Callable[[Row], Cell]:
    return lambda row: Cell(size(getattr(row.exchange, attribute)))


def _tools(row: Row) -> Cell:
    names = ", ".join(dict.fromkeys(mask_text(name) for name in row.exchange.tool_names))
    return Cell(names or NOTHING, names)


def _type(row: Row) -> Cell:
    return Cell(words(row.exchange.request_type), adds="type", value=row.exchange.request_type)


_METRICS = sorted(map(_metric, EXCHANGE), key=lambda column: column.name == "durationMs")
# In their order on the page: money stands where no screen is too narrow for it.
COLUMNS = (
    Column("timestamp", "Time", _nothing, "time", is_usual=True, fixed=True, exported=("timestamp",)),
    *(column for column in _METRICS if column.fixed),
    Column(
        "title",
        "Session",
        _nothing,
        "title",
        "The first words of its session",
        is_usual=True,
        of_bodies=True,
        exported=("sessionId",),
    ),
    Column(
        "responseStatus",
        "Status",
        _nothing,
        "status",
        is_usual=True,
        exported=("responseStatus", "outcome", "errorType"),
    ),
    _own("domain", "Domain", "domain", "domain", is_usual=True),
    _own("model", "Model", "model", "model", is_usual=True),
    *(column for column in _METRICS if not column.fixed),
    Column(
        "firstByteMs", "First byte", lambda row: Cell(duration(row.exchange.first_byte_ms)), "number",
        exported=("firstByteMs",),
    ),
    Column("requestType", "Type", _type, exported=("requestType",)),
    _own("accountId", "Account", "account", "account"),
    Column("paidBy", "Paid by", lambda row: Cell(mask_text(row.exchange.paid_by))),
    Column("clientKey", "Client key", _client_key, exported=("clientKey",)),
    _own("person", "Person", "user_id", "person", reads=("user_id",)),
    _own("sessionId", "Session id", "session_id", "session"),
    _own("agentId", "Agent", "agent_id", "agent"),
    _own("stopReason", "Stopped by", "stop_reason", "stopReason"),
    _own("errorType", "Error", "error_type", "errorType"),
    Column("tools", "Tools called", _tools, reads=("tool_names",)),
    Column("requestBytes", "Sent", _size("request_bytes"), "number"),
    Column("responseBytes", "Received", _size("response_bytes"), "number"),
    Column("path", "Path", lambda row: Cell(mask_text(row.exchange.path))),
)  # fmt: skip
BY_NAME = {column.name: column for column in COLUMNS}
PARAMETER = "columns"


def usual(*, reads_bodies: bool) -> list[Column]:
    """Those of who has chosen none."""
    return [column for column in COLUMNS if column.is_usual and (reads_bodies or not column.of_bodies)]


def chosen(names: Iterable[str], *, reads_bodies: bool) -> tuple[list[Column], list[str]]:
    """The columns of these names and the fixed ones, in the order of the page, and the names that are none."""
    asked = set(names)
    found = [
        column
        for column in COLUMNS
        if (column.fixed or column.name in asked) and (reads_bodies or not column.of_bodies)
    ]
    return found, [name for name in dict.fromkeys(names) if name not in BY_NAME]


def as_parameter(columns: Sequence[Column]) -> str:
    """timestamp,model,costUsd."""
    return ",".join(column.name for column in columns)


def exported(columns: Collection[Column]) -> str:
    """What an export calls the same, for its own parameter."""
    return ",".join(dict.fromkeys(["requestId", *(name for column in columns for name in column.exported)]))
