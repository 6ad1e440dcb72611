"""Who read which bodies, as the doors note it (`dashboard.access.readings`)."""

from datetime import datetime

from dashboard.filters.filter import Filter
from dashboard.models import BodyReading
from dashboard.queries import narrowed


def page(
    chosen: Filter, now: datetime, user: str = "", before: int | None = None, size: int = 100
) -> tuple[list[BodyReading], int | None]:
    """The newest `size` readings before a number, and the number to go on before, None at the end."""
    # Of everybody: for who manages access, and is bound to nothing.
    rows = narrowed.whole(BodyReading).order_by("-pk")
    bounds = chosen.bounds(now)
    if bounds.since:
        rows = rows.filter(at__gte=bounds.since)
    if bounds.until:
        rows = rows.filter(at__lt=bounds.until)
    if user:
        rows = rows.filter(who=user)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None
