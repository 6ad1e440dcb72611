"""Which conversations are meant: the first of a list in some order, or one by whatever id somebody has of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from proxy.store.models import Conversation

# Columns by the names of sorts; each has an index.
SORTS: Mapping[str, str] = {"activity": "last_at", "cost": "cost_usd", "turns": "turns", "failed": "failed"}


def first(
    sort: str, most: int, domains: Sequence[str] = (), since: datetime | None = None
) -> Sequence[Conversation]:
    """The greatest by a sort; `since` is of their last activity."""
    rows = Conversation.objects.order_by(f"-{SORTS[sort]}", "-id")
    if domains:
        rows = rows.filter(domain__in=domains)
    if since:
        rows = rows.filter(last_at__gte=since)
    return list(rows[:most])


def named(name: str, domains: Sequence[str] = ()) -> Sequence[Conversation]:
    """Those of this id, their own or that of their session; a session may be in several domains."""
    rows = Conversation.objects.filter(domain__in=domains) if domains else Conversation.objects.all()
    try:
        found = list(rows.filter(id=UUID(name)))
    except ValueError:
        found = []
    text = name.replace("\x00", "")
    return found or (list(rows.filter(session_id=text).order_by("domain")) if text else [])
