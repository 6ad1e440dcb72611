"""What differs between two requests."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router
from ninja.errors import HttpError

from dashboard.api.keys import BodiesKey
from dashboard.api.shapes.cache_break import BrokenCache, broken_cache
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.caching import BODIES
from dashboard.queries import exchanges
from dashboard.queries.request_pair import NoPairError, Pair, pair
from dashboard.transcript import request_diff as differences
from dashboard.transcript.request_diff import NotComparableError, Section
from proxy.conversations.findings.request_diff import Kind
from proxy.conversations.findings.request_parts import Part

MAX_ENTRIES = 500
router = Router(auth=BodiesKey())


class DiffEntry(CamelSchema):
    """One difference, with excerpts around where it begins; of a tool that moved its places, of a cache mark the mark."""

    kind: Kind
    at: str
    before: str | None
    after: str | None
    ends_prefix: bool = Field(description="What was cached is good up to here")


class DiffSection(CamelSchema):
    """Differences of a part of the prompt: `more` of them are not in `entries`."""

    name: Part
    entries: list[DiffEntry]
    more: int


class DiffReport(CamelSchema):
    """What differs from the request `against` to `requestId`. `cacheBreak` is there if the first is what the second lost."""

    request_id: UUID
    against: UUID
    cache_break: BrokenCache | None
    sections: list[DiffSection]


@router.get("/requests/{uuid:exchange_id}/diff", response={200: DiffReport, **ERRORS}, by_alias=True)
def request_diff(
    request: HttpRequest,
    response: HttpResponse,
    exchange_id: UUID,
    against: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = differences.MOST_ENTRIES,
) -> DiffReport:
    """What differs from another request, without `against` from the one that it goes on from; secrets masked."""
    response.headers["Cache-Control"] = BODIES
    found = exchanges.find(exchange_id)
    if found is None:
        raise HttpError(404, exchanges.why_unknown(exchange_id))
    try:
        both = pair(found, against)
        return _report(both, differences.sections(both.before, both.after, limit))
    except (NoPairError, NotComparableError) as error:
        raise HttpError(404, str(error)) from error


def _report(found: Pair, sections: list[Section]) -> DiffReport:
    return DiffReport(
        request_id=found.exchange.id,
        against=found.against.id,
        cache_break=broken_cache(found.cache_break) if found.cache_break else None,
        sections=[
            DiffSection(
                name=section.part,
                entries=[DiffEntry.from_orm(entry) for entry in section.entries],
                more=section.more,
            )
            for section in sections
        ],
    )
