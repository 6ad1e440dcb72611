"""The data API: endpoints translate, `queries` reads, `schemas` shapes."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI, Query
from ninja.errors import HttpError, ValidationError
from ninja.security import APIKeyHeader

from accounts import guesses
from dashboard.access import throttle
from dashboard.access.signin import NOT_ALLOWED, READ_BODIES, VIEW_FIGURES, Visitor, reads_bodies, visitor
from dashboard.api import conversations as talks
from dashboard.api import exporting, openapi, parameters, present
from dashboard.api import findings as shapes_of_findings
from dashboard.api.conversations import ConversationDetails, ConversationList, ConversationPagination
from dashboard.api.filtering import (
    BatchQuery,
    CacheBreakQuery,
    ConversationQuery,
    DomainQuery,
    FilterQuery,
    FindingQuery,
    LimitQuery,
    SearchQuery,
    StatsQuery,
    filter_of,
    stats_filter_of,
)
from dashboard.api.findings import CacheBreakList, DiffReport, FindingList
from dashboard.api.schemas import (
    BatchList,
    BatchReport,
    DomainCount,
    DomainList,
    Error,
    LimitList,
    LimitReport,
    Pagination,
    PipelineReport,
    RequestDetails,
    RequestList,
    SearchResult,
    Stats,
    StorageReport,
)
from dashboard.caching import BODIES
from dashboard.errors import json_error
from dashboard.queries import batches, cache_breaks, conversations, exchanges, figures, findings
from dashboard.queries import limits as limit_queries
from dashboard.queries import search as searching
from dashboard.queries.request_pair import NoPairError, pair
from dashboard.queries.spans import span_of
from dashboard.queries.storage import Storage, storage
from dashboard.transcript import request_diff as differences
from dashboard.transcript.request_diff import NotComparableError
from proxy.conversations.findings.cause_words import Cause
from proxy.conversations.findings.finding import FindingKind
from proxy.conversations.search.query import QueryError, parse
from proxy.store.conversations.loading import load
from proxy.store.pipeline import Pipeline, pipeline

MAX_LIMIT = 1000
MAX_OFFSET = 10_000
MAX_HITS = 100
MAX_ENTRIES = 500
REFUSALS = {
    Visitor.UNKNOWN: (
        401,
        "API key required: send DASHBOARD_API_KEY in X-Dashboard-Key, X-API-Key or Authorization: Bearer.",
    ),
    Visitor.REFUSED: (403, "This API key is not right: it is the value of DASHBOARD_API_KEY on the server."),
    Visitor.THROTTLED: (
        429,
        "Too many wrong keys from this address: wait as many seconds as Retry-After says.",
    ),
    Visitor.NOBODY_YET: (503, "The dashboard is not configured: set DASHBOARD_API_KEY and restart it."),
}


class DashboardKey(APIKeyHeader):
    """The dashboard's key in any of its headers, or the session of a signed-in person."""

    param_name = "X-Dashboard-Key"
    right = VIEW_FIGURES

    def authenticate(self, request: HttpRequest, key: str | None) -> Visitor:
        who = visitor(request, self.right)
        if who is Visitor.NOT_ALLOWED:
            raise HttpError(403, NOT_ALLOWED[self.right])
        if who is not Visitor.WELCOME:
            raise HttpError(*REFUSALS[who])
        # Here, where every operation comes by and who asks is known.
        parameters.refuse_unknown(request)
        return who


class BodiesKey(DashboardKey):
    """The same for what holds bodies or headers."""

    right = READ_BODIES


api = NinjaAPI(
    title="Nexus API",
    version="1",
    urls_namespace="api",
    description="What the dashboard shows. Times are ISO 8601 in UTC, durations milliseconds, cost USD.",
    auth=DashboardKey(),
    docs_decorator=openapi.for_signed_in,
)
api.add_decorator(parameters.note_known, mode="view")
api.add_router("", exporting.router, auth=BodiesKey())


@api.exception_handler(HttpError)
def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    response = json_error(error.status_code, error.message)
    wait = guesses.wait_of(throttle.address_of(request)) if error.status_code == 429 else 0
    return throttle.refuse(response, wait) if wait else response


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    reported = "; ".join(f"{found['loc'][-1]}: {found['msg']}" for found in error.errors)
    return json_error(422, f"{reported}. {parameters.listed(request)}")


