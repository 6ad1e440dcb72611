"""The API's shapes, in camelCase: the predecessor's names (docs/predecessor.md#api-shapes), with what is new here beside them."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import create_model

from dashboard.api.camel import CamelSchema
from dashboard.api.makeup import ContextMakeup
from proxy.conversations.findings.cause_words import Cause
from proxy.conversations.search.new_text import Where
from proxy.metrics import METRICS, Metric, Unit


class ErrorBody(Schema):
    code: str
    message: str


class Error(Schema):
    """Every error of the API."""

    error: ErrorBody


_METRICS = sorted((metric for metric in METRICS if metric.shown), key=lambda metric: metric.stats_place)
AMOUNTS = [metric for metric in _METRICS if metric.unit is Unit.USD]
DOUBTS = [metric for metric in _METRICS if metric.tag]
COUNTS = [metric for metric in _METRICS if metric not in (*AMOUNTS, *DOUBTS)]


def exact_name(metric: Metric) -> str:
    """The field with an amount as an exact decimal."""
    return metric.stats_name.removesuffix("_usd")


def _sums(metrics: Iterable[Metric]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for metric in metrics:
        is_whole = metric.unit is not Unit.USD and not getattr(metric.source, "digits", 0)
        fields[metric.stats_name] = (int if is_whole else float, Field(description=metric.help))
        if metric.unit is Unit.USD:
            fields[exact_name(metric)] = (str, Field(description="The same as an exact decimal"))
    return fields


# Its fields follow the table of metrics.
Stats: type[Any] = create_model(
    "Stats",
    __base__=CamelSchema,
    __doc__="Sums over whole hours. `totalTokens` is input and output; `averageResponseTime` is in ms.",
    **_sums(COUNTS),
    active_domains=int,
    requests_by_model=dict[str, int],
    requests_by_type=dict[str, int],
    **_sums(AMOUNTS),
    cost_state=(
        str,
        Field(
            description="The worst of them: unpriced (models without a price), partial (something that is billed is not "
            "known), notional (prepaid capacity at list prices) or exact"
        ),
    ),
    **_sums(DOUBTS),
    since=(datetime, Field(description="The hour from which the sums count")),
)


class RequestSummary(CamelSchema):
    """One exchange in a list. `requestId` equals the answer's `x-nexus-id`; counts are null where nothing reported them."""

    request_id: UUID
    domain: str
    account_id: str
    model: str
    timestamp: datetime
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int
    cache_read_input_tokens: int | None
    cache_creation_input_tokens: int | None
    duration_ms: int
    response_status: int | None = Field(description="null where no answer came, as its client left before")
    outcome: str
    error: str | None
    request_type: str
    tool_call_count: int
    cost_usd: float | None
    cost: str | None = Field(description="The same as an exact decimal")
    cost_state: str


class Pagination(CamelSchema):
    """`nextBefore` continues the list fast at any depth: give it as `before`.

    `total` is null where the counters do not tell it. `lookedBackTo` is set where the looking stopped before the page was full.
    """

    total: int | None
    limit: int
    offset: int
    has_more: bool
    next_before: UUID | None
    looked_back_to: datetime | None = None


class RequestList(CamelSchema):
    requests: list[RequestSummary]
    pagination: Pagination


class StreamingChunk(CamelSchema):
    """A piece of the answer as the network gave it."""

    chunk_index: int
    offset_ms: float
    bytes: int


class CostFactor(CamelSchema):
    """What multiplies a rate, such as fast mode."""

    name: str
    value: str


class CostLine(CamelSchema):
    """One line of a bill: `amount` is `quantity` times `rate` for `per` of them, times all `factors`; USD as exact decimals."""

    label: str
    kind: str = Field(
        description="Empty for the answer's own call, else what came on top: compaction, advisor, declined …"
    )
    model: str
    quantity: int
    rate: str | None = Field(description="null where the price does not tell it")
    per: int = Field(description="1,000,000 tokens or 1,000 searches")
    factors: list[CostFactor]
    amount: str
    over_tokens: int = Field(description="The size of a prompt over which the rate holds, 0 for any")
    price_id: int | None
    price: str | None = Field(description="Its row of the price table, in words")


class BilledModel(CamelSchema):
    """What one model is billed for; `cost` is null where nobody knows it."""

    model: str
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int
    cache_creation_input_tokens: int
    cost: str | None


class BrokenCache(CamelSchema):
    """What a turn lost that the turn before it had cached, and why."""

    lost_tokens: int
    avoidable_usd: float | None = Field(
        description="What it cost more than reading them; null where a price is missing"
    )
    avoidable: str | None = Field(description="The same as an exact decimal")
    cause: Cause
    at: str | None = Field(description="Where the requests begin to differ: a tool or a place")
    by_api: bool = Field(description="Whether the API itself gave the cause")


