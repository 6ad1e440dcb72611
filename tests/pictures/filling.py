"""What the pictures show: made-up traffic of the last days, and streams that seem to run."""

from time import time
from uuid import UUID

from django.core.management import call_command
from django.db import connection

from nexus_project.operations.roles import grant
from proxy.live_events import Event
from proxy.store.models import Conversation, Exchange
from proxy.store.seeding.seed import holds_traffic

# Seconds since the start, prompt tokens, tokens written and those of a second, seconds of silence.
_STREAMS = (
    (94, 182_400, 5_210, 61, 0),
    (61, 96_750, 3_480, 74, 1),
    (47, 143_200, 2_090, 0, 26),
    (33, 58_900, 1_870, 88, 0),
    (18, 121_600, 640, 45, 2),
    (9, 34_300, 410, 97, 0),
    (4, 77_100, 120, 52, 0),
)
_ENDED = 8
_SOME_TURNS = range(12, 60)


def fill(exchanges: int, days: int, seed: int) -> bool:
    """Migrate, grant the roles their rights and seed; False where traffic is there already."""
    call_command("migrate", verbosity=0)
    connection.ensure_connection()
    grant(connection.connection)
    if holds_traffic():
        return False
    call_command("seed_traffic", exchanges=exchanges, days=days, seed=seed)
    return True


def session() -> UUID:
    """One with agents that is worth a look: the dearest of those that are not too long."""
    found = Conversation.objects.filter(turns__in=_SOME_TURNS).order_by("-cost_usd")
    return (found.exclude(agents=[]).first() or found.first() or Conversation.objects.all()[0]).id


def streams(later: float) -> list[Event]:
    """As a proxy would tell them so many seconds after the first time, of the sessions that came last."""
    newest = Conversation.objects.exclude(session_id="").order_by("-last_at")[: len(_STREAMS)]
    return [
        {
            "kind": "running",
            "id": str(UUID(int=number)),
            "domain": row.domain,
            "model": row.last_model,
            "started_at": time() - seconds - later,
            "elapsed_ms": round(1000 * (seconds + later)),
            "first_byte_ms": 900.0 + 70 * number,
            "silent_ms": round(1000 * (silent + (0 if rate else later))),
            "input_tokens": 12,
            "prompt_tokens": prompt,
            "output_tokens": round(written + rate * later),
            "tools": number % 3,
            "bytes": written * 40,
            "session_id": row.session_id,
            "client_key": row.client_key,
        }
        for number, (row, (seconds, prompt, written, rate, silent)) in enumerate(
            zip(newest, _STREAMS, strict=False), 1
        )
    ]


def ended() -> list[Event]:
    """The newest requests of sessions, as a worker tells what it has stored."""
    newest = Exchange.objects.exclude(session_id="").order_by("-id")[:_ENDED]
    return [
        {
            "kind": "stored",
            "id": str(row.id),
            "domain": row.domain,
            "model": row.model,
            "started_at": row.started_at.timestamp(),
            "elapsed_ms": row.duration_ms,
            "input_tokens": row.input_tokens or 0,
            "output_tokens": row.output_tokens or 0,
            "tools": row.tool_calls,
            "bytes": row.response_bytes,
            "session_id": row.session_id,
            "client_key": row.client_key,
            "cost_usd": None if row.cost_usd is None else str(row.cost_usd),
            "cost_state": row.cost_state,
            "outcome": row.outcome,
            "status": row.status,
        }
        for row in newest
    ]
