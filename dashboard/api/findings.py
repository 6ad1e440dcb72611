"""Cache breaks, findings and differences of requests in the API: their shapes, and what fills them."""

from datetime import datetime
from uuid import UUID

from ninja import Field

from accounts.secrets.masking import mask_text
from dashboard.api.bill import decimal
from dashboard.api.camel import CamelSchema
from dashboard.api.schemas import BrokenCache
from dashboard.queries.cache_breaks import Broken, Found, Lost
from dashboard.queries.findings import Listed
from dashboard.queries.request_pair import Pair
from dashboard.transcript.request_diff import Section
from proxy.conversations.findings.cause_words import ADVICE, Cause
from proxy.conversations.findings.finding import TO_DO, FindingKind
from proxy.conversations.findings.request_diff import Kind
from proxy.conversations.findings.request_parts import Part
from proxy.store.models import CacheBreak, Finding
from proxy.store.pricing.costs import plain


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


class DiffEntry(CamelSchema):
    """One difference, with excerpts around where it begins; of a tool that moved its places, of a cache mark the mark."""

    kind: Kind
    at: str
    before: str | None
    after: str | None
    ends_prefix: bool = Field(description="What was cached is good up to here")


class DiffSection(CamelSchema):
    """Differences of a part of the prompt: `more` of them are not in `entries`."""

    name: Part
    entries: list[DiffEntry]
    more: int


class DiffReport(CamelSchema):
    """What differs from the request `against` to `requestId`. `cacheBreak` is there if the first is what the second lost."""

    request_id: UUID
    against: UUID
    cache_break: BrokenCache | None
    sections: list[DiffSection]


class FindingReport(CamelSchema):
    """Something in a conversation that a person may want to change; `requestId` is the last of its `turns`, oldest first."""

    request_id: UUID
    conversation_id: UUID
    domain: str
    kind: FindingKind
    turns: list[UUID]
    sentence: str = Field(description="How it was found; it holds no words of people")
    to_do: str


class KindReport(CamelSchema):
    kind: FindingKind
    findings: int
    conversations: int = Field(description="In how many of them")
    to_do: str


class FindingList(CamelSchema):
    """`kinds` count the findings of every kind. `lookedBackTo` is set where the period has more than 10,000."""

    findings: list[FindingReport]
    more: bool
    next_before: str | None = Field(description="Goes on, given as `before`")
    kinds: list[KindReport]
    looked_back_to: datetime | None


def broken_cache(row: CacheBreak) -> BrokenCache:
    """What is known of a break by itself."""
    return BrokenCache(
        lost_tokens=row.lost_tokens,
        avoidable_usd=None if row.avoidable_usd is None else float(row.avoidable_usd),
        avoidable=decimal(row.avoidable_usd),
        cause=Cause(row.cause),
        at=mask_text(row.at) or None,
        by_api=row.by_api,
    )


def cache_break_list(found: Found) -> CacheBreakList:
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


def finding_list(found: Listed) -> FindingList:
    """The first of them, and how many there are of each kind."""
    return FindingList(
        findings=[_finding(row) for row in found.findings],
        more=found.older is not None,
        next_before=str(found.older) if found.older else None,
        kinds=[
            KindReport(
                kind=FindingKind(kind),
                findings=each.findings,
                conversations=each.conversations,
                to_do=TO_DO[FindingKind(kind)],
            )
            for kind, each in found.by_kind.items()
        ],
        looked_back_to=found.looked_back_to,
    )


def _finding(row: Finding) -> FindingReport:
    kind = FindingKind(row.kind)
    return FindingReport(
        request_id=row.id,
        conversation_id=row.conversation,
        domain=row.domain,
        kind=kind,
        turns=row.turns,
        sentence=mask_text(row.sentence),
        to_do=TO_DO[kind],
    )


def diff_report(found: Pair, sections: list[Section]) -> DiffReport:
    """Two requests, compared."""
    return DiffReport(
        request_id=found.exchange.id,
        against=found.against.id,
        cache_break=broken_cache(found.cache_break) if found.cache_break else None,
        sections=[
            DiffSection(
                name=section.part,
                entries=[DiffEntry.from_orm(entry) for entry in section.entries],
                more=section.more,
            )
            for section in sections
        ],
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