class RequestDetails(RequestSummary):
    """All of one exchange. Bodies are parsed JSON (else text), with secrets masked; `/raw/…` gives the exact bytes."""

    cost_lines: list[CostLine] = Field(description="The bill: its amounts add up to `cost`")
    cost_reasons: list[str] = Field(description="Why the cost is not exact")
    cost_notes: list[str] = Field(description="What else there is to say of the cost, and what to do")
    billed: list[BilledModel] = Field(description="What each model is billed for, the answer's own first")
    answered_model: str = Field(
        description="The model that answered, which may be another than was asked for"
    )
    speed: str | None
    inference_geo: str | None
    service_tier: str | None
    thinking_tokens: int | None = Field(description="Of the output")
    stop_details: Any
    error_code: str | None
    input_transformations: int
    fallback_from: str | None = Field(description="The model that declined first")
    bill_to: str | None = Field(description="Who was asked to be billed: it is counted here all the same")

    method: str
    path: str
    streamed: bool
    first_byte_ms: int | None
    stop_reason: str | None
    paid_by: str
    left_organisation: str | None = Field(
        description="The organisation that served the session before; from here on another one does"
    )
    session_id: str | None
    conversation_id: UUID | None = Field(description="null for what carries no messages")
    parent_id: UUID | None = Field(description="The turn whose answer it goes on from")
    agent_id: str | None = Field(description="null for the main agent")
    parent_agent_id: str | None
    request_headers: list[tuple[str, str]]
    response_headers: list[tuple[str, str]]
    headers_missing: str | None = Field(description="Why headers that were kept cannot be read, else null")
    request_body: Any
    response_body: Any
    request_missing: str | None = Field(description="Why there is no request body, null where it is kept")
    response_missing: str | None
    cache_break: BrokenCache | None
    context_makeup: ContextMakeup | None = Field(
        description="null below 5,000 tokens, and where the request cannot be read"
    )
    pinned: bool
    usage_data: Any
    streaming_chunks: list[StreamingChunk]


class DomainCount(CamelSchema):
    domain: str
    request_count: int


class DomainList(CamelSchema):
    """Domains of a period, the busiest first."""

    domains: list[DomainCount]


class BatchReport(CamelSchema):
    """One message batch; `createdBy` and `countedBy` are the exchanges that created it and counted its results."""

    batch_id: str
    domain: str
    account_id: str
    state: str = Field(
        description="counted, waiting (results not fetched yet) or lost (not fetched while they were kept)"
    )
    requests: int | None
    created_at: datetime
    created_by: UUID | None
    counted_at: datetime | None
    counted_by: UUID | None


class BatchList(CamelSchema):
    """Message batches, the newest first; `waiting` counts all whose results can be fetched and were not."""

    waiting: int
    looked_back_to: datetime | None = Field(
        description="Where it stopped to look for what a filter asks of a batch's exchanges; null: it looked at all"
    )
    batches: list[BatchReport]


class LimitReport(CamelSchema):
    """One limit. Amounts are exact decimals as text, in `unit`: requests, tokens, streams or usd."""

    scope: str = Field(description="organisation, domain:<name> or key:<number>")
    of: str = Field(description="The same for people")
    kind: str = Field(
        description="requests_per_minute, tokens_per_minute, concurrent_streams or usd_per_day, …_week, …_month"
    )
    unit: str
    most: Decimal
    used: Decimal | None = Field(description="Now; null where Redis does not know it")
    reserved: Decimal = Field(description="USD for requests that are not in `used` yet")
    share: float = Field(description="`used` and `reserved` by `most`")
    resets_at: datetime | None = Field(
        description="When none of it is used any more, if nobody uses it until then; null: now, or nobody knows, and always of "
        "concurrent_streams: a slot is free when its request ends"
    )


class LimitList(CamelSchema):
    """All limits, the widest first; `unchecked` counts requests that passed while Redis did not answer."""

    redis_answers: bool
    unchecked: int
    unchecked_at: datetime | None
    limits: list[LimitReport]


class SpoolReport(CamelSchema):
    """One proxy process's share; `at` is its last word in epoch seconds, `lostAt` when it last lost a record or a body."""

    id: str
    accepted: int
    stored: int
    waiting: int
    dropped: int
    gaps: int
    bodies_dropped: int
    lost_at: datetime | None
    at: float | None


class PipelineReport(CamelSchema):
    """accepted = stored + waiting + dropped + gaps. `gaps` are records that no proxy holds though they were never stored."""

    accepted: int
    stored: int
    waiting: int
    dropped: int
    gaps: int
    bodies_dropped: int
    lost_at: datetime | None
    healthy: bool
    spools: list[SpoolReport]


class SearchHit(CamelSchema):
    """A turn that was found. `marks` are the hits in `snippet`, as positions of characters from and to."""

    request_id: UUID
    conversation_id: UUID
    where: Where
    snippet: str
    marks: list[tuple[int, int]]
    domain: str
    started_at: datetime


class SearchResult(CamelSchema):
    """Hits newest first. Every turn since `searchedBackTo` was searched, null where none is stored.

    `nextBefore` goes on, given as `before`. `incomplete` says what was not searched of what was asked, and why; else it is null.
    """

    hits: list[SearchHit]
    searched_back_to: datetime | None
    more: bool
    next_before: UUID | None
    incomplete: str | None


class TableReport(CamelSchema):
    """One table of a month, with indexes and TOAST; `share` is that of the month's `rawBytes`."""

    table: str
    stored_bytes: int
    share: float | None


class MonthReport(CamelSchema):
    """A month by its first day. `rawBytes`: its kept bodies as they went over the wire; `storedBytes`: its tables on disk.

    Once its bodies were dropped, `bodiesDroppedAt` says since when, and nobody knows the bytes of those that were pinned.
    """

    month: date
    raw_bytes: int | None
    stored_bytes: int
    share: float | None
    bodies_dropped_at: datetime | None
    tables: list[TableReport]


class StorageReport(CamelSchema):
    """All months that are kept, the newest first. `rawBytes` and `share` are of those whose bodies were not dropped."""

    raw_bytes: int
    stored_bytes: int
    share: float | None
    months: list[MonthReport]
