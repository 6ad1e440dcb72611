"""Tell the rest of Nexus what was just stored."""

import logging
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils.module_loading import import_string

from proxy.wire.billing.usage import Counts
from proxy.wire.messages import ToolCall

log = logging.getLogger("nexus.announce")

# By name, as Django names its middleware: each of these modules imports this one for `Stored`.
_LISTENERS = (
    "proxy.store.listeners.limits.settle",
    "proxy.store.listeners.live.publish",
    "proxy.store.notifications.notify",
)


@dataclass(frozen=True, slots=True)
class Stored:
    """One new exchange, after its commit. `counts` is None where no usage was reported; texts are whole, unmasked.

    `message` is the answer's JSON body or the message rebuilt from its stream; `request_type` as in
    `proxy.wire.requests.RequestFacts`; `outcome` one of `proxy.record.OUTCOMES`. `unpriced_model` is a model without
    a price that was never seen before, "" mostly.
    """

    exchange_id: UUID
    domain: str
    session_id: str
    request_type: str
    outcome: str
    status: int
    error_type: str
    error_message: str
    model: str
    account: str
    started_at: datetime
    duration_ms: int
    counts: Counts | None
    response_bytes: int
    user_text: str
    first_user_text: str
    message: dict[str, object] | None
    tool_calls: tuple[ToolCall, ...]
    unpriced_model: str = ""
    client_key: str = ""
    tenant: str = ""
    cost_usd: Decimal | None = None
    cost_state: str = ""


def announce(stored: list[Stored]) -> None:
    """Give the new exchanges of one batch to each listener. They are stored, so a failure is only logged."""
    if not stored:
        return
    for name in _LISTENERS:
        try:
            import_string(name)(stored)
        except Exception:
            log.exception("announce.failed", extra={"listener": name, "exchanges": len(stored)})
