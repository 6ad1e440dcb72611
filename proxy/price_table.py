"""The price table as the pure prices: both sides read it, the relay without Django's models."""

from collections.abc import Mapping
from typing import Any

from django.db import connection

from proxy.wire.billing.price_book import Band, Price, Rates

# A model's name in any table.
MODEL_LENGTH = 120
# The rates of a price, in the order of `Rates`; with BAND before them those of its upper band.
RATES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
BAND = "band_"
_COLUMNS = (
    "id", "model", "aliases", "valid_from", "valid_to", *RATES, "band_over_tokens", *(BAND + name for name in RATES),
    "fast_factor", "us_factor", "batch_factor", "web_search", "withdrawn_at",
)  # fmt: skip
_READ = f"SELECT {', '.join(_COLUMNS)} FROM proxy_price"  # noqa: S608 - our names


def read() -> list[Price]:
    """Every row, also those that no name finds any more."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        return [price_of(dict(zip(_COLUMNS, row, strict=True))) for row in cursor.fetchall()]


def price_of(row: Mapping[str, Any]) -> Price:
    """A price by the names of its columns; what has no id or end yet may leave it out."""
    over_tokens = row["band_over_tokens"]
    return Price(
        id=str(row.get("id", "")),
        model=row["model"],
        rates=_rates(row),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        band=None if over_tokens is None else Band(over_tokens, _rates(row, BAND)),
        aliases=tuple(row["aliases"]),
        fast_factor=row["fast_factor"],
        us_factor=row["us_factor"],
        batch_factor=row["batch_factor"],
        web_search=row["web_search"],
        withdrawn=row.get("withdrawn_at") is not None,
    )


def _rates(row: Mapping[str, Any], prefix: str = "") -> Rates:
    return Rates(*(row[prefix + name] for name in RATES))
