"""Tables to take away: `format=csv` or `jsonl` on the address of a page."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.http import HttpResponse

from dashboard.table_files import CSV_TYPE, JSON_LINES_TYPE, csv_lines, json_lines

FORMATS = ("", "csv", "jsonl")

Row = Mapping[str, str | int | float | Decimal | None]


def export(form: str, name: str, columns: Sequence[str], rows: Iterable[Row]) -> HttpResponse:
    """A file of these rows; `form` is csv or jsonl."""
    if form == "csv":
        content = csv_lines([columns, *([row[column] for column in columns] for row in rows)])
        kind = CSV_TYPE
    else:
        content, kind = json_lines(rows), JSON_LINES_TYPE
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return HttpResponse(content, content_type=kind, headers=headers)
