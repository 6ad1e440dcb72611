"""The columns of an export: what a list shows of an exchange, its metrics by their table, and nothing of a body."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from ninja import Field

from accounts.secrets.masking import mask_text
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.metrics import EXACT, with_metrics
from dashboard.queries.client_keys import names_of
from proxy.store.metric_fields import EXCHANGE, values
from proxy.store.models import Exchange


@with_metrics(first_byte_ms=EXCHANGE, exact=EXACT)
class ExportedRequest(CamelSchema):
    """One exchange. `requestId` equals the answer's `x-nexus-id`; counts are null where nothing reported them."""

    request_id: UUID
    timestamp: datetime
    domain: str
    account_id: str
    client_key: str | None = Field(description="Its name; null where the client showed none")
    session_id: str | None
    agent_id: str | None
    model: str
    request_type: str
    outcome: str
    response_status: int | None
    error_type: str | None = Field(
        description="The API's type of error; its message may quote a body, and is not here"
    )
    stop_reason: str | None
    first_byte_ms: int | None
    cost_state: str


Row = Sequence[Any]


def _kind(annotation: Any) -> type:
    """The type of a column; one that may be null has it of what it is otherwise."""
    kind: type = next((kind for kind in get_args(annotation) if kind is not type(None)), annotation)
    return kind


# The type of each column by its name, in order.
COLUMNS: Mapping[str, type] = {
    str(field.alias): _kind(field.annotation) for field in ExportedRequest.model_fields.values()
}
_FIELDS = {str(field.alias): name for name, field in ExportedRequest.model_fields.items()}
_READ = (
    *("id", "started_at", "domain", "account", "client_key", "session_id", "agent_id", "model"),
    *("request_type", "outcome", "status", "error_type", "stop_reason", "first_byte_ms", "cost_state"),
)
_OWN = {field.name for field in Exchange._meta.concrete_fields}
# The columns of the database that they come from.
READ = tuple(dict.fromkeys([*_READ, *(field.attribute for field in EXCHANGE if field.attribute in _OWN)]))


def picked(names: str) -> Mapping[str, type]:
    """The columns of a list of names, parted by commas, in its order; "" for all. Raises ValueError."""
    if not names:
        return COLUMNS
    asked = dict.fromkeys(name.strip() for name in names.split(","))
    for name in asked:
        if name not in COLUMNS:
            raise ValueError(f"there is no column {name[:60]!r}; there are {', '.join(COLUMNS)}")
    return {name: COLUMNS[name] for name in asked}


def rows(parts: Iterator[Sequence[Exchange]], columns: Iterable[str] = COLUMNS) -> Iterator[list[Row]]:
    """The values of these columns for each exchange of each part."""
    order = [_FIELDS[name] for name in columns]
    named: dict[str, str] = {}
    for part in parts:
        unnamed = {exchange.client_key for exchange in part} - named.keys()
        named |= {number: number for number in unnamed} | names_of(unnamed)
        yield [_row(exchange, named, order) for exchange in part]


def _row(exchange: Exchange, named: Mapping[str, str], order: Iterable[str]) -> Row:
    found = {
        "request_id": exchange.id,
        "timestamp": exchange.started_at,
        "domain": exchange.domain,
        "account_id": exchange.account,
        "client_key": named[exchange.client_key] or None,
        "session_id": mask_text(exchange.session_id) or None,
        "agent_id": mask_text(exchange.agent_id) or None,
        "model": exchange.model,
        "request_type": exchange.request_type,
        "outcome": exchange.outcome,
        "response_status": exchange.status or None,
        "error_type": mask_text(exchange.error_type) or None,
        "stop_reason": exchange.stop_reason or None,
        "first_byte_ms": exchange.first_byte_ms,
        "cost_state": exchange.cost_state,
        **values(EXCHANGE, exchange),
    }
    return [found[name] for name in order]
