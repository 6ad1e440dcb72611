"""What one exchange cost, and how sure that is.

`cost_state` is exact; partial: tokens are missing, because the stream did not end or cannot be read; unpriced: a model
has no price; none: nothing was billed.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from proxy.record import ABORTED, CLIENT_LEFT, UPSTREAM_CUT
from proxy.store.models import Exchange
from proxy.wire.batches import Results, Share
from proxy.wire.messages import Answer
from proxy.wire.pricing import PriceBook, cost
from proxy.wire.usage import merge

EXACT, PARTIAL, UNPRICED, NONE = "exact", "partial", "unpriced", "none"

_BILLED_TYPES = ("inference", "query_evaluation", "quota", "complete")
# What the column holds; no answer costs it, but a count that upstream made up may.
_LIMIT = Decimal(10**8)


def add_to(row: Exchange, answer: Answer, prices: PriceBook) -> str:
    """Set the cost of a row; the model that lacks a price for it, "" where none does.

    Priced is the model that answered: an alias in the request names none.
    """
    if answer.usage is None:
        row.cost_state = PARTIAL if _billed_unseen(row, answer) else NONE
        return ""
    batch = answer.usage.service_tier == "batch"
    bill = cost(answer.usage, answer.model or row.model, row.started_at, prices, batch=batch)
    if bill.amount is None or bill.amount >= _LIMIT:
        row.cost_state = UNPRICED
        return bill.unpriced_model
    row.cost_usd = bill.amount.quantize(Decimal("1E-10"))
    row.price_id = _number(bill.price_id)
    row.cost_state = EXACT if answer.finished else PARTIAL
    return ""


def answer_of(row: Exchange) -> Answer:
    """What a stored row that has a usage still knows of its answer: enough to price it again."""
    return Answer(
        usage=merge(row.usage),
        model=row.answered_model or row.model,
        # Rows from before the column `finished` say it in their state alone.
        finished=row.finished and row.cost_state != PARTIAL,
    )


def add_batch(
    row: Exchange, results: Results, requests: int | None, at: datetime, prices: PriceBook
) -> list[Share]:
    """Set the tokens and the cost of a row that counts a whole batch of `requests`; each model's share with its own cost."""
    row.input_tokens, row.output_tokens = results.input_tokens, results.output_tokens
    row.cache_read_tokens, row.cache_write_tokens = results.cache_read_tokens, results.cache_write_tokens
    bills = [cost(share.usage, share.model, at, prices, batch=True) for share in results.shares]
    shares = [
        msgspec.structs.replace(share, cost_usd=bill.amount, price_id=_number(bill.price_id))
        for share, bill in zip(results.shares, bills, strict=True)
    ]
    used = {share.price_id for share in shares}
    row.price_id = used.pop() if len(used) == 1 else None
    amounts = [bill.amount for bill in bills if bill.amount is not None]
    total = sum(amounts, Decimal(0))
    if len(amounts) < len(bills) or total >= _LIMIT:
        row.cost_usd, row.cost_state = None, UNPRICED
    else:
        row.cost_usd = total.quantize(Decimal("1E-10"))
        row.cost_state = PARTIAL if results.unreadable or results.read < (requests or 0) else EXACT
    return shares


def _number(price_id: str | None) -> int | None:
    return int(price_id) if price_id else None


def _billed_unseen(row: Exchange, answer: Answer) -> bool:
    """Whether upstream billed an answer whose usage did not arrive or cannot be read."""
    if row.request_type not in _BILLED_TYPES or answer.error_type:
        return False
    cut = row.status == 0 and row.outcome in (CLIENT_LEFT, UPSTREAM_CUT, ABORTED)
    return cut or 200 <= row.status < 300
