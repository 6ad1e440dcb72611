"""Sentences on the cost of a stored exchange: why it costs nothing, what its state means, what to do."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from proxy.record import REFUSED
from proxy.store.billing.price_again import GONE
from proxy.store.ingest.message_batches import BatchUsage
from proxy.store.models import Exchange
from proxy.store.pricing import costs
from proxy.store.pricing.costs import plain
from proxy.wire.billing.pricing import CostLine

_NOTIONAL = (
    "It was served from priority capacity, which is paid for in advance: this is what it would cost at list prices, and no"
    " invoice has it"
)
_UNPRICED = "It is in no cost: add the missing price in the admin, then run `manage.py reprice`"


def notes_of(row: Exchange, found: BatchUsage | None, lines: Sequence[CostLine]) -> Iterator[str]:
    """What there is to say beside the lines of a bill and its reasons."""
    if row.cost_state == costs.NONE:
        yield f"{_why_nothing(row, found)}."
    elif row.cost_state == costs.UNPRICED:
        yield f"{_UNPRICED}."
    elif row.cost_state == costs.NOTIONAL:
        yield f"{_NOTIONAL}."
    if row.cost_usd is not None:
        yield from _sum(row, lines)
    if row.estimated_usd:
        yield f"Limits count up to USD {plain(row.estimated_usd)} more for it, which is in no sum."


def _why_nothing(row: Exchange, found: BatchUsage | None) -> str:
    if found and found.counted_by:
        return f"Request {found.counted_by} counted the results of this batch before, and nothing of them counts twice"
    if row.outcome == REFUSED:
        return "Nexus refused it, so upstream never saw it"
    if row.status >= 400 or row.error_type:
        return "Upstream answered with an error, which is not billed"
    if row.request_type == "batch":
        return "A batch is billed when its results are fetched"
    if row.status == 0:
        return "No answer came"
    return f"A request of this type ({row.request_type.replace('_', ' ')}) is not billed"


def _sum(row: Exchange, lines: Sequence[CostLine]) -> Iterator[str]:
    """Whether the lines add up to the cost, and why nothing is billed where they are nothing."""
    total = sum((line.amount for line in lines), Decimal(0))
    if total != row.cost_usd:
        stored = plain(row.cost_usd or Decimal(0))
        yield f"These lines add up to USD {plain(total)}, not to the stored USD {stored}: {_why_other(row)}."
    elif lines and not total:
        yield "Nothing of it is billed: a factor or a rate of each line is 0."
    elif not lines:
        yield "Upstream reported that no tokens were used."


def _why_other(row: Exchange) -> str:
    if GONE in row.cost_reason:
        return "they leave out what only its bodies said"
    if row.price_rule < costs.RULE:
        return "that was computed by the rule of an earlier version; `manage.py reprice` computes it again"
    return "a price was changed since; `manage.py reprice` computes it again"
