"""From stored exchanges to the API's shapes."""

from datetime import datetime
from typing import Any

from accounts.secrets.masking import mask_json, mask_text
from dashboard.api import conversations
from dashboard.api.bill import billed_models, cost_lines, decimal
from dashboard.api.findings import broken_cache
from dashboard.api.makeup import context_makeup
from dashboard.api.schemas import (
    AMOUNTS,
    COUNTS,
    DOUBTS,
    RequestDetails,
    RequestSummary,
    SearchHit,
    SearchResult,
    Stats,
    StreamingChunk,
    exact_name,
)
from dashboard.queries import makeup
from dashboard.queries.exchanges import Details
from dashboard.queries.figures import Summary
from dashboard.queries.search import Page
from dashboard.transcript import bodies
from dashboard.transcript.batch_results import FIRST
from dashboard.transcript.clipping import clipped
from proxy.metrics import BY_NAME, DERIVED
from proxy.store.conversations.loading import Loaded
from proxy.store.ingest.message_batches import usage_of
from proxy.store.models import Exchange
from proxy.store.pricing.costs import plain
from proxy.wire.batches import first_results
from proxy.wire.billing.usage import COUNT_COLUMNS, USAGE_NAMES
from proxy.wire.lenient import parse
from proxy.wire.messages import read_response

# Of a body in an answer: to mask a million characters takes a second or two.
MAX_CHARACTERS = 1_000_000
MAX_VALUES = 100_000


def stats(summary: Summary, since: datetime) -> Any:
    """The sums of a stretch of time."""
    sums = summary.total
    values = {metric.stats_name: getattr(sums, metric.name) for metric in (*COUNTS, *AMOUNTS, *DOUBTS)}
    exact = {exact_name(metric): plain(getattr(sums, metric.name)) for metric in AMOUNTS}
    means = {
        BY_NAME[name].stats_name: round(getattr(sums, name), source.digits)
        for name, source in DERIVED.items()
        if source.digits
    }
    return Stats(
        **values | exact | means,
        active_domains=len(summary.by_domain),
        requests_by_model={model: part.requests for model, part in summary.by_model.items()},
        requests_by_type={kind: part.requests for kind, part in summary.by_type.items()},
        cost_state=sums.exactness,
        since=since,
    )


def request_summary(exchange: Exchange) -> RequestSummary:
    """One line of the list."""
    error = mask_text(exchange.error_message or exchange.error_type)
    return RequestSummary(
        request_id=exchange.id,
        domain=exchange.domain,
        account_id=exchange.account,
        model=exchange.model,
        timestamp=exchange.started_at,
        **{name: getattr(exchange, column) for name, column in zip(USAGE_NAMES, COUNT_COLUMNS, strict=True)},
        total_tokens=exchange.total_tokens,
        duration_ms=exchange.duration_ms,
        response_status=exchange.status or None,
        outcome=exchange.outcome,
        error=error or (exchange.outcome if exchange.failed else None),
        request_type=exchange.request_type,
        tool_call_count=exchange.tool_calls,
        cost_usd=None if exchange.cost_usd is None else float(exchange.cost_usd),
        cost=decimal(exchange.cost_usd),
        cost_state=exchange.cost_state,
    )


def request_details(details: Details, conversation: Loaded | None) -> RequestDetails:
    """Everything of one exchange, secrets masked, and where it stands in its conversation."""
    exchange, bill = details.exchange, details.bill
    filled = makeup.of_turn(exchange, _plain_request(details), conversation)
    return RequestDetails(
        **request_summary(exchange).model_dump(),
        cost_lines=cost_lines(bill),
        cost_reasons=list(bill.reasons),
        cost_notes=list(bill.notes),
        billed=billed_models(bill),
        answered_model=bill.answered_model,
        **_served(exchange),
        method=exchange.method,
        path=exchange.path,
        streamed=exchange.streamed,
        first_byte_ms=exchange.first_byte_ms,
        stop_reason=exchange.stop_reason or None,
        paid_by=exchange.paid_by,
        left_organisation=exchange.left_organisation or None,
        session_id=exchange.session_id or None,
        **conversations.links(conversation, exchange),
        request_headers=[(name, mask_text(value)) for name, value in details.headers.request],
        response_headers=[(name, mask_text(value)) for name, value in details.headers.response],
        headers_missing=details.headers.missing or None,
        request_body=_request(details),
        response_body=_response(details),
        request_missing=details.request.missing or None,
        response_missing=details.response.missing or None,
        cache_break=broken_cache(details.cache_break) if details.cache_break else None,
        context_makeup=context_makeup(filled) if filled else None,
        pinned=details.pinned,
        usage_data=mask_json(exchange.usage),
        streaming_chunks=[
            StreamingChunk(chunk_index=index, offset_ms=moment, bytes=count)
            for index, (moment, count) in enumerate(details.chunks)
        ],
    )


def search_result(page: Page) -> SearchResult:
    """A page of hits."""
    found = page.search
    return SearchResult(
        hits=[
            SearchHit(
                request_id=turn.hit.id,
                conversation_id=turn.hit.conversation,
                where=turn.hit.snippet.where,
                snippet=turn.hit.snippet.text,
                marks=list(turn.hit.snippet.marks),
                domain=turn.hit.domain,
                started_at=turn.started_at,
            )
            for turn in page.turns
        ],
        searched_back_to=found.searched_back_to,
        more=found.next_before is not None,
        next_before=found.next_before,
        incomplete="; ".join(filter(None, [found.why_incomplete, *found.unreadable])) or None,
    )


def _served(exchange: Exchange) -> dict[str, Any]:
    """How it was served, in the words of its request and its answer."""
    words = ("speed", "inference_geo", "service_tier", "error_code", "fallback_from", "bill_to")
    return {name: mask_text(getattr(exchange, name)) or None for name in words} | {
        "thinking_tokens": exchange.thinking_tokens,
        "stop_details": mask_json(exchange.stop_details),
        "input_transformations": exchange.input_transformations,
    }


def _request(details: Details) -> object:
    return _value(_plain_request(details))


def _plain_request(details: Details) -> bytes:
    return bodies.readable(details.request, details.headers.request)


def _response(details: Details) -> object:
    """The message, rebuilt where it came as a stream; of a batch's results the first few."""
    plain = bodies.readable(details.response, details.headers.response)
    if usage_of(details.exchange):
        return mask_json(first_results(plain, FIRST))
    kind = bodies.header(details.headers.response, "content-type")
    message = read_response(details.exchange.status, kind, plain).message
    return _value(plain) if message is None else _masked(message)


def _value(body: bytes) -> object:
    """Parsed JSON, else the text; None where the body is empty or was not kept."""
    if not body:
        return None
    value = parse(body)
    return _masked(body[:MAX_CHARACTERS].decode("utf-8", "replace") if value is None else value)


def _masked(value: object) -> object:
    return mask_json(clipped(value, MAX_CHARACTERS, MAX_VALUES).value)
