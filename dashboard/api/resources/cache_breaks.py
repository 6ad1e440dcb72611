"""Turns that did not read what was cached, and what that cost."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.cache_break import BrokenCache, broken_cache
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit
from dashboard.queries.cache_breaks import SERVED, Broken, Found, Lost, Sort, find
from proxy.conversations.findings.cause_words import ADVICE, Cause
from proxy.store.pricing.costs import plain

router = Router()


class CacheBreakReport(BrokenCache):
    """A turn that did not read what its `parentId` had cached."""

    request_id: UUID
    conversation_id: UUID
    parent_id: UUID
    domain: str
    started_at: datetime
    model: str
    client_key: str | None = Field(description="Its name")


class LostInSum(CamelSchema):
    """What breaks lost together; those without a price count in tokens only."""

    breaks: int
    lost_tokens: int
    avoidable_usd: float
    avoidable: str = Field(description="The same as an exact decimal")


class CauseReport(LostInSum):
    cause: Cause
    to_do: str


class CacheBreakList(CamelSchema):
    """`total` is of all breaks of the filter, `causes` of those of every cause, the dearest first.

    `lookedBackTo` is set where the period has more than 10,000 (5,000 with a filter of exchanges): older ones are neither
    listed nor summed.
    """

    breaks: list[CacheBreakReport]
    more: bool
    total: LostInSum
    causes: list[CauseReport]
    looked_back_to: datetime | None


@takes(SERVED)
class CacheBreakQuery(Schema):
    pass


@router.get("/cache-breaks", response={200: CacheBreakList, **ERRORS}, by_alias=True)
def cache_break_list(
    request: HttpRequest,
    filters: Query[CacheBreakQuery],
    cause: Cause | None = None,
    sort: Sort = Sort.AVOIDABLE,
    limit: Limit = 100,
) -> CacheBreakList:
    """Turns that did not read what was cached, the dearest first, and what each cause cost: see `lookedBackTo`."""
    chosen = filter_of(request, ("cause", "sort", "limit"))
    return _list(find(chosen, cause or "", sort, limit))


def _list(found: Found) -> CacheBreakList:
    """The first of them, and the sums."""
    return CacheBreakList(
        breaks=[_report(each) for each in found.breaks],
        more=found.total.breaks > len(found.breaks),
        total=_in_sum(found.total),
        causes=[
            CauseReport(cause=Cause(cause), to_do=ADVICE[Cause(cause)].to_do, **_in_sum(lost).model_dump())
            for cause, lost in found.by_cause.items()
        ],
        looked_back_to=found.looked_back_to,
    )


def _report(found: Broken) -> CacheBreakReport:
    return CacheBreakReport(
        **broken_cache(found.row).model_dump(),
        request_id=found.row.id,
        conversation_id=found.row.conversation,
        parent_id=found.row.parent,
        domain=found.row.domain,
        started_at=found.started_at,
        model=found.model,
        client_key=found.client_key or None,
    )


def _in_sum(lost: Lost) -> LostInSum:
    return LostInSum(
        breaks=lost.breaks,
        lost_tokens=lost.tokens,
        avoidable_usd=float(lost.avoidable_usd),
        avoidable=plain(lost.avoidable_usd),
    )
