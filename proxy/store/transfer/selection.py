"""Which exchanges are wanted, in the order of their ids, page by page and body by body in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from proxy.store.models import Exchange, ExchangeQuerySet, id_floor

_PAGE = 500
# The bodies of one group are in memory together; one body alone can have 32 MiB.
_GROUP_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class Selection:
    """What an exchange has to be: one of the values of each field that names any. Times are those in the ids.

    `beyond` are exchanges that come with `sessions` without naming them (`proxy.store.conversations.together`).
    """

    domains: Sequence[str] = ()
    models: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    sessions: Sequence[str] = ()
    beyond: Sequence[UUID] = ()
    ids: Sequence[UUID] = ()
    since: datetime | None = None
    until: datetime | None = None

    def count(self) -> int:
        return self._rows().count()

    def groups(self) -> Iterator[list[Exchange]]:
        """All of them, oldest first, in groups whose bodies fit into memory.

        Keyset, not one long query: nothing is held open while a slow disk or a pipe takes what is written.
        """
        page = list(self._rows().order_by("id")[:_PAGE])
        while page:
            yield from in_groups(page)
            page = list(self._rows().filter(id__gt=page[-1].id).order_by("id")[:_PAGE])

    def _rows(self) -> ExchangeQuerySet:
        rows = Exchange.objects.all()
        wanted = {
            "domain": self.domains,
            "model": self.models,
            "outcome": self.outcomes,
            "id": self.ids,
        }
        rows = rows.filter(**{f"{name}__in": values for name, values in wanted.items() if values})
        if self.sessions:
            rows = rows.filter(Q(session_id__in=self.sessions) | Q(id__in=self.beyond))
        if self.since:
            rows = rows.filter(id__gte=id_floor(self.since))
        if self.until:
            rows = rows.filter(id__lt=id_floor(self.until))
        return rows


def in_groups(page: Iterable[Exchange]) -> Iterator[list[Exchange]]:
    """Exchanges in their order, in groups whose bodies fit into memory."""
    group: list[Exchange] = []
    size = 0
    for row in page:
        more = row.request_bytes + row.response_bytes
        if group and size + more > _GROUP_BYTES:
            yield group
            group, size = [], 0
        group.append(row)
        size += more
    if group:
        yield group
