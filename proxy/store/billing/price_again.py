"""Price a stored exchange again: by what its row tells, and by its bodies where an earlier version kept too little of them."""

from msgspec.structs import replace

from proxy.store.bodies.codings import plain
from proxy.store.bodies.traffic import Side
from proxy.store.ingest import facts, message_batches
from proxy.store.models import Exchange
from proxy.store.pricing import costs
from proxy.store.transfer.reading import read
from proxy.wire.batch_reader import read_results
from proxy.wire.billing.price_book import PriceBook
from proxy.wire.billing.refusals import REFUSED
from proxy.wire.lenient import as_dict, as_list
from proxy.wire.messages import read_response
from proxy.wire.requests import read_request

GONE = "its bodies are no longer stored, so it has the cost of an earlier version, which did not know what is billed of it"
# What repricing writes: the cost with what it depends on.
COLUMNS = (
    "cost_usd", "cost_state", "cost_reason", "estimated_usd", "price_id", "price_rule", "billed", "usage", "attempts",
    "max_tokens", "bill_to", "speed", "inference_geo", "service_tier", "thinking_tokens", "stop_details", "error_code",
    "input_transformations", "fallback_from",
)  # fmt: skip


def price_again(row: Exchange, book: PriceBook) -> str:
    """Set the cost of a stored row anew; the model that lacks a price, "" where none does."""
    if (row.price_rule < costs.RULE or row.cost_reason == GONE) and _lacks_columns(row):
        request, response = _bodies(row)
        if response is None or response.body is None:
            row.cost_state, row.cost_reason, row.price_rule = costs.PARTIAL, GONE, costs.RULE
            return ""
        _read_again(row, request, response, book)
    if found := message_batches.usage_of(row):
        row.price_rule = costs.RULE
        return message_batches.bill(row, found, book) if found.priced_at else ""
    content = costs.response_of(row)
    if row.price_rule < costs.RULE and content.usage:
        facts.add_usage(row, content.usage)
    return costs.add_to(row, content, book)


def _lacks_columns(row: Exchange) -> bool:
    """Whether 0.1.0 kept too little of an exchange: how refused and declined attempts ended, and the prompts of a batch."""
    if found := message_batches.usage_of(row):
        return found.priced_at is not None and not found.results.thresholds
    iterations = as_list(as_dict(row.usage).get("iterations"))
    own = {None, row.answered_model or row.model}
    declined = any(
        as_dict(iteration).get("type") == "message" and as_dict(iteration).get("model") not in own
        for iteration in iterations
    )
    return row.stop_reason == REFUSED or declined


def _bodies(row: Exchange) -> tuple[Side | None, Side | None]:
    [whole] = read([row], bodies=True)
    return (whole.traffic.request, whole.traffic.response) if whole.traffic else (None, None)


def _read_again(row: Exchange, request: Side | None, response: Side, book: PriceBook) -> None:
    reported = facts.by_name(response.headers)
    body = plain(response.body or b"", response.headers)
    if found := message_batches.usage_of(row):
        results = read_results(body, book.thresholds)
        message_batches.keep(row, replace(found, results=results))
        return
    facts.add_details(row, read_response(row.status, reported.get("content-type", ""), body))
    if request and request.body is not None:
        shape = read_request(row.path, plain(request.body, request.headers))
        row.max_tokens, row.bill_to = shape.max_tokens, shape.bill_to
