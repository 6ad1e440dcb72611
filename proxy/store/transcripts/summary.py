"""A conversation in sum, and sums over some of its turns."""

from collections.abc import Sequence
from decimal import Decimal

from accounts.secrets.masking import mask_text
from proxy.metrics import COUNTED
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.conversations.sums import title_of
from proxy.store.models import Conversation, Exchange
from proxy.store.transcripts.shapes import Summary, Sums, cost_of

# From the worst on: the first that any turn has says how far the cost can be trusted.
_DOUBTS = ("unpriced", "partial", "notional")
_failed = COUNTED["errors"].of


def summary_of(row: Conversation) -> Summary:
    """A conversation as its row sums it up."""
    return Summary(
        conversation_id=row.id,
        session_id=mask_text(row.session_id) or None,
        domain=row.domain,
        title=_title(row),
        first_at=row.first_at,
        last_at=row.last_at,
        turns=row.turns,
        agents=len(row.agents),
        failed=row.failed,
        cost_usd=float(row.cost_usd),
        cost=cost_of(row.cost_usd),
        cost_state=next((state for state in _DOUBTS if getattr(row, state)), "exact"),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_input_tokens=row.cache_read_tokens,
        cache_creation_input_tokens=row.cache_write_tokens,
        models=[mask_text(model) for model in row.model_names],
    )


def sums_of(rows: Sequence[Exchange]) -> Sums:
    """The sums of some turns."""
    usd = sum((row.cost_usd or Decimal(0) for row in rows), Decimal(0))
    return Sums(
        turns=len(rows),
        failed=sum(map(_failed, rows)),
        cost_usd=float(usd),
        cost=cost_of(usd),
        input_tokens=sum(row.input_tokens or 0 for row in rows),
        output_tokens=sum(row.output_tokens or 0 for row in rows),
        cache_read_input_tokens=sum(row.cache_read_tokens or 0 for row in rows),
        cache_creation_input_tokens=sum(row.cache_write_tokens or 0 for row in rows),
    )


def _title(row: Conversation) -> str | None:
    try:
        return mask_text(title_of(row)) or None
    except KeyUnavailable:
        return None
