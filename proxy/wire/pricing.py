"""What an answer cost, exactly, with every line of the bill."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from proxy.wire.default_prices import DEFAULT_PRICES
from proxy.wire.price_book import Price, PriceBook
from proxy.wire.usage import Usage

__all__ = ["DEFAULT_PRICES", "Cost", "CostLine", "Price", "PriceBook", "cost"]

_BATCH_SHARE = Decimal("0.5")
_PER_MILLION = -6
_PER_THOUSAND = -3


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of a bill: `amount` USD for `tokens` tokens at `unit_price` USD per million.

    For the label "web search", `tokens` counts searches and `unit_price` is per 1,000.
    """

    label: str
    tokens: int
    unit_price: Decimal
    amount: Decimal
    model: str


@dataclass(frozen=True, slots=True)
class Cost:
    """The whole bill in USD; "unpriced", without an amount, where a model in it has no price: `unpriced_model`.

    `price_id` is the price of the answer's own model; iterations by other models say so in their lines.
    """

    amount: Decimal | None
    state: Literal["exact", "unpriced"]
    price_id: str | None
    lines: tuple[CostLine, ...]
    unpriced_model: str = ""


def cost(usage: Usage, model: str, at: datetime, book: PriceBook, *, batch: bool = False) -> Cost:
    """The bill for one answer by `model` at the aware datetime `at`.

    Where the API reports iterations, their sum is the bill, each at its own model's price: the top level
    then repeats some of them and leaves out others. Batches cost half for tokens, not for server tools.
    """
    price = book.find(model, at)
    if price is None:
        return _unpriced(model)
    lines: list[CostLine] = []
    for step_model, step in usage.steps(model):
        step_price = book.find(step_model, at)
        if step_price is None:
            return _unpriced(step_model)
        lines += _token_lines(step, step_model, step_price, _BATCH_SHARE if batch else Decimal(1))
    if searches := dict(usage.server_tools).get("web_search"):
        lines.append(_line("web search", searches, price.web_search, model, _PER_THOUSAND))
    amount = sum((line.amount for line in lines), Decimal(0))
    return Cost(amount, "exact", price.id, tuple(lines))


def _unpriced(model: str) -> Cost:
    return Cost(None, "unpriced", None, (), model)


def _token_lines(usage: Usage, model: str, price: Price, share: Decimal) -> Iterator[CostLine]:
    one_hour = usage.billed_1h_tokens
    parts = (
        ("input", usage.input_tokens, price.input),
        ("output", usage.output_tokens, price.output),
        ("cache read", usage.cache_read_tokens, price.cache_read),
        ("cache write 5 min", usage.cache_write_tokens - one_hour, price.cache_write_5m),
        ("cache write 1 h", one_hour, price.cache_write_1h),
    )
    for label, tokens, unit_price in parts:
        if tokens:
            yield _line(label, tokens, unit_price * share, model, _PER_MILLION)


def _line(label: str, count: int, unit_price: Decimal, model: str, exponent: int) -> CostLine:
    return CostLine(label, count, unit_price, (count * unit_price).scaleb(exponent), model)
