"""Exports of requests under /api."""

from collections.abc import Iterator, Mapping

import msgspec
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError

from dashboard.api.filtering import filter_of, takes
from dashboard.api.resources.request_export import forms
from dashboard.api.resources.request_export.columns import READ, ExportedRequest, Row, picked, rows
from dashboard.api.resources.request_export.streaming import download
from dashboard.api.shapes.errors import ERRORS
from dashboard.filters.filter import BY_NAME
from dashboard.queries import exchanges
from dashboard.table_files import CSV_TYPE, JSON_LINES_TYPE

router = Router()


@takes(BY_NAME)
class ExportQuery(Schema):
    columns: str = Field(
        "", description="Names of columns, parted by commas, in the order of the file; all without"
    )


@router.get("/requests.csv", response=ERRORS, summary="Requests as CSV")
def requests_csv(request: HttpRequest, filters: Query[ExportQuery]) -> StreamingHttpResponse:
    """Every request of a filter, of the last 24 hours without a period, newest first. A value that a spreadsheet would take
    for a formula has an apostrophe before it.
    """
    broken_off = f"{forms.BROKEN_OFF}\r\n".encode()
    return download(forms.as_csv(*_asked(request, filters)), broken_off, CSV_TYPE, "csv")


@router.get(
    "/requests.jsonl",
    response={200: ExportedRequest, **ERRORS},
    by_alias=True,
    summary="Requests as lines of JSON",
)
def requests_jsonl(request: HttpRequest, filters: Query[ExportQuery]) -> StreamingHttpResponse:
    """The same as lines of JSON, each as described here."""
    broken_off = msgspec.json.encode({"error": forms.BROKEN_OFF}) + b"\n"
    return download(forms.as_json_lines(*_asked(request, filters)), broken_off, JSON_LINES_TYPE, "jsonl")


@router.get("/requests.parquet", response=ERRORS, summary="Requests as Parquet")
def requests_parquet(request: HttpRequest, filters: Query[ExportQuery]) -> StreamingHttpResponse:
    """The same as a file of Parquet, with typed columns."""
    return download(
        forms.as_parquet(*_asked(request, filters)), b"", "application/vnd.apache.parquet", "parquet"
    )


def _asked(request: HttpRequest, filters: ExportQuery) -> tuple[Iterator[list[Row]], Mapping[str, type]]:
    """The rows of a filter and their columns."""
    try:
        columns = picked(filters.columns)
    except ValueError as error:
        raise HttpError(422, f"columns: {error}.") from error
    parts = exchanges.parts(filter_of(request, ("columns",)), READ, timezone.now())
    return rows(parts, columns), columns
