"""Tables to take away: `format=csv` or `jsonl` on the address of a page."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from django.http import HttpResponse

FORMATS = ("", "csv", "jsonl")
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

Row = Mapping[str, str | int | float | Decimal | None]


def export(form: str, name: str, columns: Sequence[str], rows: Iterable[Row]) -> HttpResponse:
    """A file of these rows; `form` is csv or jsonl."""
    lines = _csv(columns, rows) if form == "csv" else _jsonl(rows)
    return HttpResponse(
        "".join(lines),
        content_type=_MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    yield buffer.getvalue()


def _cell(value: object) -> object:
    """Amounts with all their digits; a text that a spreadsheet would compute stays a text. Numbers are never texts."""
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value.normalize():f}"
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value


def _jsonl(rows: Iterable[Row]) -> Iterator[str]:
    for row in rows:
        plain = {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}
        yield json.dumps(plain, ensure_ascii=False) + "\n"
