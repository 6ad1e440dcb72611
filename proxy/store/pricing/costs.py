"""What one exchange cost, and how sure that is.

`cost_state` is exact; notional: exact at list prices, but of prepaid capacity; partial: something that is billed is not known,
which `cost_reason` names; unpriced: a model has no price; none: nothing was billed. `estimated_usd` is what limits count beside
the cost where that is not known: it is in no sum that people see.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from proxy.price_table import MODEL_LENGTH
from proxy.record import ABORTED, CLIENT_LEFT, UPSTREAM_CUT
from proxy.store.models import Exchange
from proxy.store.postgres import columns
from proxy.wire.batches import Results, Share
from proxy.wire.billing.estimate import calls_usd, limit_usd, unreported_output
from proxy.wire.billing.pricing import (
    EXACT,
    NONE,
    NOTIONAL,
    PARTIAL,
    UNPRICED,
    Bill,
    Billed,
    PriceBook,
    bill,
    cost,
)
from proxy.wire.billing.refusals import ONE_ATTEMPT, Attempts
from proxy.wire.billing.usage import Counts, Usage, merge
from proxy.wire.messages import ResponseContent

__all__ = ["EXACT", "NONE", "NOTIONAL", "PARTIAL", "RULE", "UNPRICED"]

# By which rule costs are computed now; 0 is that of version 0.1.0. A new rule is a new number, and a migration moves the index
# `exchange_older_rule` to it.
RULE = 1

_BILLED_TYPES = ("inference", "query_evaluation", "quota", "unknown", "complete")
_NO_USAGE = "the answer's usage did not arrive or cannot be read"
_LONGEST_REASON = 2000


def add_to(row: Exchange, response: ResponseContent, prices: PriceBook) -> str:
    """Set the cost of a row; the model that lacks a price for it, "" where none does.

    Priced is the model that answered: an alias in the request names none.
    """
    _clear(row)
    model = response.model or row.model
    missing = (
        0 if response.finished else unreported_output(_output_of(response), row.max_tokens, _seconds(row))
    )
    if response.usage is None:
        if _billed_unseen(row, response):
            row.cost_state, row.cost_reason = PARTIAL, _NO_USAGE
            _estimate(row, limit_usd(Usage(), model, row.started_at, prices, missing_output=missing))
        return ""
    found = bill_of(row, response, prices)
    _set(row, found, _reported(row))
    if row.cost_state in (PARTIAL, UNPRICED):
        bound = limit_usd(
            response.usage, model, row.started_at, prices, attempts=response.attempts, missing_output=missing
        )
        _estimate(row, bound)
    return found.unpriced_model or ""


def bill_of(row: Exchange, response: ResponseContent, prices: PriceBook) -> Bill:
    """The bill for what an answer says, of the time of its row."""
    return cost(
        response.usage or Usage(),
        response.model or row.model,
        row.started_at,
        prices,
        attempts=response.attempts,
        finished=response.finished,
    )


def response_of(row: Exchange) -> ResponseContent:
    """What a stored row that has a usage still knows of its answer: enough to price it again."""
    return ResponseContent(
        usage=merge(row.usage),
        model=row.answered_model or row.model,
        # Rows from before the column `finished` say it in their state alone.
        finished=row.finished and (row.price_rule > 0 or row.cost_state != PARTIAL),
        attempts=msgspec.convert(row.attempts, Attempts) if row.attempts else ONE_ATTEMPT,
    )


def add_batch(
    row: Exchange, results: Results, requests: int | None, at: datetime, prices: PriceBook
) -> tuple[list[Share], str]:
    """Set the tokens and the cost of a row that counts a whole batch of `requests`.

    Returns each share with its own cost, and a model that lacks a price, "" where none does.
    """
    _clear(row)
    row.set_counts(results.counts)
    bills = bills_of_batch(results, at, prices)
    for call_bill in bills:
        _check_band(call_bill, results, prices)
    unpriced = next(
        (call_bill.unpriced_model for call_bill in bills if call_bill.unpriced_model is not None), None
    )
    whole = Bill(reasons=batch_reasons(results, requests, bills), unpriced_model=unpriced)
    whole.billed = _by_model(row.model, (billed for call_bill in bills for billed in call_bill.billed))
    if unpriced is None:
        whole.lines = [line for call_bill in bills for line in call_bill.lines]
    used = {call_bill.price_id for call_bill in bills}
    whole.price_id = used.pop() if len(used) == 1 else None
    _set(row, whole, _reported(row))
    if row.cost_state in (PARTIAL, UNPRICED):
        understated = bool(results.reasons) or any(call_bill.understated for call_bill in bills)
        calls = (
            calls_usd([counted.call], counted.terms, at, prices, understated=understated)
            for counted in results.shares
        )
        searches = (
            line.amount for call_bill in bills for line in call_bill.lines if line.label == "web search"
        )
        _estimate(row, sum(calls, Decimal(0)) + sum(searches, Decimal(0)))
    return [
        msgspec.structs.replace(share, cost_usd=call_bill.amount, price_id=_number(call_bill.price_id))
        for share, call_bill in zip(results.shares, bills, strict=True)
    ], unpriced or ""


def _check_band(found: Bill, results: Results, prices: PriceBook) -> None:
    """Shares tell their prompts by the thresholds of their time: a band that a later price brought is not among them."""
    price = prices.by_id.get(found.price_id or "")
    if price and price.band and price.band.over_tokens not in results.thresholds:
        found.lacks(
            f"which prompts of {price.model} are over {price.band.over_tokens:,} tokens was not counted"
        )


def bills_of_batch(results: Results, at: datetime, prices: PriceBook) -> list[Bill]:
    """The bill of each share of a batch."""
    return [
        bill([share.call], share.terms, at, prices, searches=share.web_searches) for share in results.shares
    ]


def batch_reasons(results: Results, requests: int | None, bills: Iterable[Bill]) -> list[str]:
    """Why the cost of a batch is not exact; none where it is."""
    reasons = [*results.reasons, *(reason for call_bill in bills for reason in call_bill.reasons)]
    if results.unreadable:
        reasons.append(f"{results.unreadable:,} of its lines cannot be read")
    if results.read < (requests or 0):
        reasons.append(f"{results.read:,} of its {requests:,} results are there")
    return list(dict.fromkeys(reasons))


def _clear(row: Exchange) -> None:
    row.cost_usd = row.price_id = row.estimated_usd = row.billed = None
    row.cost_state, row.cost_reason, row.price_rule = NONE, "", RULE


def _set(row: Exchange, found: Bill, reported: Billed) -> None:
    row.cost_usd, row.cost_state, row.price_id = found.amount, found.state, _number(found.price_id)
    if found.unpriced_model is not None:
        found.reasons.insert(0, f"{found.unpriced_model or 'a model without a name'} has no price")
    row.cost_reason = "; ".join(found.reasons)[:_LONGEST_REASON]
    billed = [part._replace(model=_name(part.model)) for part in found.billed]
    if [part[:2] for part in billed] != [reported[:2]]:
        row.billed = [[part.model, *part.tokens, plain(part.cost_usd)] for part in billed]


def _reported(row: Exchange) -> Billed:
    """What the row itself says, as long as nothing else is billed."""
    return Billed(_name(row.model), row.counts, row.cost_usd or Decimal(0))


def _name(model: str) -> str:
    """As the columns of models hold it."""
    return columns.text(model, MODEL_LENGTH)


def billed_of(row: Exchange) -> list[Billed]:
    """What each model of an exchange is billed for, its own first."""
    if row.billed:
        return [Billed(model, Counts(*tokens), Decimal(usd)) for model, *tokens, usd in row.billed]
    return [_reported(row)]


def _by_model(own: str, parts: Iterable[Billed]) -> list[Billed]:
    """What each model of a batch is billed for; first what its row is called, even if that is none of them."""
    found = {own: Billed(own)}
    for part in parts:
        found[part.model] = found.get(part.model, Billed(part.model)).plus(part.tokens, part.cost_usd)
    return list(found.values())


def _estimate(row: Exchange, bound: Decimal) -> None:
    beyond = bound - (row.cost_usd or 0)
    row.estimated_usd = beyond if beyond > 0 else None


def _output_of(response: ResponseContent) -> int:
    return response.usage.output_tokens if response.usage else 0


def _seconds(row: Exchange) -> float:
    """Since the first byte; 0 where nothing came."""
    if row.first_byte_ms is None or not row.response_bytes:
        return 0
    return max(0, row.duration_ms - row.first_byte_ms) / 1000


def plain(usd: Decimal) -> str:
    """An amount in full, without an exponent and without zeros at its end."""
    return f"{usd.normalize():f}" if usd else "0"


def signed(usd: Decimal) -> str:
    """The same of a change."""
    return plain(usd) if usd < 0 else f"+{plain(usd)}"


def _number(price_id: str | None) -> int | None:
    return int(price_id) if price_id else None


def _billed_unseen(row: Exchange, response: ResponseContent) -> bool:
    """Whether upstream billed an answer whose usage did not arrive or cannot be read."""
    if row.request_type not in _BILLED_TYPES or response.error_type:
        return False
    cut = row.status == 0 and row.outcome in (CLIENT_LEFT, UPSTREAM_CUT, ABORTED)
    return cut or 200 <= row.status < 300
