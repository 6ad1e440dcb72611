"""From stored exchanges to the API's shapes."""

from typing import Any

from accounts.secrets.masking import mask_json, mask_text
from dashboard.api.resources.requests.bill import billed_models, cost_lines
from dashboard.api.resources.requests.makeup import context_makeup
from dashboard.api.resources.requests.schemas import RequestDetails, RequestSummary, StreamingChunk
from dashboard.api.shapes.cache_break import broken_cache
from dashboard.queries import makeup
from dashboard.queries.exchanges import Details
from dashboard.transcript import bodies
from dashboard.transcript.batch_results import FIRST
from dashboard.transcript.clipping import clipped
from proxy.store.conversations.loading import Loaded
from proxy.store.ingest.message_batches import usage_of
from proxy.store.metric_fields import EXCHANGE, values
from proxy.store.models import Exchange
from proxy.wire.batches import first_results
from proxy.wire.lenient import parse
from proxy.wire.messages import read_response

# Of a body in an answer: to mask a million characters takes a second or two.
MAX_CHARACTERS = 1_000_000
MAX_VALUES = 100_000


def summary(exchange: Exchange) -> RequestSummary:
    """One line of the list."""
    error = mask_text(exchange.error_message or exchange.error_type)
    return RequestSummary(
        request_id=exchange.id,
        domain=exchange.domain,
        account_id=exchange.account,
        model=exchange.model,
        timestamp=exchange.started_at,
        **values(EXCHANGE, exchange),
        response_status=exchange.status or None,
        outcome=exchange.outcome,
        error=error or (exchange.outcome if exchange.failed else None),
        request_type=exchange.request_type,
        cost_state=exchange.cost_state,
    )


def details(found: Details, conversation: Loaded | None) -> RequestDetails:
    """Everything of one exchange, secrets masked, and where it stands in its conversation."""
    exchange, bill = found.exchange, found.bill
    filled = makeup.of_turn(exchange, _plain_request(found), conversation)
    return RequestDetails(
        # What the details describe themselves is theirs, also where a metric has come to count it since.
        **summary(exchange).model_dump(exclude={*RequestDetails.__annotations__}),
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
        **_links(conversation, exchange),
        request_headers=[(name, mask_text(value)) for name, value in found.headers.request],
        response_headers=[(name, mask_text(value)) for name, value in found.headers.response],
        headers_missing=found.headers.missing or None,
        request_body=_request(found),
        response_body=_response(found),
        request_missing=found.request.missing or None,
        response_missing=found.response.missing or None,
        cache_break=broken_cache(found.cache_break) if found.cache_break else None,
        context_makeup=context_makeup(filled) if filled else None,
        pinned=found.pinned,
        usage_data=mask_json(exchange.usage),
        streaming_chunks=[
            StreamingChunk(chunk_index=index, offset_ms=moment, bytes=count)
            for index, (moment, count) in enumerate(found.chunks)
        ],
    )


def _links(found: Loaded | None, exchange: Exchange) -> dict[str, Any]:
    """Where an exchange stands in its conversation, as fields of its details."""
    places = (place for place in found.tree.places if place.id == exchange.id) if found else iter(())
    place = next(places, None)
    return {
        "conversation_id": found.conversation.id if found else None,
        "parent_id": place.parent if place else None,
        "agent_id": (place.agent_id if place else exchange.agent_id) or None,
        "parent_agent_id": (place.parent_agent_id if place else exchange.parent_agent_id) or None,
    }


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
