"""Message batches: what was created, and whether its results were counted."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit
from dashboard.queries import batches

router = Router()


class BatchReport(CamelSchema):
    """One message batch; `createdBy` and `countedBy` are the exchanges that created it and counted its results."""

    batch_id: str
    domain: str
    account_id: str
    state: str = Field(
        description="counted, waiting (results not fetched yet) or lost (not fetched while they were kept)"
    )
    requests: int | None
    created_at: datetime
    created_by: UUID | None
    counted_at: datetime | None
    counted_by: UUID | None


class BatchList(CamelSchema):
    """Message batches, the newest first; `waiting` counts all whose results can be fetched and were not."""

    waiting: int
    looked_back_to: datetime | None = Field(
        description="Where it stopped to look for what a filter asks of a batch's exchanges; null: it looked at all"
    )
    batches: list[BatchReport]


@takes(batches.SERVED)
class BatchQuery(Schema):
    pass


@router.get("/batches", response={200: BatchList, **ERRORS}, by_alias=True)
def message_batches(request: HttpRequest, filters: Query[BatchQuery], limit: Limit = 100) -> BatchList:
    """Message batches, newest first: a batch costs nothing in the figures until its results are fetched."""
    chosen = filter_of(request, ("limit",))
    found = batches.newest(chosen, limit)
    return BatchList(
        waiting=batches.waiting(chosen),
        looked_back_to=found.looked_back_to,
        batches=[BatchReport.from_orm(batch) for batch in found.batches],
    )
