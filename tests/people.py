"""Data that tests need, by plain functions: each makes one thing, as the owner, with only the differences given."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from accounts.models import Credential, Domain
from dashboard.models import Traffic
from nexus_project.operations.grants import WORKER
from proxy.record import COMPLETE, Batch
from proxy.store.bodies.blobs import ChunkWriter, encode_chunks
from proxy.store.ingest.batch import ingest
from proxy.store.models import Exchange, ExchangeBody, Pin, Price, Spool, month_of
from proxy.store.sums import rollups
from tests.roles import acting_as, as_owner

SPOOL = UUID("0193a000-0000-7000-8000-000000000001")
REQUEST = {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]}
RESPONSE = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello there."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 12, "output_tokens": 5},
}


def make_id(moment: datetime | None = None) -> UUID:
    """A UUIDv7 of a moment, by default of now (RFC 9562 §5.7)."""
    milliseconds = int((moment or timezone.now()).timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | (uuid4().int & ((1 << 62) - 1)))


@as_owner()
def reader(name: str, *permissions: str, **fields: Any) -> User:
    """A user with these permissions on traffic (`dashboard.models`)."""
    user = User.objects.create_user(name, **fields)
    kind = ContentType.objects.get_for_model(Traffic)
    for codename in permissions:
        user.user_permissions.add(Permission.objects.get_or_create(content_type=kind, codename=codename)[0])
    return user


@as_owner()
def make_domain(name: str = "api.example.com", **fields: Any) -> Domain:
    return Domain.objects.create(name=name, **fields)


@as_owner()
def make_credential(domain: Domain, **fields: Any) -> Credential:
    defaults = {"name": "team", "kind": "api_key", "api_key": "sk-ant-api03-the-teams-secret-key-0001"}
    return Credential.objects.create(domain=domain, **(defaults | fields))


@as_owner()
def make_price(model: str = "claude-sonnet-4-5") -> Price:
    return Price.objects.create(
        model=model,
        valid_from=datetime(2025, 1, 1, tzinfo=UTC),
        input=3,
        output=15,
        cache_read=Decimal("0.3"),
        cache_write_5m=Decimal("3.75"),
        cache_write_1h=6,
    )


@as_owner()
def make_pin(**fields: Any) -> Pin:
    return Pin.objects.create(**fields)


@as_owner()
def make_spool(**fields: Any) -> Spool:
    return Spool.objects.create(**({"id": SPOOL} | fields))


@as_owner()
def make_exchange(
    *,
    at: datetime | None = None,
    request: object = REQUEST,
    response: object = RESPONSE,
    request_headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),),
    response_headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),),
    chunks: Sequence[tuple[float, int]] = (),
    **fields: Any,
) -> Exchange:
    """A stored exchange with both bodies (given as bytes or as JSON), counted in rollups and totals as ingest counts."""
    moment = at or timezone.now()
    row = Exchange(**_columns(moment) | fields)
    bodies = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (request, response)]
    month = month_of(row.id).date()
    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_ensure_month(%s)", [month])
    writer = ChunkWriter()
    manifests = [b"".join(writer.add(month, [body])) for body in bodies]
    writer.store()
    row.request_bytes, row.response_bytes = len(bodies[0]), len(bodies[1])
    row.save(force_insert=True)
    ExchangeBody.objects.create(
        id=row.id,
        request_headers=list(request_headers),
        response_headers=list(response_headers),
        request_digest=sha256(bodies[0]).digest(),
        response_digest=sha256(bodies[1]).digest(),
        request_manifest=manifests[0],
        response_manifest=manifests[1],
        request_dropped=False,
        response_dropped=False,
        chunks=encode_chunks(list(chunks)),
    )
    count(row)
    return row


def _columns(moment: datetime) -> dict[str, Any]:
    texts = ("passed_over", "client_key", "query", "error_type", "error_message", "session_id", "agent_id")
    more_texts = ("parent_agent_id", "user_id", "message_id", "upstream_request_id", "counts_as")
    return dict.fromkeys((*texts, *more_texts), "") | {
        "id": make_id(moment),
        "started_at": moment,
        "spool": SPOOL,
        "serial": 1,
        "domain": "api.example.com",
        "account": "team",
        "paid_by": "database:team",
        "client_address": "127.0.0.1",
        "method": "POST",
        "path": "/v1/messages",
        "model": "claude-sonnet-4-5",
        "request_type": "inference",
        "streamed": False,
        "outcome": COMPLETE,
        "status": 200,
        "stop_reason": "end_turn",
        "first_byte_ms": 310,
        "duration_ms": 1450,
        "input_tokens": 12,
        "output_tokens": 5,
        "cache_read_tokens": 100,
        "cache_write_tokens": 20,
        "usage": {"input_tokens": 12, "output_tokens": 5},
        "cost_usd": Decimal("0.000216"),
        "cost_state": "exact",
        "tool_calls": 0,
        "tool_names": [],
    }


@as_owner()
def count(row: Exchange) -> None:
    """Add an exchange to its hour, to its domain and to what was spent."""
    rollups.add([row], kept=True)


def hours_ago(hours: float) -> datetime:
    return timezone.now() - timedelta(hours=hours)


def take_in(batch: Batch) -> int:
    """What a worker does with a batch, in a test whose process is another."""
    with acting_as(WORKER):
        return ingest(batch)
