"""Conversations whose new turns nobody has looked at for findings: noted by ingest, taken some time later."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from proxy.store.models import PendingConversation

# So long after the last turn, so that one that comes late is there as well.
DELAY = timedelta(minutes=2)
# Sorted, or two batches with the same ones would wait for each other.
_NOTE = """
INSERT INTO proxy_pendingconversation (id, changed_at) SELECT id, clock_timestamp() FROM unnest(%s::uuid[]) AS new (id) ORDER BY id
ON CONFLICT (id) DO UPDATE SET changed_at = greatest(proxy_pendingconversation.changed_at, excluded.changed_at)
"""


def note(conversations: Iterable[UUID]) -> None:
    """These have new turns."""
    if ids := sorted(set(conversations)):
        with connection.cursor() as cursor:
            cursor.execute(_NOTE, [ids])


def due(now: datetime, most: int) -> Sequence[PendingConversation]:
    """Those that have rested long enough, the oldest first."""
    return list(PendingConversation.objects.filter(changed_at__lte=now - DELAY).order_by("changed_at")[:most])


def done(taken: PendingConversation) -> None:
    """It was looked at; it stays where new turns came meanwhile."""
    PendingConversation.objects.filter(id=taken.id, changed_at=taken.changed_at).delete()
