"""Stops: which sessions are stopped, and for who may: stop a session or a request, and lift that again."""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Status
from ninja.errors import HttpError

from accounts import stopping
from accounts.models import Stop
from accounts.secrets.masking import mask_text
from accounts.stopping import NotStopped, Target
from dashboard.api.keys import StopperKey
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS

router = Router()
_NUMBER = 2**63 - 1


class StopReport(CamelSchema):
    """A stop of a session until a moment, or of one request."""

    id: int
    domain: str
    session_id: str | None
    request_id: UUID | None = Field(description="Where it stops this request alone")
    until: datetime
    stopped_at: datetime
    stopped_by: str
    lifted_at: datetime | None
    lifted_by: str | None


class StopList(CamelSchema):
    """Sessions that are stopped now, the newest first."""

    stops: list[StopReport]


class StopOrder(CamelSchema):
    """What to stop: `requestId`, that request alone, else all of `sessionId` for so many minutes."""

    domain: str = Field(description="As the record has it")
    session_id: str = ""
    request_id: UUID | None = None
    minutes: int = Field(60, description="Of a session, up to 10,080 (7 days)")


@router.get("/stops", response={200: StopList, **ERRORS}, by_alias=True)
def stops(request: HttpRequest, domain: str = "", session: str = "") -> StopList:
    """Which sessions are stopped now."""
    found = stopping.active(timezone.now(), _text(domain), _text(session))
    return StopList(stops=[_report(row) for row in found])


@router.get("/stops/{int:stop_id}", response={200: StopReport, **ERRORS}, by_alias=True)
def one_stop(request: HttpRequest, stop_id: int) -> StopReport:
    """One stop, also when it is over."""
    row = Stop.objects.filter(pk=stop_id).first() if stop_id <= _NUMBER else None
    if row is None:
        raise HttpError(404, f"There is no stop {stop_id}.")
    return _report(row)


@router.post("/stops", response={201: StopReport, **ERRORS}, by_alias=True, auth=StopperKey())
def add_stop(request: HttpRequest, order: StopOrder) -> Status[StopReport]:
    """Stop a session or a request. Needs the session of a user with `stop_streams`, and its CSRF token in X-CSRFToken."""
    target = Target(order.domain, order.session_id, order.request_id)
    try:
        return Status(201, _report(stopping.stop(target, order.minutes, _user(request))))
    except NotStopped as error:
        raise HttpError(422, str(error)) from error


@router.delete("/stops/{int:stop_id}", response={200: StopReport, **ERRORS}, by_alias=True, auth=StopperKey())
def lift_stop(request: HttpRequest, stop_id: int) -> StopReport:
    """Lift a stop before its time, with the same rights."""
    try:
        return _report(stopping.lift(min(stop_id, _NUMBER), _user(request)))
    except NotStopped as error:
        raise HttpError(404, str(error)) from error


def _user(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - StopperKey lets nobody else pass
    return user


def _text(typed: str) -> str:
    return typed.replace("\x00", "")  # PostgreSQL's texts cannot hold it


def _report(row: Stop) -> StopReport:
    return StopReport(
        id=row.pk,
        domain=row.domain,
        session_id=mask_text(row.session_id) or None,
        request_id=row.exchange_id,
        until=row.until,
        stopped_at=row.stopped_at,
        stopped_by=row.stopped_by,
        lifted_at=row.lifted_at,
        lifted_by=row.lifted_by or None,
    )
