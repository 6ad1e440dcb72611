"""Message batches: which were created, and whose results were counted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils import timezone

from dashboard.queries.filtering import domain_is
from proxy.store.models import MessageBatch

# So long the API keeps the results of a batch after it was created.
RESULTS_KEPT = timedelta(days=29)


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. `created_by` and `counted_by` are exchanges; without `created_by` it was created past Nexus.

    `state` is `counted`, `waiting` (its results were not fetched yet) or `lost` (nobody fetched them while they were kept).
    """

    batch_id: str
    domain: str
    account_id: str
    state: str
    requests: int | None
    created_at: datetime
    created_by: UUID | None
    counted_at: datetime | None
    counted_by: UUID | None


def newest(domain: str = "", limit: int = 100) -> list[Batch]:
    """Batches, the newest first."""
    now = timezone.now()
    return [_batch(row, now) for row in _of(domain).order_by("-created_at")[:limit]]


def waiting(domain: str = "") -> int:
    """How many batches were created whose results can still be fetched, and were not."""
    kept = _of(domain).filter(counted_by=None, created_at__gt=timezone.now() - RESULTS_KEPT)
    return int(kept.aggregate(found=Count("pk"))["found"])


def _of(domain: str) -> QuerySet[MessageBatch]:
    return MessageBatch.objects.filter(domain_is(domain)) if domain else MessageBatch.objects.all()


def _batch(row: MessageBatch, now: datetime) -> Batch:
    fresh = now - row.created_at < RESULTS_KEPT
    return Batch(
        batch_id=row.id,
        domain=row.domain,
        account_id=row.account,
        state="counted" if row.counted_by else "waiting" if fresh else "lost",
        requests=row.requests,
        created_at=row.created_at,
        created_by=row.created_by,
        counted_at=row.counted_at,
        counted_by=row.counted_by,
    )
