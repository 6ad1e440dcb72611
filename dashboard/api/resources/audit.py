"""Who changed what and when, for who may manage access."""

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError

from accounts.secrets.masking import mask_text
from dashboard.api.filtering import filter_of, takes
from dashboard.api.keys import ManagerKey
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit
from dashboard.queries import audit
from dashboard.queries.audit import Entry, Place

router = Router(auth=ManagerKey())
Action = Literal["added", "changed", "deleted", "signed_in", "sign_in_failed"]


class FieldChange(CamelSchema):
    """One field; values are texts, and `null` where there is none. Of a `secret` only that it changed is known."""

    field: str
    old: str | None
    new: str | None
    secret: bool = False


class Change(CamelSchema):
    """What somebody did; `message` is the admin's sentence about it, secrets are masked."""

    id: int
    at: datetime
    user: str = Field(description="A user's name, or command")
    via: str = Field(description="admin, or the command and who ran it")
    action: Action
    kind: str | None = Field(description="What was changed, such as accounts.credential")
    object_id: str | None
    object_name: str = Field(description="As it was called then")
    message: str
    changes: list[FieldChange]


class ChangeList(CamelSchema):
    """Changes, the newest first; `nextBefore`, given as `before`, goes on."""

    changes: list[Change]
    next_before: str | None


@takes(audit.SERVED)
class AuditQuery(Schema):
    pass


@router.get("/audit", response={200: ChangeList, **ERRORS}, by_alias=True)
def changes(
    request: HttpRequest,
    filters: Query[AuditQuery],
    user: str = "",
    kind: str = "",
    action: Action | None = None,
    object: str = "",
    limit: Limit = 100,
    before: str = "",
) -> ChangeList:
    """What people changed in the admin and by commands, of all users. It is for staff who may change all that gives access."""
    chosen = filter_of(request, (*audit.OWN, "limit", "before"))
    wanted = audit.asked(chosen, timezone.now(), request.GET.dict())
    try:
        place = Place.parse(before) if before else None
    except ValueError as error:
        raise HttpError(422, "before: it is no place in the audit; give a nextBefore.") from error
    found, older = audit.page(wanted, place, limit)
    return ChangeList(changes=[_change(entry) for entry in found], next_before=str(older) if older else None)


def _change(entry: Entry) -> Change:
    return Change(
        id=entry.place.id,
        at=entry.place.at,
        user=entry.who,
        via=entry.via,
        action=entry.action,  # type: ignore[arg-type]  # one of its choices
        kind=entry.kind or None,
        object_id=entry.object_id or None,
        object_name=mask_text(entry.object_name),
        message=mask_text(entry.message),
        changes=[FieldChange(**change) for change in entry.changes],
    )
