"""Exports of requests under /api."""

from collections.abc import Iterator

import msgspec
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from ninja import Query, Router, Schema

from dashboard.api.filtering import filter_of, takes
from dashboard.api.resources.request_export import forms
from dashboard.api.resources.request_export.columns import READ, ExportedRequest, Row, rows
from dashboard.api.resources.request_export.streaming import download
from dashboard.api.shapes.errors import ERRORS
from dashboard.filters.filter import BY_NAME
from dashboard.queries import exchanges
from dashboard.table_files import CSV_TYPE, JSON_LINES_TYPE

router = Router()


@takes(BY_NAME)
class ExportQuery(Schema):
    pass


@router.get("/requests.csv", response=ERRORS, summary="Requests as CSV")
def requests_csv(request: HttpRequest, filters: Query[ExportQuery]) -> StreamingHttpResponse:
    """Every request of a filter, of the last 24 hours without a period, newest first. A value that a spreadsheet would take
    for a formula has an apostrophe before it.
    """
    broken_off = f"{forms.BROKEN_OFF}\r\n".encode()
    return download(forms.as_csv(_parts(request)), broken_off, CSV_TYPE, "csv")


@router.get(
    "/requests.jsonl",
    response={200: ExportedRequest, **ERRORS},
    by_alias=True,
    summary="Requests as lines of JSON",
)
def requests_jsonl(request: HttpRequest, filters: Query[ExportQuery]) -> StreamingHttpResponse:
    """The same as lines of JSON, each as described here."""
    broken_off = msgspec.json.encode({"error": forms.BROKEN_OFF}) + b"\n"
    return download(forms.as_json_lines(_parts(request)), broken_off, JSON_LINES_TYPE, "jsonl")


@router.get("/requests.parquet", response=ERRORS, summary="Requests as Parquet")
def requests_parquet(request: HttpRequest, filters: Query[ExportQuery]) -> StreamingHttpResponse:
    """The same as a file of Parquet, with typed columns."""
    return download(forms.as_parquet(_parts(request)), b"", "application/vnd.apache.parquet", "parquet")


def _parts(request: HttpRequest) -> Iterator[list[Row]]:
    return rows(exchanges.parts(filter_of(request), READ, timezone.now()))
