"""Who changed what in the admin, as Django writes it down."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.admin.models import LogEntry

from dashboard.filters.filter import Filter
from dashboard.queries import narrowed

SERVED = ("period", "from", "to", "zone")


def page(
    chosen: Filter, now: datetime, user: str = "", kind: str = "", before: int | None = None, size: int = 100
) -> tuple[Sequence[LogEntry], int | None]:
    """The newest `size` changes before a number, and the number to go on before, None at the end.

    `kind` is a model such as `accounts.credential`, `user` a name.
    """
    rows = narrowed.whole(LogEntry).select_related("user", "content_type").order_by("-pk")
    bounds = chosen.bounds(now)
    if bounds.since:
        rows = rows.filter(action_time__gte=bounds.since)
    if bounds.until:
        rows = rows.filter(action_time__lt=bounds.until)
    if user:
        rows = rows.filter(user__username=user)
    if kind:
        label, _, model = kind.lower().partition(".")
        rows = rows.filter(content_type__app_label=label, content_type__model=model)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None
