"""The streams that run now."""

from datetime import UTC, datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from accounts.secrets.masking import mask_text
from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.queries.running import LISTENED_SECONDS, SERVED, running
from proxy.live_events import Event

router = Router()


class LiveStream(CamelSchema):
    """A request whose response has not ended; tokens are what its stream reported so far."""

    request_id: UUID
    domain: str
    session_id: str | None = Field(description="As Claude Code's header names it")
    agent_id: str | None = Field(description="null for the main agent")
    model: str
    started_at: datetime
    elapsed_ms: int
    first_byte_ms: int | None = Field(description="null before it")
    input_tokens: int
    output_tokens: int
    tool_call_count: int
    response_bytes: int


class LiveList(CamelSchema):
    """The streams that run, the oldest first."""

    redis_answers: bool = Field(description="false: nobody knows now what runs")
    listened_ms: int
    streams: list[LiveStream]


@takes(SERVED)
class LiveQuery(Schema):
    pass


@router.get("/live", response={200: LiveList, **ERRORS}, by_alias=True)
def live(request: HttpRequest, filters: Query[LiveQuery]) -> LiveList:
    """What runs now, as all proxies tell within a second; `/ws/live` tells what changes."""
    found = running(filter_of(request))
    return LiveList(
        redis_answers=found is not None,
        listened_ms=round(1000 * LISTENED_SECONDS),
        streams=[_stream(event) for event in found or []],
    )


def _stream(event: Event) -> LiveStream:
    first_byte = event.get("first_byte_ms")
    return LiveStream(
        request_id=UUID(event["id"]),
        domain=event["domain"],
        session_id=mask_text(event.get("session_id", "")) or None,
        agent_id=mask_text(event.get("agent_id", "")) or None,
        model=event["model"],
        started_at=datetime.fromtimestamp(event["started_at"], UTC),
        elapsed_ms=event["elapsed_ms"],
        first_byte_ms=None if first_byte is None else round(first_byte),
        input_tokens=event["input_tokens"],
        output_tokens=event["output_tokens"],
        tool_call_count=event["tools"],
        response_bytes=event["bytes"],
    )
