"""Requests under /api."""

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError

from dashboard.api.filtering import filter_of, takes
from dashboard.api.keys import BodiesKey
from dashboard.api.resources.requests import presentation
from dashboard.api.resources.requests.schemas import RequestDetails, RequestList
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit, Offset, Pagination
from dashboard.caching import BODIES
from dashboard.filters.filter import BY_NAME
from dashboard.queries import conversations, exchanges

router = Router()


@takes(BY_NAME)
class FilterQuery(Schema):
    pass


@router.get("/requests", response={200: RequestList, **ERRORS}, by_alias=True)
def requests(
    request: HttpRequest,
    filters: Query[FilterQuery],
    limit: Limit = 100,
    offset: Offset = 0,
    before: UUID | None = None,
) -> RequestList:
    """Exchanges, newest first. Where a filter has no index, at most 200,000 rows are looked at: see `lookedBackTo`."""
    chosen = filter_of(request, ("limit", "offset", "before"))
    page = exchanges.page(chosen, before, limit, offset)
    return RequestList(
        requests=[presentation.summary(row) for row in page.rows],
        pagination=Pagination(
            total=exchanges.stored_total(chosen),
            limit=limit,
            offset=offset,
            has_more=page.older is not None,
            next_before=page.older,
            looked_back_to=page.looked_back_to,
        ),
    )


@router.get(
    "/requests/{uuid:exchange_id}", response={200: RequestDetails, **ERRORS}, by_alias=True, auth=BodiesKey()
)
def one_request(request: HttpRequest, response: HttpResponse, exchange_id: UUID) -> RequestDetails:
    """One exchange with headers and bodies, secrets masked."""
    response.headers["Cache-Control"] = BODIES
    found = exchanges.details(exchange_id)
    if found is None:
        raise HttpError(404, exchanges.why_unknown(exchange_id))
    return presentation.details(found, conversations.of_exchange(exchange_id))


@router.get(
    "/requests/{uuid:exchange_id}/raw/{side}", response=ERRORS, summary="Exact bytes", auth=BodiesKey()
)
def raw(request: HttpRequest, exchange_id: UUID, side: Literal["request", "response"]) -> HttpResponse:
    """The exact bytes of one body, as they went over the wire, nothing masked."""
    body = exchanges.body(exchange_id, side)
    if body.data is None:
        raise HttpError(404, body.missing)
    return HttpResponse(
        body.data,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{exchange_id}.{side}"',
            "Cache-Control": BODIES,
        },
    )
