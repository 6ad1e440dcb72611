"""A conversation to take away, in one of three forms; `endpoints` mounts it for readers of bodies."""

from typing import Annotated
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from ninja.errors import HttpError

from dashboard.api.shapes.errors import ERRORS
from dashboard.caching import BODIES
from dashboard.queries import conversations
from proxy.store.transcripts.forms import FORMS, FormName
from proxy.store.transcripts.reading import transcript_of

NOT_STORED = (
    "No conversation with this id is stored: it may have been dropped, or its exchanges carry no messages."
)
router = Router()


@router.get(
    "/conversations/{uuid:conversation_id}/export",
    response=ERRORS,
    summary="A conversation to take away",
    operation_id="dashboard_api_exporting_export",  # as programs know it
)
def export(
    request: HttpRequest,
    conversation_id: UUID,
    format: Annotated[FormName, Query(description="Markdown, JSON or a page of HTML")] = "md",
) -> HttpResponse:
    """What was new in each turn, agents under their calls, secrets masked, as a file."""
    conversation = conversations.find(conversation_id)
    if conversation is None:
        raise HttpError(404, NOT_STORED)
    chosen = FORMS[format]
    return HttpResponse(
        "".join(chosen.write(transcript_of(conversation))),
        content_type=chosen.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{chosen.file_name(conversation_id)}"',
            "Cache-Control": BODIES,
        },
    )
