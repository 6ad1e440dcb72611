"""Rows of a table as lines of a file: CSV (RFC 4180) that no spreadsheet computes, and lines of JSON."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

CSV_TYPE = "text/csv; charset=utf-8"
JSON_LINES_TYPE = "application/x-ndjson"
# What begins so is a formula to a spreadsheet: an apostrophe makes it a text. Numbers are never texts.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_to_json = msgspec.json.Encoder().encode


def csv_lines(rows: Iterable[Iterable[Any]]) -> bytes:
    """In UTF-8; None is an empty cell, times are ISO 8601, numbers have all their digits and no exponent."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """An object a line; decimals are numbers."""
    return b"".join(_to_json({name: _number(value) for name, value in row.items()}) + b"\n" for row in rows)


def _cell(value: Any) -> Any:
    match value:
        case str():
            return f"'{value}" if value.startswith(FORMULA) else value
        case Decimal():
            return f"{value.normalize():f}"
        case float():
            return f"{Decimal(repr(value)):f}"  # 0.000005, where Python says 5e-06
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
    return value


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
