"""Who changed what in the admin and when, for who may manage access."""

from datetime import datetime
from typing import Annotated, Literal

from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from accounts.secrets.masking import mask_text
from dashboard.api.filtering import filter_of, takes
from dashboard.api.keys import ManagerKey
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit
from dashboard.models import BodyReading
from dashboard.queries import audit, readings

router = Router(auth=ManagerKey())
Action = Literal["added", "changed", "deleted", "read"]
READ: Literal["read"] = "read"
_NUMBER = 2**31 - 1


class Change(CamelSchema):
    """One change; `message` names fields and never their values, secrets are masked."""

    id: int
    at: datetime
    user: str
    action: Action
    kind: str | None = Field(
        description="What was changed, such as accounts.credential; null where there is no such table now"
    )
    object_id: str | None
    object_name: str = Field(description="As it was called then")
    message: str


class ChangeList(CamelSchema):
    """Changes, the newest first; `nextBefore`, given as `before`, goes on."""

    changes: list[Change]
    next_before: int | None  # of these a number, and no id of an exchange


@takes(audit.SERVED)
class AuditQuery(Schema):
    pass


@router.get("/audit", response={200: ChangeList, **ERRORS}, by_alias=True)
def changes(
    request: HttpRequest,
    filters: Query[AuditQuery],
    user: str = "",
    kind: str = "",
    limit: Limit = 100,
    before: Annotated[int | None, Query(ge=1, le=_NUMBER)] = None,
) -> ChangeList:
    """What people changed in the admin, of all users; with `kind=read` which bodies they read. It is for who may manage access."""
    chosen = filter_of(request, ("user", "kind", "limit", "before"))
    if kind == READ:
        read, older = readings.page(chosen, timezone.now(), _text(user), before, limit)
        return ChangeList(changes=[_reading(row) for row in read], next_before=older)
    found, older = audit.page(chosen, timezone.now(), _text(user), _text(kind), before, limit)
    return ChangeList(changes=[_change(entry) for entry in found], next_before=older)


def _reading(row: BodyReading) -> Change:
    return Change(
        id=row.pk,
        at=row.at,
        user=row.who,
        action=READ,
        kind=READ,
        object_id=row.about,
        object_name=row.what,
        message=f"By the token {row.token}." if row.token else "",
    )


def _text(typed: str) -> str:
    return typed.replace("\x00", "")  # PostgreSQL's texts cannot hold it


def _change(entry: LogEntry) -> Change:
    kind = entry.content_type
    actions: dict[int, Action] = {ADDITION: "added", DELETION: "deleted"}
    return Change(
        id=entry.pk,
        at=entry.action_time,
        user=entry.user.get_username(),
        action=actions.get(entry.action_flag, "changed"),
        kind=f"{kind.app_label}.{kind.model}" if kind else None,
        object_id=entry.object_id,
        object_name=mask_text(entry.object_repr),
        message=mask_text(entry.get_change_message()),
    )
