"""What limits count where a cost is not known: before a request is made, and where its answer cannot be priced exactly.

Rather too much than too little: what a request did not use comes back when its answer ends.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from proxy.wire.billing.calls import Call, calls_of
from proxy.wire.billing.price_book import Price, PriceBook
from proxy.wire.billing.pricing import Bill, Terms, cost, lines_of, terms_of
from proxy.wire.billing.refusals import ONE_ATTEMPT, Attempts
from proxy.wire.billing.usage import Usage
from proxy.wire.hints import asks_for_fast, asks_for_us, max_tokens_of, model_of

_BYTES_PER_TOKEN = 4
# No model writes faster for long: what a cut answer may have cost beyond what it reported.
TOKENS_PER_SECOND = 250
_FAMILIES = (("opus",), ("sonnet",), ("haiku",), ("fable", "mythos"))
_BATCHES = "/v1/messages/batches"
_FREE = ("/v1/messages/count_tokens", "/v1/files")
# A prompt that is in the highest band of any price.
_HUGE = 2**62


@dataclass(frozen=True, slots=True)
class Estimate:
    """`tokens` and `usd` are 0 where nothing is known of them; what is not `billed` costs nothing.

    `output_tokens` is the most that the request lets its answer have.
    """

    billed: bool = False
    tokens: int = 0
    usd: Decimal = Decimal(0)
    output_tokens: int = 0

    def plus(self, more: "Estimate") -> "Estimate":
        """With what the next bytes of the same request probably use."""
        return Estimate(
            self.billed or more.billed,
            self.tokens + more.tokens,
            self.usd + more.usd,
            self.output_tokens + more.output_tokens,
        )


def estimate(method: str, target: str, body: bytes, at: datetime, book: PriceBook) -> Estimate:
    """The most that a request probably uses. Whatever is posted costs something, but for a few known paths.

    A batch is billed when its results are fetched; until its creation is stored its input stands for it.
    """
    path = target.partition("?")[0]
    if method != "POST" or any(path == free or path.startswith(f"{free}/") for free in _FREE):
        return Estimate()
    batch = path.startswith(_BATCHES)
    # Writing it all to the cache is the dearest way to send it.
    usage = Usage(
        cache_write_tokens=-(-len(body) // _BYTES_PER_TOKEN),
        output_tokens=0 if batch else max_tokens_of(body),
        speed="fast" if asks_for_fast(body) else None,
        inference_geo="us" if asks_for_us(body) else None,
    )
    tokens = 0 if batch else usage.cache_write_tokens + usage.output_tokens
    usd = limit_usd(usage, model_of(body), at, book, batch=batch)
    return Estimate(True, tokens, usd, usage.output_tokens)


def unreported_output(reported: int, reserved: int | None, seconds: float) -> int:
    """Of an answer that was cut: the tokens that it may have had beyond what it reported, `seconds` after its first byte.

    `reserved` is the most that the request let it have, None where that is not known.
    """
    written = round(TOKENS_PER_SECOND * seconds)
    return max(0, (written if reserved is None else min(reserved, written)) - reported)


def limit_usd(
    usage: Usage,
    model: str,
    at: datetime,
    book: PriceBook,
    *,
    attempts: Attempts = ONE_ATTEMPT,
    batch: bool = False,
    missing_output: int = 0,
) -> Decimal:
    """What limits compare for an answer by `model` at the aware datetime `at`, in USD: its cost, or the most that it may be.

    `missing_output` are tokens of output that a cut answer did not report.
    """
    found = cost(usage, model, at, book, attempts=attempts, batch=batch)
    calls = calls_of(usage, model, attempts)
    if missing_output:
        calls.append(Call(model, output_tokens=missing_output, prompt_tokens=calls[0].prompt_tokens))
    elif found.amount is not None and not found.understated:
        return found.amount
    terms = terms_of(usage, batch=batch)
    return calls_usd(calls, terms, at, book, understated=found.understated) + _searches(
        usage, model, at, book
    )


def calls_usd(
    calls: Iterable[Call], terms: Terms, at: datetime, book: PriceBook, *, understated: bool
) -> Decimal:
    """The most that calls may cost: a model without a price counts as the dearest of its family, one of whose usage not all
    is understood as in its upper band or in fast mode, and in the US."""
    variants = list(_variants(terms)) if understated else [(terms, False)]
    return sum((_most(call, variants, at, book) for call in calls), Decimal(0))


def _variants(terms: Terms) -> Iterator[tuple[Terms, bool]]:
    """Ways in which a call may have been served, and whether in the upper band."""
    in_us = replace(terms, in_us=True)
    yield from ((terms, False), (in_us, False), (in_us, True), (replace(in_us, fast=True), False))


def _most(call: Call, variants: Iterable[tuple[Terms, bool]], at: datetime, book: PriceBook) -> Decimal:
    prices = [own] if (own := book.find(call.model, at)) else _family(call.model, at, book)
    return max(
        (
            _usd(replace(call, prompt_tokens=_HUGE) if upper else call, terms, at, price)
            for price in prices
            for terms, upper in variants
        ),
        default=Decimal(0),
    )


def _family(model: str, at: datetime, book: PriceBook) -> list[Price]:
    """The prices in force of the models whose names have the same word, all where none has."""
    prices = list(book.in_force(at))
    words = next((family for family in _FAMILIES if any(word in model for word in family)), ())
    return [price for price in prices if any(word in price.model for word in words)] or prices


def _usd(call: Call, terms: Terms, at: datetime, price: Price) -> Decimal:
    return sum((line.amount for line in lines_of(call, terms, at, price, Bill())), Decimal(0))


def _searches(usage: Usage, model: str, at: datetime, book: PriceBook) -> Decimal:
    searches = dict(usage.server_tools).get("web_search", 0)
    rates = (price.web_search or Decimal(0) for price in book.in_force(at))
    price = book.find(model, at)
    rate = price.web_search if price and price.web_search is not None else max(rates, default=Decimal(0))
    return (searches * rate).scaleb(-3)
