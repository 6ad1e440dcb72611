"""What the record takes on disk."""

from datetime import date, datetime

from django.http import HttpRequest
from ninja import Router

from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.queries.storage import Storage, storage

router = Router()


class TableReport(CamelSchema):
    """One table of a month, with indexes and TOAST; `share` is that of the month's `rawBytes`."""

    table: str
    stored_bytes: int
    share: float | None


class MonthReport(CamelSchema):
    """A month by its first day. `rawBytes`: its kept bodies as they went over the wire; `storedBytes`: its tables on disk.

    Once its bodies were dropped, `bodiesDroppedAt` says since when, and nobody knows the bytes of those that were pinned.
    """

    month: date
    raw_bytes: int | None
    stored_bytes: int
    share: float | None
    bodies_dropped_at: datetime | None
    tables: list[TableReport]


class StorageReport(CamelSchema):
    """All months that are kept, the newest first. `rawBytes` and `share` are of those whose bodies were not dropped."""

    raw_bytes: int
    stored_bytes: int
    share: float | None
    months: list[MonthReport]


@router.get("/storage", response={200: StorageReport, **ERRORS}, by_alias=True)
def storage_report(request: HttpRequest) -> Storage:
    """What the record takes on disk, by month and table, beside what went over the wire."""
    return storage()
