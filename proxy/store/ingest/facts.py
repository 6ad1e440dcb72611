"""Read what a record says: from the bytes of one exchange to its row."""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec import structs

from accounts.secrets.masking import mask_text
from proxy.record import COMPLETE, REFUSED, UPSTREAM_CUT, UPSTREAM_ERROR, HeaderPairs, Record
from proxy.store.bodies.codings import are_known, plain
from proxy.store.conversations import turns
from proxy.store.conversations.turns import NewTurn
from proxy.store.models import CLOCK_SLACK, MODEL_LENGTH, Exchange, moment_of
from proxy.store.postgres import columns
from proxy.store.postgres.rows import new_row
from proxy.store.pricing import costs
from proxy.wire import batches
from proxy.wire.batch_reader import read_results
from proxy.wire.endings import MissingEnd, missing_end
from proxy.wire.hints import model_of
from proxy.wire.messages import ResponseContent, ToolCall, read_response
from proxy.wire.pricing import PriceBook
from proxy.wire.refusals import ONE_ATTEMPT
from proxy.wire.requests import RequestFacts, read_request, read_target
from proxy.wire.usage import Usage

_MESSAGE_LIMIT = 500
_MASKED = 20_000
_TOOL_NAMES = 1000


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetch of a batch's results; `complete` if they came to their end and can be read."""

    batch_id: str
    results: batches.Results
    complete: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """One exchange: its row, not yet saved, what only the announcement needs, and what it says of a message batch."""

    exchange: Exchange
    user_text: str = ""
    first_user_text: str = ""
    message: dict[str, object] | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    unpriced_model: str = ""
    batch: batches.Created | Fetched | None = None
    turn: NewTurn | None = None


def read(
    record: Record,
    spool: UUID,
    prices: PriceBook,
    arrived: batches.Results | None = None,
    reader: turns.Reader | None = None,
) -> Facts:
    """All that the record says, and the results that `arrived` before it. Tokens and cost are None where unknown.

    The keys of its turn are made with a `reader` only.
    """
    closing = record.closing
    reported = by_name(closing.headers)
    request = _asked(record)
    body = plain(record.response_body, closing.headers)
    fetched = _fetched(record, body, prices, arrived)
    # A file of results is no answer: its bill is made when it is known whether it counts.
    response = (
        ResponseContent()
        if fetched
        else read_response(closing.status, reported.get("content-type", ""), body)
    )
    if missing := _missing_end(record, body, response):
        record, response = _cut(record, missing), replace(response, finished=False)
    found = joined(record, spool, prices, request, response)
    row = found.exchange
    batch = fetched or batches.created(row.method, row.path, row.status, response.message)
    turn = turns.turn_of(row, by_name(record.head.headers), request, response, reader) if reader else None
    return replace(found, batch=batch, turn=turn) if batch or turn else found


def _asked(record: Record) -> RequestFacts:
    """The body of a request that was refused, that found no room on the disk or was too long, is not in its record."""
    head = record.head
    is_lost = head.body_dropped or record.closing.request_not_kept
    if not record.request_body and (is_lost or record.closing.outcome == REFUSED):
        return read_target(head.target)
    return read_request(head.target, plain(record.request_body, head.headers))


def _missing_end(record: Record, body: bytes, response: ResponseContent) -> MissingEnd | None:
    """What an answer lacks that the relay, which sees bytes alone, called complete; None also where its body is not at hand."""
    head, closing = record.head, record.closing
    if closing.outcome != COMPLETE or not 200 <= closing.status < 300 or response.error_type:
        return None
    is_lost = closing.response_dropped or closing.response_not_kept
    if is_lost or not are_known(closing.headers) or (record.response_body and not body):
        return None
    content_type = by_name(closing.headers).get("content-type", "")
    return missing_end(head.method, head.target.partition("?")[0], response, content_type, body)


def _cut(record: Record, missing: MissingEnd) -> Record:
    kind, message = missing
    closing = structs.replace(record.closing, outcome=UPSTREAM_CUT, error_type=kind, error_message=message)
    return structs.replace(record, closing=closing)


def joined(
    record: Record, spool: UUID, prices: PriceBook, request: RequestFacts, response: ResponseContent
) -> Facts:
    """What a record says, with its bodies read already."""
    row = _outline(record, spool)
    _add_request(row, request)
    _add_response(row, response)
    unpriced_model = columns.text(costs.add_to(row, response, prices), MODEL_LENGTH)
    columns.fit(row)
    return Facts(
        row, request.user_text, request.first_user_text, response.message, response.tools, unpriced_model
    )


def unread(record: Record, spool: UUID, prices: PriceBook, why: str) -> Facts:
    """The same without a look into the bodies, for a record whose bodies `read` fails on: `why` says in its row what is missing."""
    row = _outline(record, spool)
    _add_request(row, read_request(record.head.target, b""))
    row.model = model_of(record.request_body)
    unpriced_model = columns.text(costs.add_to(row, ResponseContent(), prices), MODEL_LENGTH)
    if row.cost_state != costs.NONE:
        row.cost_reason = why
    columns.fit(row)
    return Facts(row, unpriced_model=unpriced_model)


