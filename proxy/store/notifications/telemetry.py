"""A report of each request to TELEMETRY_ENDPOINT (docs/predecessor.md#telemetry): no texts, no part of a secret."""

import logging

import httpx
from django.conf import settings

from accounts.outbound.client import client_for
from accounts.secrets.masking import MASK, mask_text
from proxy.store.announce import Stored
from proxy.store.notifications.redis_link import connection
from proxy.wire.billing.usage import NO_COUNTS

log = logging.getLogger("nexus.telemetry")

COUNTERS = "nexus:telemetry"
TIMEOUT_SECONDS = 5
ERROR_LIMIT = 500

Report = dict[str, str | int]


def is_on() -> bool:
    return settings.TELEMETRY_ENABLED and bool(settings.TELEMETRY_ENDPOINT)


def report(stored: Stored) -> Report:
    """What is reported of one exchange, under the predecessor's names; times are milliseconds."""
    counts = stored.counts or NO_COUNTS
    reported: Report = {
        "requestId": str(stored.exchange_id),
        "timestamp": round(stored.started_at.timestamp() * 1000),
        "domain": stored.domain,
        "apiKey": MASK,
        "model": stored.model,
        "inputTokens": counts.input,
        "outputTokens": counts.output,
        "duration": stored.duration_ms,
        "status": stored.status,
        "toolCallCount": len(stored.tool_calls),
        "requestType": stored.request_type,
    }
    if failure := stored.error_message or stored.error_type:
        reported["error"] = mask_text(failure)[:ERROR_LIMIT]
    return reported


def send(reports: list[Report]) -> None:
    """Post each report once. A failure is only counted; an endpoint that does not answer ends the batch."""
    done = 0
    try:
        with client_for(settings.TELEMETRY_ENDPOINT, TIMEOUT_SECONDS) as client:
            for reported in reports:
                response = client.post(settings.TELEMETRY_ENDPOINT, json=reported)
                _count("delivered" if response.is_success else "failed", 1)
                done += 1
    except (httpx.TransportError, httpx.InvalidURL) as error:
        log.info("telemetry.failed", extra={"why": type(error).__name__})
        _count("failed", len(reports) - done)


def _count(counter: str, number: int) -> None:
    connection().hincrby(COUNTERS, counter, number)
