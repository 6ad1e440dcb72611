"""Credentials: how each fares, how near it is to its windows, and what its account cost. Never a secret."""

from datetime import UTC, datetime

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from accounts.credentials.state import State
from accounts.secrets.masking import mask_text
from dashboard.api.filtering import filter_of, takes
from dashboard.api.shapes.camel import CamelSchema
from dashboard.api.shapes.errors import ERRORS
from dashboard.queries.accounts import SERVED, Listed, Source, overview
from dashboard.queries.sums.figures import Figures
from proxy.store.pricing.costs import plain

router = Router()


class AccountSums(CamelSchema):
    """What an account came to in the period, over all credentials that share it."""

    account_id: str = Field(description="Empty: what clients paid with credentials of their own")
    requests: int
    errors: int
    cost_usd: float
    cost: str = Field(description="The same as an exact decimal")
    cost_state: str


class LimitWindow(CamelSchema):
    """What the API allows in some time, as its last response said."""

    window: str = Field(
        description="`5h`, `7d`, `7d_<model>`; of API keys `requests`, `input-tokens` and so on"
    )
    model: str | None = Field(description="The model that it is of, null: of all")
    used_share: float = Field(description="0 to 1; 0 once its reset has passed")
    resets_at: datetime | None
    full_at: datetime | None = Field(
        description="When it will be full at the pace of its last hour (of its last day where it is of days); "
        "null: not before its reset, or too little is known"
    )


class CredentialReport(AccountSums):
    """One credential; `reason` says what to do where its state wants something of a person."""

    name: str
    source: Source
    domain: str | None = Field(description="null: any domain without a credential of its own")
    kind: str = Field(description="api_key or oauth")
    state: State
    reason: str | None
    state_until: datetime | None = Field(description="When the state ends by itself")
    cooling_until: datetime | None = Field(description="It pays nothing until then, as the API limited it")
    cooling_reason: str | None
    expires_at: datetime | None = Field(description="When its access token ends")
    last_used_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    windows: list[LimitWindow]


class AccountList(CamelSchema):
    """Every credential: those of the database, files, CLAUDE_API_KEY. `others` are accounts that none of them has."""

    since: datetime
    until: datetime | None
    redis_answers: bool = Field(description="false: nobody knows windows, cool-downs and last uses now")
    credentials: list[CredentialReport]
    others: list[AccountSums]


@takes(SERVED)
class AccountQuery(Schema):
    pass


@router.get("/accounts", response={200: AccountList, **ERRORS}, by_alias=True)
def accounts(request: HttpRequest, filters: Query[AccountQuery]) -> AccountList:
    """Each credential with its state, windows and cool-down, and the sums of its account in a period (24 hours without one)."""
    now = timezone.now()
    found = overview(filter_of(request), now)
    return AccountList(
        since=found.span.since,
        until=found.span.until,
        redis_answers=found.redis_answers,
        credentials=[_credential(listed, now) for listed in found.credentials],
        others=[_sums(account, found.others[account]) for account in sorted(found.others)],
    )


def _credential(listed: Listed, now: datetime) -> CredentialReport:
    held, verdict, health = listed.held, listed.verdict, listed.health
    is_cooling = health.is_cooling(now.timestamp())
    return CredentialReport(
        **_sums(held.account, listed.sums).model_dump(),
        name=mask_text(held.name),
        source=held.source,
        domain=held.domain or None,
        kind=held.row.kind,
        state=verdict.state,
        reason=mask_text(verdict.reason) or None,
        state_until=verdict.until,
        cooling_until=_moment(health.cooling_until) if is_cooling else None,
        cooling_reason=(mask_text(health.cooling_reason) or None) if is_cooling else None,
        expires_at=held.row.expires_at,
        last_used_at=_moment(health.used_at),
        last_error=mask_text(health.error or held.row.last_error) or None,
        last_error_at=_moment(health.error_at),
        windows=[
            LimitWindow(
                window=window.name,
                model=window.model or None,
                used_share=window.used_share,
                resets_at=window.resets_at,
                full_at=window.full_at,
            )
            for window in listed.windows
        ],
    )


def _sums(account: str, sums: Figures) -> AccountSums:
    return AccountSums(
        account_id=mask_text(account),
        requests=sums.requests,
        errors=sums.errors,
        cost_usd=float(sums.cost_usd),
        cost=plain(sums.cost_usd),
        cost_state=sums.exactness,
    )


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
