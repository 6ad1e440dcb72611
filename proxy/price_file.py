"""A file of prices: a JSON list of rows, as the one that ships with every wheel and image.

Each row: `model`, `aliases` (other ids of it), `valid_from` and `valid_to` (dates, from 00:00 UTC, the end exclusive, null for
none), five rates in USD per million tokens, `band` (null, or `over_tokens` and five rates), `fast_factor`, `us_factor`,
`batch_factor`, `web_search` (USD per 1,000), `source` and `read_on`. Amounts are texts, so that no digit is lost.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from proxy.price_table import BAND, MODEL_LENGTH, RATES, price_of
from proxy.wire.billing.price_book import Price

SHIPPED = Path(__file__).parent / "store" / "pricing" / "prices.json"
# What the columns of the table hold without rounding: below so much, with so many decimals.
_AMOUNT, _FACTOR = (10**6, 6), (10**4, 4)
_MOST_TOKENS = 2**63

Usd = Decimal | None


class PriceFileError(ValueError):
    """A file that cannot be used; the message says where and what to do."""


class _Rates(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    input: Usd = None
    output: Usd = None
    cache_read: Usd = None
    cache_write_5m: Usd = None
    cache_write_1h: Usd = None


class _Band(_Rates, kw_only=True):
    over_tokens: int


class _Row(_Rates, kw_only=True):
    model: str
    valid_from: date
    aliases: list[str] = []
    valid_to: date | None = None
    band: _Band | None = None
    fast_factor: Usd = None
    us_factor: Usd = None
    batch_factor: Decimal = Decimal("0.5")
    web_search: Usd = None
    source: str = ""
    read_on: date | None = None


@dataclass(frozen=True, slots=True)
class PriceRow:
    """The columns of a price that a file says, as the table holds them."""

    model: str
    valid_from: datetime
    input: Usd
    output: Usd
    cache_read: Usd
    cache_write_5m: Usd
    cache_write_1h: Usd
    aliases: tuple[str, ...]
    valid_to: datetime | None
    band_over_tokens: int | None
    band_input: Usd
    band_output: Usd
    band_cache_read: Usd
    band_cache_write_5m: Usd
    band_cache_write_1h: Usd
    fast_factor: Usd
    us_factor: Usd
    batch_factor: Decimal
    web_search: Usd
    source: str
    read_on: date | None

    @property
    def values(self) -> dict[str, Any]:
        """The columns by their names."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(field.name for field in fields(PriceRow))


def read(path: Path) -> list[PriceRow]:
    """The rows of a file; raises PriceFileError."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=list[_Row])
    except OSError as error:
        raise PriceFileError(f"{path} cannot be read ({error.strerror}): name a file that can.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PriceFileError(
            f"{path} is no list of prices: {error}. See docs/prices.md for its form."
        ) from error
    rows = [_flat(row) for row in found]
    for number, row in enumerate(rows, 1):
        if wrong := _wrong(row):
            raise PriceFileError(f"{path}, row {number} ({row.model or 'no model'}): {wrong}.")
    if twice := _twice(rows):
        raise PriceFileError(
            f"{path} has two prices of {twice.model} from {twice.valid_from:%Y-%m-%d}: keep one."
        )
    if shared := _shared_alias(rows):
        raise PriceFileError(f"{path} has {shared} as an alias of two models: keep it for one.")
    return rows


@cache
def shipped() -> tuple[PriceRow, ...]:
    """The prices of this version of Nexus, read once."""
    return tuple(read(SHIPPED))


def shipped_prices() -> list[Price]:
    """The same as prices, for where no table can be read; an id is the model and the date."""
    return [price_of(row.values | {"id": f"{row.model}@{row.valid_from:%Y-%m-%d}"}) for row in shipped()]


def _flat(row: _Row) -> PriceRow:
    band = row.band
    return PriceRow(
        model=row.model,
        valid_from=_midnight(row.valid_from),
        **{name: getattr(row, name) for name in RATES},
        aliases=tuple(row.aliases),
        valid_to=_midnight(row.valid_to) if row.valid_to else None,
        band_over_tokens=band.over_tokens if band else None,
        **{BAND + name: getattr(band, name) if band else None for name in RATES},
        fast_factor=row.fast_factor,
        us_factor=row.us_factor,
        batch_factor=row.batch_factor,
        web_search=row.web_search,
        source=row.source,
        read_on=row.read_on,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _wrong(row: PriceRow) -> str:
    """What no row may say, "" if nothing."""
    for name in (row.model, *row.aliases):
        if not (0 < len(name) <= MODEL_LENGTH and name.isprintable() and name == name.strip()):
            return f"a model's name has 1 to {MODEL_LENGTH} printable characters and no space around them"
    if len({row.model, *row.aliases}) <= len(row.aliases):
        return "a name stands there twice: once as the model or an alias is enough"
    if not row.source.isprintable():
        return "source holds a character that cannot be shown, as a new line"
    if row.valid_to and row.valid_to <= row.valid_from:
        return "valid_to is not after valid_from"
    if row.band_over_tokens is not None and not 0 <= row.band_over_tokens < _MOST_TOKENS:
        return "over_tokens is no number of tokens"
    return next(filter(None, (_wrong_amount(name, getattr(row, name)) for name in COLUMNS)), "")


def _wrong_amount(name: str, value: Any) -> str:
    below, decimals = _FACTOR if name.endswith("_factor") else _AMOUNT
    if not isinstance(value, Decimal):
        return ""
    exponent = value.as_tuple().exponent  # a letter where it is no number
    if isinstance(exponent, int) and 0 <= value < below and -decimals <= exponent < decimals:
        return ""
    return f"{name} is no amount from 0 to {below - 1:,} with at most {decimals} decimals"


def _twice(rows: Iterable[PriceRow]) -> PriceRow | None:
    seen: set[tuple[str, datetime]] = set()
    for row in rows:
        if (row.model, row.valid_from) in seen:
            return row
        seen.add((row.model, row.valid_from))
    return None


def _shared_alias(rows: Iterable[PriceRow]) -> str:
    """An alias that two models have, "" if none."""
    model_of: dict[str, str] = {}
    for row in rows:
        for alias in row.aliases:
            if model_of.setdefault(alias, row.model) != row.model:
                return alias
    return ""
