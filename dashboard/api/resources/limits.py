"""Limits, and how much of them is used."""

from datetime import datetime
from decimal import Decimal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.queries.limits import SERVED, overview

router = Router()


class LimitReport(CamelSchema):
    """One limit. Amounts are exact decimals as text, in `unit`: requests, tokens, streams or usd."""

    scope: str = Field(description="organisation, domain:<name> or key:<number>")
    of: str = Field(description="The same for people")
    kind: str = Field(
        description="requests_per_minute, tokens_per_minute, concurrent_streams or usd_per_day, …_week, …_month"
    )
    unit: str
    most: Decimal
    used: Decimal | None = Field(description="Now; null where Redis does not know it")
    reserved: Decimal = Field(description="USD for requests that are not in `used` yet")
    share: float = Field(description="`used` and `reserved` by `most`")
    resets_at: datetime | None = Field(
        description="When none of it is used any more, if nobody uses it until then; null: now, or nobody knows, and always of "
        "concurrent_streams: a slot is free when its request ends"
    )


class LimitList(CamelSchema):
    """All limits, the widest first; `unchecked` counts requests that passed while Redis did not answer."""

    redis_answers: bool
    unchecked: int
    unchecked_at: datetime | None
    limits: list[LimitReport]


@takes(SERVED)
class LimitQuery(Schema):
    pass


@router.get("/limits", response={200: LimitList, **ERRORS}, by_alias=True)
def limits(request: HttpRequest, filters: Query[LimitQuery]) -> LimitList:
    """Each limit and how much of it is used now."""
    found = overview(filter_of(request))
    passed = found.unchecked
    return LimitList(
        redis_answers=found.redis_answers,
        unchecked=passed.count if passed else 0,
        unchecked_at=passed.at if passed else None,
        limits=[LimitReport.from_orm(use) for use in found.uses],
    )
