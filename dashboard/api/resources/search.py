"""Search in what was new in each turn."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError

from dashboard.api import parameters
from dashboard.api.filtering import filter_of, takes
from dashboard.api.keys import BodiesKey
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.caching import BODIES
from dashboard.queries.search import SERVED, Page, page
from proxy.conversations.search.new_text import Where
from proxy.conversations.search.query import QueryError, parse

MAX_HITS = 100
router = Router(auth=BodiesKey())


class SearchHit(CamelSchema):
    """A turn that was found. `marks` are the hits in `snippet`, as positions of characters from and to."""

    request_id: UUID
    conversation_id: UUID
    where: Where
    snippet: str
    marks: list[tuple[int, int]]
    domain: str
    started_at: datetime


class SearchResult(CamelSchema):
    """Hits newest first. Every turn since `searchedBackTo` was searched, null where none is stored.

    `nextBefore` goes on, given as `before`. `incomplete` says what was not searched of what was asked, and why; else it is null.
    """

    hits: list[SearchHit]
    searched_back_to: datetime | None
    more: bool
    next_before: UUID | None
    incomplete: str | None


@takes(SERVED)
class SearchQuery(Schema):
    pass


@router.get("/search", response={200: SearchResult, **ERRORS}, by_alias=True)
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
    return _result(page(query, chosen, conversation, before, limit))


def _result(found: Page) -> SearchResult:
    searched = found.search
    return SearchResult(
        hits=[
            SearchHit(
                request_id=turn.hit.id,
                conversation_id=turn.hit.conversation,
                where=turn.hit.snippet.where,
                snippet=turn.hit.snippet.text,
                marks=list(turn.hit.snippet.marks),
                domain=turn.hit.domain,
                started_at=turn.started_at,
            )
            for turn in found.turns
        ],
        searched_back_to=searched.searched_back_to,
        more=searched.next_before is not None,
        next_before=searched.next_before,
        incomplete="; ".join(filter(None, [searched.why_incomplete, *searched.unreadable])) or None,
    )
