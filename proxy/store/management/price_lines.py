"""The price table and how it differs from a file, as lines and as data."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from proxy.price_file import COLUMNS, PriceRow
from proxy.price_table import BAND, RATES
from proxy.store.models import Price
from proxy.store.pricing.reconcile import Plan, of_table

_HEAD = (
    "MODEL", "FROM", "TO", "STATE", "INPUT", "OUTPUT", "READ", "WRITE 5M", "WRITE 1H", "BAND", "FAST", "US", "BATCH", "SEARCH",
    "WHOSE", "READ ON",
)  # fmt: skip
_TEXTS = {0, 1, 2, 3, 9, 14, 15}  # the columns that stand left


def table_lines(rows: Iterable[Price], states: dict[int, str]) -> Iterator[str]:
    """A line for each row; under one with an upper band, the rates of that."""
    cells: list[tuple[str, ...]] = [_HEAD]
    for row in rows:
        cells.append(_cells(row, states[row.pk]))
        if row.band_over_tokens is not None:
            upper = (_amount(getattr(row, BAND + name)) for name in RATES)
            cells.append(("", "", "", "", *upper, f"over {row.band_over_tokens:,}", "", "", "", "", "", ""))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(
            f"{cell:<{width}}" if position in _TEXTS else f"{cell:>{width}}"
            for position, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()


def table_data(row: Price, state: str) -> dict[str, object]:
    """A row of the table, by the names of its columns."""
    return {"id": row.pk, "state": state, "whose": whose(row)} | file_data(of_table(row))


def file_data(row: PriceRow) -> dict[str, object]:
    """A row of a file, by the names of the columns."""
    return {name: _plain(getattr(row, name)) for name in COLUMNS}


def plan_lines(plan: Plan) -> Iterator[str]:
    """A line for each row that is to be added, changed or withdrawn."""
    kept = set(plan.kept)
    stands = "; an operator's price stands against it, so no upgrade does this"
    for row in plan.add:
        yield f"add       {_name(row)}: {_rates(row)}{stands if row in kept else ''}"
    for edit in plan.edit:
        what = ", ".join(edit.columns) or "its source alone"
        yield f"change    {_name(edit.row)}: {what}{stands if edit.row in kept else ''}"
    for old in plan.withdraw:
        yield f"withdraw  {_name(of_table(old))}: {_rates(of_table(old))}; {whose(old)}"


def plan_data(plan: Plan) -> dict[str, object]:
    """The same as data."""
    return {
        "differs": plan.differs,
        "add": [file_data(row) for row in plan.add],
        "change": [
            {"id": change.old.pk, "columns": change.columns} | file_data(change.row) for change in plan.edit
        ],
        "withdraw": [{"id": row.pk, "whose": whose(row)} | file_data(of_table(row)) for row in plan.withdraw],
        "kept": [file_data(row) for row in plan.kept],
    }


def whose(row: Price) -> str:
    return "shipped" if row.shipped else "operator"


def _cells(row: Price, state: str) -> tuple[str, ...]:
    return (
        row.model,
        f"{row.valid_from:%Y-%m-%d}",
        f"{row.valid_to:%Y-%m-%d}" if row.valid_to else "-",
        state,
        *(_amount(getattr(row, name)) for name in RATES),
        "-" if row.band_over_tokens is None else f"up to {row.band_over_tokens:,}",
        *(_amount(amount) for amount in (row.fast_factor, row.us_factor, row.batch_factor, row.web_search)),
        whose(row),
        f"{row.read_on}" if row.read_on else "-",
    )


def _name(row: PriceRow) -> str:
    until = f" to {row.valid_to:%Y-%m-%d}" if row.valid_to else ""
    return f"{row.model} from {row.valid_from:%Y-%m-%d}{until}"


def _rates(row: PriceRow) -> str:
    rates = [_amount(getattr(row, name)) for name in RATES]
    band = "" if row.band_over_tokens is None else f", dearer over {row.band_over_tokens:,} tokens"
    return "input {}, output {}, read {}, write {} and {}".format(*rates) + band


def _amount(value: Any) -> str:
    """An amount without zeros at its end."""
    return "-" if value is None else f"{Decimal(value).normalize():f}"


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _amount(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
