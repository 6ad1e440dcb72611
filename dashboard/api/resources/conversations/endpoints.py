"""Conversations under /api."""

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError

from dashboard.access.signin import reads_bodies
from dashboard.api import parameters
from dashboard.api.filtering import filter_of, takes
from dashboard.api.keys import BodiesKey
from dashboard.api.resources.conversations import export, presentation
from dashboard.api.resources.conversations.schemas import (
    ConversationDetails,
    ConversationList,
    ConversationPagination,
)
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit, Offset
from dashboard.caching import BODIES
from dashboard.queries import conversations
from proxy.store.conversations.loading import load

router = Router()
router.add_router("", export.router, auth=BodiesKey())


@takes(conversations.SERVED)
class ConversationQuery(Schema):
    pass


@router.get("/conversations", response={200: ConversationList, **ERRORS}, by_alias=True)
def conversation_list(
    request: HttpRequest,
    response: HttpResponse,
    filters: Query[ConversationQuery],
    sort: Literal["activity", "cost", "turns", "failed"] = "activity",
    limit: Limit = 50,
    offset: Offset = 0,
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
        conversations=[presentation.summary(row, with_title=with_title) for row in page.rows],
        pagination=ConversationPagination(
            total=None,
            limit=limit,
            offset=offset,
            has_more=page.older is not None,
            next_before=str(page.older) if page.older else None,
        ),
    )


@router.get(
    "/conversations/{uuid:conversation_id}", response={200: ConversationDetails, **ERRORS}, by_alias=True
)
def one_conversation(
    request: HttpRequest, response: HttpResponse, conversation_id: UUID
) -> ConversationDetails:
    """One conversation with its tree: each turn, what it goes on from, and the agents."""
    found = conversations.find(conversation_id)
    if found is None:
        raise HttpError(404, "No conversation with this id is stored.")
    return presentation.details(load(found), with_title=_with_titles(request, response))


def _with_titles(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether who asks may read words of people; an answer that holds them is kept by nobody."""
    if not reads_bodies(request):
        return False
    response.headers["Cache-Control"] = BODIES
    return True
