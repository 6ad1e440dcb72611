"""The prices that Nexus starts with, from https://www.anthropic.com/pricing; operators edit them later."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from proxy.wire.price_book import Price

# Before any traffic that Nexus can see.
_ALWAYS = datetime(2023, 1, 1, tzinfo=UTC)

# Models, and USD per million tokens: input, output, cache read, cache write for 5 minutes.
_TABLE = (
    ("claude-fable-5 claude-mythos-5", "10", "50", "1", "12.50"),
    (
        "claude-opus-5 claude-opus-4-8 claude-opus-4-7 claude-opus-4-6 claude-opus-4-5",
        "5",
        "25",
        "0.50",
        "6.25",
    ),
    ("claude-opus-4-1 claude-opus-4-0 claude-opus-4 claude-3-opus", "15", "75", "1.50", "18.75"),
    ("claude-sonnet-4-6 claude-sonnet-4-5 claude-sonnet-4-0 claude-sonnet-4", "3", "15", "0.30", "3.75"),
    ("claude-3-7-sonnet claude-3-5-sonnet claude-3-sonnet", "3", "15", "0.30", "3.75"),
    ("claude-haiku-4-5", "1", "5", "0.10", "1.25"),
    ("claude-3-5-haiku", "0.80", "4", "0.08", "1"),
    ("claude-3-haiku", "0.25", "1.25", "0.03", "0.30"),
)
_SONNET_5_INTRODUCTION = ("claude-sonnet-5", "2", "10", "0.20", "2.50")
_SONNET_5 = ("claude-sonnet-5", "3", "15", "0.30", "3.75")
_SONNET_5_INTRODUCTION_ENDS = datetime(2026, 9, 1, tzinfo=UTC)


def _prices(row: tuple[str, str, str, str, str], valid_from: datetime) -> Iterator[Price]:
    names, price_in, price_out, read, write = row
    for model in names.split():
        yield Price(
            id=f"{model}@{valid_from:%Y-%m-%d}",
            model=model,
            input=Decimal(price_in),
            output=Decimal(price_out),
            cache_read=Decimal(read),
            cache_write_5m=Decimal(write),
            cache_write_1h=2 * Decimal(price_in),
            valid_from=valid_from,
        )


DEFAULT_PRICES: tuple[Price, ...] = (
    *(price for row in _TABLE for price in _prices(row, _ALWAYS)),
    *_prices(_SONNET_5_INTRODUCTION, _ALWAYS),
    *_prices(_SONNET_5, _SONNET_5_INTRODUCTION_ENDS),
)
