"""A row of the predecessor as an exchange: what it said is kept, what it got wrong is not repeated."""

import math
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from accounts.secrets.masking import mask_headers, mask_query, mask_text
from proxy.record import ABORTED, COMPLETE, UPSTREAM_ERROR, Closing, Head, HeaderPairs, Record
from proxy.store.bodies.traffic import Whole, traffic_of
from proxy.store.ingest import facts
from proxy.store.predecessor.schema import Schema
from proxy.wire.billing.pricing import PriceBook
from proxy.wire.billing.usage import USAGE_NAMES, Usage, merge
from proxy.wire.lenient import as_dict
from proxy.wire.messages import ResponseContent, ToolCall, read_response
from proxy.wire.requests import RequestFacts, read_request

# All rows of all predecessors came through this one spool.
SPOOL = UUID("6e657875-7300-7000-8000-000000000e01")
_MILLISECONDS = 2**48

Row = Mapping[str, Any]


class RowError(ValueError):
    """A row that cannot become an exchange; the message tells why."""


def id_of(row: Row) -> UUID:
    """A UUIDv7 that is always the same: the time of the row, then bits of its request_id."""
    moment = row["timestamp"]
    if moment is None or not math.isfinite(moment) or not 0 <= moment * 1000 < _MILLISECONDS:
        raise RowError("its timestamp is no time that an id could hold")
    if not row["request_id"]:
        raise RowError("it has no request_id")
    bits = int.from_bytes(sha256(str(row["request_id"]).encode()).digest()[:10])
    return UUID(
        int=int(moment * 1000) << 80 | 7 << 76 | (bits >> 62 & 0xFFF) << 64 | 2 << 62 | bits & (2**62 - 1)
    )


def whole_of(row: Row, schema: Schema, serial: int, prices: PriceBook) -> Whole:
    """The exchange, priced by our table at the row's date."""
    record = _record(row, schema, serial)
    request = _request(row, record)
    read = facts.joined(record, SPOOL, prices, request, _response(row, record, request))
    read.exchange.tool_names = [name for name in read.exchange.tool_names if name]
    return Whole(read.exchange, traffic_of(record))


def _record(row: Row, schema: Schema, serial: int) -> Record:
    request, response = _json(row.get("body")), _json(row.get("response_body"))
    head = Head(
        id=str(id_of(row)),
        started_at=row["timestamp"],
        domain=row[schema.tenant] or "unknown",
        method=row.get("method") or "POST",
        target=_target(row.get("path") or "/v1/messages"),
        headers=_headers(row.get("headers")),
        paid_by="",
        account=row.get("account_id") or "",
        client_address=row.get("ip_address") or "",
    )
    closing = Closing(
        outcome=_outcome(row),
        status=row.get("response_status") or 0,
        headers=_headers(row.get("response_headers")),
        first_byte_ms=row.get("first_token_ms"),
        duration_ms=row.get("duration_ms") or 0,
        chunks=[],
        error_message=row.get("error") or "",
    )
    return Record(serial, head, closing, request, response)


def _json(text: str | None) -> bytes:
    """The JSON without spaces: numbers and their digits stay, which reading and writing them would not promise."""
    if text is None:
        return b""
    try:
        return msgspec.json.format(text.encode(), indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return text.encode()


def _target(path: str) -> str:
    path, mark, query = path.partition("?")
    return f"{mask_text(path)}{mark}{mask_query(query)}"


def _headers(value: object) -> HeaderPairs:
    """Masked anew: the predecessor kept the end of each credential."""
    return mask_headers(
        (name, item if isinstance(item, str) else msgspec.json.encode(item).decode())
        for name, item in as_dict(value).items()
    )


def _outcome(row: Row) -> str:
    status = row.get("response_status")
    if status is None:
        return ABORTED
    return UPSTREAM_ERROR if status >= 400 or row.get("error") else COMPLETE


def _request(row: Row, record: Record) -> RequestFacts:
    """Without a body, the columns say what was asked."""
    request = read_request(record.head.target, record.request_body)
    if record.request_body:
        return replace(request, model=request.model or row.get("model") or "")
    return replace(
        request,
        model=row.get("model") or "",
        request_type=row.get("request_type") or request.request_type,
    )


def _response(row: Row, record: Record, request: RequestFacts) -> ResponseContent:
    response = read_response(record.closing.status, "application/json", record.response_body)
    # It kept the message of a stream, not the stream: what was asked for tells which it was.
    return replace(
        response,
        streamed=request.stream,
        finished=record.closing.outcome != ABORTED,
        usage=_usage(row) or response.usage,
        tools=response.tools or _counted_tools(row),
    )


def _usage(row: Row) -> Usage | None:
    """From what the API said, else from the columns; None where neither says anything."""
    if said := as_dict(row.get("usage_data")):
        return merge(said)
    counted = {name: row.get(name) for name in USAGE_NAMES if row.get(name) is not None}
    return merge(counted) if any(counted.values()) else None


def _counted_tools(row: Row) -> tuple[ToolCall, ...]:
    """E0 kept the text of an answer only, and how many tools it called."""
    return (ToolCall("", "", {}),) * (row.get("tool_call_count") or 0)
