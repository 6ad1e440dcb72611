"""Hint to open pages that exchanges were stored."""

import asyncio
from functools import cache

from channels.layers import get_channel_layer

from proxy import live_events
from proxy.store.announce import Stored
from proxy.wire.billing.usage import NO_COUNTS

# Live pages are worth no more than this to a worker that has records to store.
_SECONDS = 2.0


def publish(stored: list[Stored]) -> None:
    """One message for the batch to the live group."""
    _runner().run(_send(live_events.message([event(exchange) for exchange in stored])))


@cache
def _runner() -> asyncio.Runner:
    """One event loop a process: the channel layer keeps its connections to Redis by loop."""
    return asyncio.Runner()


async def _send(message: live_events.Message) -> None:
    layer = get_channel_layer()
    if layer is not None:
        async with asyncio.timeout(_SECONDS):
            await layer.group_send(live_events.GROUP, message)


def event(stored: Stored) -> live_events.Event:
    """A stored exchange as pages hear of it."""
    counts = stored.counts or NO_COUNTS
    known: live_events.Event = {
        "kind": "stored",
        "id": str(stored.exchange_id),
        "domain": stored.domain,
        "model": stored.model,
        "started_at": stored.started_at.timestamp(),
        "elapsed_ms": stored.duration_ms,
        "input_tokens": counts.input,
        "output_tokens": counts.output,
        "tools": len(stored.tool_calls),
        "bytes": stored.response_bytes,
        "prompt_tokens": counts.prompt,
        "cost_usd": None if stored.cost_usd is None else f"{stored.cost_usd:f}",
        "cost_state": stored.cost_state,
        "outcome": stored.outcome,
        "status": stored.status,
    }
    return known | {"session_id": stored.session_id} if stored.session_id else known
