"""The shapes of requests."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field

from dashboard.api.resources.requests.makeup import ContextMakeup
from dashboard.api.shapes.cache_break import BrokenCache
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.metrics import EXACT, with_metrics
from dashboard.api.shapes.pages import Pagination
from proxy.metrics import Unit
from proxy.store.metric_fields import BILLED_TOKENS, EXCHANGE, with_unit

_COUNTS = with_unit(EXCHANGE, Unit.TOKENS, Unit.MILLISECONDS)
_OTHERS = tuple(field for field in EXCHANGE if field not in _COUNTS)


@with_metrics(timestamp=_COUNTS, request_type=_OTHERS, exact=EXACT)
class RequestSummary(CamelSchema):
    """One exchange in a list. `requestId` equals the answer's `x-nexus-id`; counts are null where nothing reported them."""

    request_id: UUID
    domain: str
    account_id: str
    model: str
    timestamp: datetime
    response_status: int | None = Field(description="null where no answer came, as its client left before")
    outcome: str
    error: str | None
    request_type: str
    cost_state: str


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


@with_metrics(model=BILLED_TOKENS)
class BilledModel(CamelSchema):
    """What one model is billed for; `cost` is null where nobody knows it."""

    model: str
    cost: str | None


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
