"""What one turn lost of the cache: part of a request, of a difference and of the list of breaks."""

from ninja import Field

from accounts.secrets.masking import mask_text
from dashboard.api.shapes.amounts import decimal
from dashboard.api.shapes.camel import CamelSchema
from proxy.conversations.findings.cause_words import Cause
from proxy.store.models import CacheBreak


class BrokenCache(CamelSchema):
    """What a turn lost that the turn before it had cached, and why."""

    lost_tokens: int
    avoidable_usd: float | None = Field(
        description="What it cost more than reading them; null where a price is missing"
    )
    avoidable: str | None = Field(description="The same as an exact decimal")
    cause: Cause
    at: str | None = Field(description="Where the requests begin to differ: a tool or a place")
    by_api: bool = Field(description="Whether the API itself gave the cause")


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
