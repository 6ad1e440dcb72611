"""What a request may use, guessed before it is made: from its size and `max_tokens`, at the built-in prices.

Rather too much than too little: what is not used comes back when the answer ends.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from proxy.wire.default_prices import DEFAULT_PRICES
from proxy.wire.hints import max_tokens_of, model_of
from proxy.wire.pricing import PriceBook, cost
from proxy.wire.usage import Usage

_BYTES_PER_TOKEN = 4
_BOOK = PriceBook(DEFAULT_PRICES)
_DEAREST = max(DEFAULT_PRICES, key=lambda price: price.output).model
_BATCHES = "/v1/messages/batches"
_FREE = ("/v1/messages/count_tokens", "/v1/files")


@dataclass(frozen=True, slots=True)
class Estimate:
    """`tokens` and `usd` are 0 where nothing is known of them; what is not `billed` costs nothing."""

    billed: bool = False
    tokens: int = 0
    usd: Decimal = Decimal(0)


def estimate(method: str, target: str, body: bytes, at: datetime) -> Estimate:
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
    )
    tokens = 0 if batch else usage.cache_write_tokens + usage.output_tokens
    return Estimate(True, tokens, usd_of(usage, model_of(body), at, batch=batch))


def usd_of(usage: Usage, model: str, at: datetime, *, batch: bool = False) -> Decimal:
    """What it costs; a model without a price counts as the dearest one."""
    bill = cost(usage, model, at, _BOOK, batch=batch)
    if bill.amount is None:
        bill = cost(usage, _DEAREST, at, _BOOK, batch=batch)
    return bill.amount or Decimal(0)