def by_name(headers: HeaderPairs) -> dict[str, str]:
    """The first value of each header, by its name in lower case."""
    return {name.lower(): value for name, value in reversed(headers)}


def _outline(record: Record, spool: UUID) -> Exchange:
    """What the proxy itself knows."""
    head, closing = record.head, record.closing
    exchange_id = exchange_id_of(record)
    path, _, query = head.target.partition("?")
    asked = by_name(head.headers)
    return new_row(
        Exchange,
        id=exchange_id,
        started_at=_moment(head.started_at, exchange_id),
        spool=spool,
        serial=record.serial,
        domain=head.domain,
        account=head.account,
        paid_by=head.paid_by,
        passed_over=", ".join(head.passed_over),
        left_organisation=closing.left_organisation,
        client_key=head.client_key,
        client_address=head.client_address,
        tenant=head.tenant,
        method=head.method,
        path=path,
        query=query,
        request_type="other",
        streamed=False,
        outcome=closing.outcome,
        status=closing.status,
        error_type=closing.error_type,
        error_message=_message(closing.error_message),
        first_byte_ms=None if closing.first_byte_ms is None else _milliseconds(closing.first_byte_ms),
        duration_ms=_milliseconds(closing.duration_ms),
        cost_state=costs.NONE,
        tool_calls=0,
        tool_names=[],
        session_id=asked.get("x-claude-code-session-id", ""),
        agent_id=asked.get("x-claude-code-agent-id", ""),
        parent_agent_id=asked.get("x-claude-code-parent-agent-id", ""),
        upstream_request_id=by_name(closing.headers).get("request-id", ""),
        request_bytes=head.body_size
        if head.body_dropped or closing.request_not_kept
        else len(record.request_body),
        response_bytes=closing.response_size
        if closing.response_dropped or closing.response_not_kept
        else len(record.response_body),
    )


def exchange_id_of(record: Record) -> UUID:
    """The id that the door gave; ValueError where it is no UUIDv7 and so belongs to no month."""
    exchange_id = UUID(record.head.id)
    if exchange_id.version != 7:
        raise ValueError(f"{record.head.id} is no UUIDv7, so its month is unknown")
    moment_of(exchange_id)
    return exchange_id


def _fetched(
    record: Record, body: bytes, prices: PriceBook, arrived: batches.Results | None
) -> Fetched | None:
    head, closing = record.head, record.closing
    batch_id = batches.batch_of_results(head.method, head.target.partition("?")[0])
    # 206 answers a request for a part of the file.
    if batch_id is None or closing.status not in (200, 206):
        return None
    results = arrived or read_results(body, prices.thresholds)
    ended = closing.outcome == COMPLETE and closing.status == 200 and not closing.response_dropped
    return Fetched(batch_id, results, complete=ended and results.whole and results.read > 0)


def _add_request(row: Exchange, request: RequestFacts) -> None:
    row.request_type = request.request_type
    row.model = request.model
    row.max_tokens = request.max_tokens
    row.bill_to = request.bill_to
    if request.user_id:
        row.user_id = request.user_id.device
        row.session_id = row.session_id or request.user_id.session


def _add_response(row: Exchange, response: ResponseContent) -> None:
    row.model = row.model or response.model or ""
    row.answered_model = response.model if response.model and response.model != row.model else ""
    row.finished = response.finished
    row.streamed = response.streamed
    row.stop_reason = response.stop_reason or ""
    row.message_id = response.message_id or ""
    row.tool_calls = len(response.tools)
    row.tool_names = [columns.text(call.name, 200) for call in response.tools[:_TOOL_NAMES]]
    if response.error_type and row.error_type in {
        "",
        response.error_type,
    }:  # the relay knows the type of one, not its words
        row.error_type = response.error_type
        row.error_message = row.error_message or _message(response.error_message or "")
    if response.error_type and response.streamed and row.outcome == COMPLETE:
        row.outcome = UPSTREAM_ERROR
    if usage := response.usage:
        row.set_counts(usage.counts)
        row.usage = usage.raw
        add_usage(row, usage)
    add_details(row, response)


def add_usage(row: Exchange, usage: Usage) -> None:
    """How an answer was served, as its usage tells."""
    row.speed = usage.speed or ""
    row.inference_geo = usage.inference_geo or ""
    row.service_tier = usage.service_tier or ""
    row.thinking_tokens = usage.thinking_tokens


def add_details(row: Exchange, response: ResponseContent) -> None:
    """What an answer says of its end, its attempts and its input."""
    row.stop_details = response.stop_details
    row.error_code = response.error_code or ""
    row.input_transformations = response.input_transformations
    if response.attempts != ONE_ATTEMPT:
        row.attempts = msgspec.to_builtins(response.attempts)
        row.fallback_from = next((hop.model for hop in response.attempts.hops), "")


def _message(text: str) -> str:
    # Masked before it is cut, or a cut secret would no longer look like one.
    return mask_text(text[:_MASKED])[:_MESSAGE_LIMIT]


def _milliseconds(value: float) -> int:
    return round(value) if math.isfinite(value) else 0


def _moment(seconds: float, exchange_id: UUID) -> datetime:
    made = moment_of(exchange_id)
    try:
        reported = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return made
    return reported if abs(reported - made) <= CLOCK_SLACK else made