@api.exception_handler(Exception)
def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    raise error  # to the middleware that answers in JSON, whatever DEBUG says


ERRORS = {401: Error, 403: Error, 404: Error, 422: Error, 429: Error, 503: Error}


@api.get("/stats", response={200: Stats, **ERRORS}, by_alias=True)
def stats(request: HttpRequest, filters: Query[StatsQuery], since: str = "") -> Any:
    """Sums of a period, the last 24 hours without one, in whole hours; `since` is another name of `from`."""
    chosen = stats_filter_of(request)
    span = span_of(chosen, timezone.now())
    return present.stats(figures.summary(span, chosen), span.since)


@api.get("/requests", response={200: RequestList, **ERRORS}, by_alias=True)
def requests(
    request: HttpRequest,
    filters: Query[FilterQuery],
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Beyond 10,000 use `before`.")] = 0,
    before: UUID | None = None,
) -> RequestList:
    """Exchanges, newest first. Where a filter has no index, at most 200,000 rows are looked at: see `lookedBackTo`."""
    chosen = filter_of(request, ("limit", "offset", "before"))
    page = exchanges.page(chosen, before, limit, offset)
    return RequestList(
        requests=[present.request_summary(row) for row in page.rows],
        pagination=Pagination(
            total=exchanges.stored_total(chosen),
            limit=limit,
            offset=offset,
            has_more=page.older is not None,
            next_before=page.older,
            looked_back_to=page.looked_back_to,
        ),
    )


@api.get(
    "/requests/{uuid:exchange_id}", response={200: RequestDetails, **ERRORS}, by_alias=True, auth=BodiesKey()
)
def one_request(request: HttpRequest, response: HttpResponse, exchange_id: UUID) -> RequestDetails:
    """One exchange with headers and bodies, secrets masked."""
    response.headers["Cache-Control"] = BODIES
    found = exchanges.details(exchange_id)
    if found is None:
        raise HttpError(404, exchanges.why_unknown(exchange_id))
    return present.request_details(found, conversations.of_exchange(exchange_id))


@api.get("/requests/{uuid:exchange_id}/raw/{side}", response=ERRORS, summary="Exact bytes", auth=BodiesKey())
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


@api.get(
    "/requests/{uuid:exchange_id}/diff", response={200: DiffReport, **ERRORS}, by_alias=True, auth=BodiesKey()
)
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
        return shapes_of_findings.diff_report(both, differences.sections(both.before, both.after, limit))
    except (NoPairError, NotComparableError) as error:
        raise HttpError(404, str(error)) from error


@api.get("/search", response={200: SearchResult, **ERRORS}, by_alias=True, auth=BodiesKey())
def search(
    request: HttpRequest,
    response: HttpResponse,
    filters: Query[SearchQuery],
    q: Annotated[str, Query(description='Words that all have to be in a turn, "phrases" in quotes')],
    conversation: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_HITS)] = 50,
    before: UUID | None = None,
) -> SearchResult:
    """Turns with these words in what was new in them, newest first, secrets masked; it says how far back it looked."""
    response.headers["Cache-Control"] = BODIES
    chosen = filter_of(request, ("q", "conversation", "limit", "before"))
    try:
        query = parse(q)
    except QueryError as error:
        raise HttpError(422, f"q: {error}. {parameters.listed(request)}") from error
    return present.search_result(searching.page(query, chosen, conversation, before, limit))


@api.get("/cache-breaks", response={200: CacheBreakList, **ERRORS}, by_alias=True)
def cache_break_list(
    request: HttpRequest,
    filters: Query[CacheBreakQuery],
    cause: Cause | None = None,
    sort: cache_breaks.Sort = cache_breaks.Sort.AVOIDABLE,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
) -> CacheBreakList:
    """Turns that did not read what was cached, the dearest first, and what each cause cost: see `lookedBackTo`."""
    chosen = filter_of(request, ("cause", "sort", "limit"))
    return shapes_of_findings.cache_break_list(cache_breaks.find(chosen, cause or "", sort, limit))


