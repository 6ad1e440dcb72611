"""Who did what: entries of several sources in one order of time. A new source is one more function in `SOURCES`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import islice

from django.db.models import Q, QuerySet

from dashboard.audit.values import Change
from dashboard.filters.filter import Filter
from dashboard.filters.values import moment_of
from dashboard.models import AuditEntry

SERVED = ("period", "from", "to", "zone")
# What else an address can ask for.
OWN = ("user", "kind", "action", "object")
_CHANGES = "changes"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an entry stands: entries of one moment go by their source, then by their number in it."""

    at: datetime
    source: str
    id: int

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Raises ValueError."""
        at, source, number = text.split("~")
        if source not in SOURCES or not number.isascii() or not number.isdigit() or int(number) >= 2**63:
            raise ValueError(f"{text[:60]} is no place in the audit")
        return cls(moment_of(datetime.fromisoformat(at)), source, int(number))

    def __str__(self) -> str:
        return f"{self.at.isoformat().replace('+00:00', 'Z')}~{self.source}~{self.id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody did: `who` is a user's name or "command", `via` says by what; `kind` a table such as accounts.credential."""

    place: Place
    who: str
    via: str
    action: str
    kind: str
    object_id: str
    object_name: str
    message: str
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries: empty fields filter nothing. `about` is an object's id, or a part of its name."""

    since: datetime | None = None
    until: datetime | None = None
    user: str = ""
    kind: str = ""
    action: str = ""
    about: str = ""


def asked(chosen: Filter, now: datetime, given: Mapping[str, str]) -> Asked:
    """What an address asks for, by its filter and its other parameters."""
    bounds = chosen.bounds(now)
    user, kind, action, about = (given.get(name, "").replace("\x00", "").strip() for name in OWN)
    return Asked(bounds.since, bounds.until, user, kind.lower(), action, about)


def page(wanted: Asked, before: Place | None = None, size: int = 100) -> tuple[list[Entry], Place | None]:
    """The newest `size` entries before a place, and the place to go on before, None at the end."""
    lists = [source(wanted, before, size + 1) for source in SOURCES.values()]
    found = list(islice(merge(*lists, key=lambda entry: entry.place, reverse=True), size + 1))
    return found[:size], found[size - 1].place if len(found) > size else None


def each(wanted: Asked, most: int, step: int = 1000) -> Iterator[Entry]:
    """The newest `most` entries, read page by page."""
    before: Place | None = None
    while most > 0:
        found, before = page(wanted, before, min(step, most))
        yield from found
        most -= len(found)
        if before is None:
            return


def _changes(wanted: Asked, before: Place | None, size: int) -> list[Entry]:
    rows = _before(AuditEntry.objects.order_by("-at", "-id"), before)
    if wanted.since:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(at__lt=wanted.until)
    if wanted.user:
        rows = rows.filter(who=wanted.user)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.action:
        rows = rows.filter(action=wanted.action)
    if wanted.about:
        rows = rows.filter(Q(object_id=wanted.about) | Q(object_name__icontains=wanted.about))
    return [_entry(row) for row in rows[:size]]


def _before(rows: QuerySet[AuditEntry], before: Place | None) -> QuerySet[AuditEntry]:
    if before is None:
        return rows
    earlier = Q(at__lt=before.at)
    if before.source == _CHANGES:
        earlier |= Q(at=before.at, id__lt=before.id)
    elif before.source > _CHANGES:
        earlier |= Q(at=before.at)
    return rows.filter(earlier, at__lte=before.at)


def _entry(row: AuditEntry) -> Entry:
    return Entry(
        place=Place(row.at, _CHANGES, row.pk),
        who=row.who,
        via=row.via,
        action=row.action,
        kind=row.kind,
        object_id=row.object_id,
        object_name=row.object_name,
        message=row.message,
        changes=row.changes,
    )


# By the name that stands in a place.
SOURCES: Mapping[str, Callable[[Asked, Place | None, int], list[Entry]]] = {_CHANGES: _changes}
