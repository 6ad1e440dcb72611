"""The way of records: what was accepted, stored, waits or was lost."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router

from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from proxy.store.pipeline import Pipeline, pipeline

router = Router()


class SpoolReport(CamelSchema):
    """One proxy process's share; `at` is its last word in epoch seconds, `lostAt` when it last lost a record or a body."""

    id: str
    accepted: int
    stored: int
    waiting: int
    dropped: int
    gaps: int
    bodies_dropped: int
    lost_at: datetime | None
    at: float | None


class PipelineReport(CamelSchema):
    """accepted = stored + waiting + dropped + gaps. `gaps` are records that no proxy holds though they were never stored."""

    accepted: int
    stored: int
    waiting: int
    dropped: int
    gaps: int
    bodies_dropped: int
    lost_at: datetime | None
    healthy: bool
    spools: list[SpoolReport]


@router.get("/pipeline", response={200: PipelineReport, **ERRORS}, by_alias=True)
def pipeline_report(request: HttpRequest) -> Pipeline:
    """Where the accepted exchanges are."""
    return pipeline()