@api.get("/findings", response={200: FindingList, **ERRORS}, by_alias=True)
def finding_list(
    request: HttpRequest,
    filters: Query[FindingQuery],
    kind: FindingKind | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
    before: str = "",
) -> FindingList:
    """Loops, storms and the like in conversations, with their turns and what to do, newest first."""
    chosen = filter_of(request, ("kind", "limit", "before"))
    try:
        cursor = findings.Key.parse(before) if before else None
    except ValueError as error:
        raise HttpError(422, "before: it is no `nextBefore` of this list.") from error
    return shapes_of_findings.finding_list(findings.newest(chosen, kind or "", limit, cursor))


@api.get("/conversations", response={200: ConversationList, **ERRORS}, by_alias=True)
def conversation_list(
    request: HttpRequest,
    response: HttpResponse,
    filters: Query[ConversationQuery],
    sort: Literal["activity", "cost", "turns", "failed"] = "activity",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Beyond 10,000 use `before`.")] = 0,
    before: str = "",
) -> ConversationList:
    """Conversations in an order, greatest first; a period is that of their last activity. `before`: see `nextBefore`."""
    chosen = filter_of(request, ("sort", "limit", "offset", "before"))
    try:
        cursor = conversations.cursor_of(before, sort) if before else None
    except ValueError as error:
        raise HttpError(422, f"before: {error}. {parameters.listed(request)}") from error
    page = conversations.page(chosen, sort, cursor, limit, offset)
    with_title = _with_titles(request, response)
    return ConversationList(
        conversations=[talks.summary(row, with_title=with_title) for row in page.rows],
        pagination=ConversationPagination(
            total=None,
            limit=limit,
            offset=offset,
            has_more=page.older is not None,
            next_before=str(page.older) if page.older else None,
        ),
    )


@api.get(
    "/conversations/{uuid:conversation_id}", response={200: ConversationDetails, **ERRORS}, by_alias=True
)
def one_conversation(
    request: HttpRequest, response: HttpResponse, conversation_id: UUID
) -> ConversationDetails:
    """One conversation with its tree: each turn, what it goes on from, and the agents."""
    found = conversations.find(conversation_id)
    if found is None:
        raise HttpError(404, "No conversation with this id is stored.")
    return talks.details(load(found), with_title=_with_titles(request, response))


def _with_titles(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether who asks may read words of people; an answer that holds them is kept by nobody."""
    if not reads_bodies(request):
        return False
    response.headers["Cache-Control"] = BODIES
    return True


@api.get("/batches", response={200: BatchList, **ERRORS}, by_alias=True)
def message_batches(
    request: HttpRequest,
    filters: Query[BatchQuery],
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
) -> BatchList:
    """Message batches, newest first: a batch costs nothing in the figures until its results are fetched."""
    chosen = filter_of(request, ("limit",))
    found = batches.newest(chosen, limit)
    return BatchList(
        waiting=batches.waiting(chosen),
        looked_back_to=found.looked_back_to,
        batches=[BatchReport.from_orm(batch) for batch in found.batches],
    )


@api.get("/domains", response={200: DomainList, **ERRORS}, by_alias=True)
def domains(request: HttpRequest, filters: Query[DomainQuery]) -> DomainList:
    """Domains with traffic in a period, of the last 7 days without one, the busiest first."""
    chosen = filter_of(request).in_period("7d")
    found = figures.summary(span_of(chosen, timezone.now()), chosen).by_domain
    return DomainList(
        domains=[
            DomainCount(domain=name, request_count=counters.requests) for name, counters in found.items()
        ]
    )


@api.get("/limits", response={200: LimitList, **ERRORS}, by_alias=True)
def limits(request: HttpRequest, filters: Query[LimitQuery]) -> LimitList:
    """Each limit and how much of it is used now."""
    found = limit_queries.overview(filter_of(request))
    passed = found.unchecked
    return LimitList(
        redis_answers=found.redis_answers,
        unchecked=passed.count if passed else 0,
        unchecked_at=passed.at if passed else None,
        limits=[LimitReport.from_orm(use) for use in found.uses],
    )


@api.get("/pipeline", response={200: PipelineReport, **ERRORS}, by_alias=True)
def pipeline_report(request: HttpRequest) -> Pipeline:
    """Where the accepted exchanges are."""
    return pipeline()


@api.get("/storage", response={200: StorageReport, **ERRORS}, by_alias=True)
def storage_report(request: HttpRequest) -> Storage:
    """What the record takes on disk, by month and table, beside what went over the wire."""
    return storage()
