"""Loops, storms and the like in conversations."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError

from accounts.secrets.masking import mask_text
from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.api.shapes.pages import Limit
from dashboard.queries.findings import SERVED, Key, Listed, newest
from proxy.conversations.findings.finding import TO_DO, FindingKind
from proxy.store.models import Finding

router = Router()


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


@takes(SERVED)
class FindingQuery(Schema):
    pass


@router.get("/findings", response={200: FindingList, **ERRORS}, by_alias=True)
def finding_list(
    request: HttpRequest,
    filters: Query[FindingQuery],
    kind: FindingKind | None = None,
    limit: Limit = 100,
    before: str = "",
) -> FindingList:
    """Loops, storms and the like in conversations, with their turns and what to do, newest first."""
    chosen = filter_of(request, ("kind", "limit", "before"))
    try:
        cursor = Key.parse(before) if before else None
    except ValueError as error:
        raise HttpError(422, "before: it is no `nextBefore` of this list.") from error
    return _list(newest(chosen, kind or "", limit, cursor))


def _list(found: Listed) -> FindingList:
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
