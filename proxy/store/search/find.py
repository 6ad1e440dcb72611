"""Search: the turns that have what a query asks for, newest first, with how far back that is certain.

What takes too long stops, and what was found until then is shown. Phrases are looked for in the newest rows that have their
words, MOST_READ of them.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from datetime import time as midnight
from uuid import UUID

import msgspec
import zstandard
from django.db import OperationalError, connection, transaction

from proxy.conversations.search.new_text import Part
from proxy.conversations.search.query import Query
from proxy.conversations.search.snippets import Snippet, snippet_of
from proxy.store.bodies import data_keys
from proxy.store.bodies.data_keys import UNSEALED
from proxy.store.bodies.encryption import BrokenSeal, KeyUnavailable, MonthSeal, Seal
from proxy.store.models import SearchText, id_floor, moment_of
from proxy.store.postgres.partitions import next_month
from proxy.store.search import candidates
from proxy.store.search.candidates import Candidates, Stretch
from proxy.store.search.rows import hasher_of, read_text

log = logging.getLogger("nexus.search")

SECONDS = 3.0
MOST_READ = 2000
_GROUP = 100
# Beyond a page: rows whose numbers are those of other words.
_SPARE = 10
_CANCELED = "57014"
_END_OF_TIME = UUID(int=2**128 - 1)
_MONTHS = "SELECT relid::text FROM pg_partition_tree('proxy_text') WHERE isleaf"

Look = Callable[[Stretch, int], Candidates]

TOO_SLOW = "it took too long"
TOO_MANY = f"the words are in more than {MOST_READ:,} turns, and these were looked at"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for, and where; `domains` None means all, `before` goes on from a page before."""

    query: Query
    domains: Sequence[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    conversation: UUID | None = None
    before: UUID | None = None
    size: int = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn and the part of it that was found."""

    id: UUID
    conversation: UUID
    domain: str
    snippet: Snippet


@dataclass(slots=True)
class Found:
    """`down_to`: every turn from this id on was searched, None while none was. `next_before` goes on, None where all was searched.

    `why_incomplete` says why the page ended before it was full, `unreadable` of which months the key is missing.
    """

    hits: list[Hit] = field(default_factory=list)
    down_to: UUID | None = None
    next_before: UUID | None = None
    why_incomplete: str = ""
    unreadable: list[str] = field(default_factory=list)

    @property
    def searched_back_to(self) -> datetime | None:
        """The moment from which on every turn was searched."""
        return moment_of(self.down_to) if self.down_to else None


class Stopped(Exception):
    """The search ends here; the message says why, and is empty where the page is full."""


def search(asked: Asked, seconds: float = SECONDS) -> Found:
    """A page of hits; whatever was not finished after so many seconds is left out and said."""
    under_way = _Search(asked, seconds)
    try:
        under_way.run()
    except Stopped as stopped:
        under_way.stop(str(stopped))
    return under_way.found


class _Search:
    """A search under way; `found` is what it has."""

    def __init__(self, asked: Asked, seconds: float) -> None:
        self.found = Found()
        self._asked = asked
        self._ends_at = time.monotonic() + seconds
        self._read = 0
        # Every row from here on was looked at.
        self._reached = asked.before or _END_OF_TIME

    def run(self) -> None:
        """Month by month, the newest first. Raises Stopped."""
        for month, low, high in _months(self._asked):
            try:
                seal = data_keys.stored_seal(month)
            except KeyUnavailable as error:
                self.found.unreadable.append(str(error))
                continue
            self._go_through(self._stretch(low, high, seal), seal)

    def stop(self, why: str) -> None:
        """Before the end: a next page goes on from here."""
        self.found.next_before = self._reached
        self.found.why_incomplete = why

    def _stretch(self, low: UUID, high: UUID, seal: MonthSeal | None) -> Stretch:
        """With numbers under each key: encryption may have been turned on or off in the middle of the month."""
        seals: list[Seal] = [UNSEALED, seal] if seal else [UNSEALED]
        terms = [hasher_of(made_under).of_terms(self._asked.query.terms) for made_under in seals]
        return Stretch(low, high, terms, self._asked.domains, self._asked.conversation)

    def _go_through(self, stretch: Stretch, seal: MonthSeal | None) -> None:
        look = candidates.newest
        while stretch.low < stretch.high:
            got = self._ask(look, stretch)
            for at in range(0, len(got.ids), _GROUP):
                self._take(got.ids[at : at + _GROUP], seal)
            self._reach(got.down_to)
            stretch, look = replace(stretch, high=got.down_to), candidates.indexed

    def _ask(self, look: Look, stretch: Stretch) -> Candidates:
        """Candidates, as far as time allows."""
        most = MOST_READ if self._asked.query.has_order else self._asked.size + _SPARE
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise Stopped(TOO_SLOW)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                # 0 would be no bound at all.
                milliseconds = max(1, round(left * 1000))
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{milliseconds}ms"])
                return look(stretch, most)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != _CANCELED:
                raise
            raise Stopped(TOO_SLOW) from error

    def _take(self, ids: Sequence[UUID], seal: MonthSeal | None) -> None:
        """Look at candidates again, and keep those that have what was asked for."""
        rows = SearchText.objects.filter(id__in=ids, id__gte=ids[-1], id__lte=ids[0])
        for row in rows.defer("terms").order_by("-id"):
            snippet = snippet_of(_parts(row, seal), self._asked.query)
            if snippet and len(self.found.hits) == self._asked.size:
                raise Stopped("")
            if snippet:
                self.found.hits.append(Hit(row.id, row.conversation, row.domain, snippet))
            self._reach(row.id)
            self._read += 1
            if self._read == MOST_READ and self._asked.query.has_order:
                raise Stopped(TOO_MANY)
        if time.monotonic() > self._ends_at:
            raise Stopped(TOO_SLOW)

    def _reach(self, down_to: UUID) -> None:
        self._reached = self.found.down_to = down_to


def _parts(row: SearchText, seal: MonthSeal | None) -> list[Part]:
    """The texts of a row; none where it is damaged, as rebuild_search puts right."""
    try:
        return read_text(row.id, bytes(row.text), seal)
    except (BrokenSeal, zstandard.ZstdError, msgspec.MsgspecError):
        log.error("search.damaged", extra={"exchange": str(row.id)})
        return []


def _months(asked: Asked) -> Iterator[tuple[date, UUID, UUID]]:
    """The months that are stored and asked for, the newest first, each with the ids from and before which it is meant."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS)
        names = sorted((name for (name,) in cursor.fetchall()), reverse=True)
    for name in names:
        month = datetime.strptime(name[-7:], "%Y_%m").replace(tzinfo=UTC)
        ends = datetime.combine(next_month(month.date()), midnight(), UTC)
        low = id_floor(max(month, asked.since or month))
        high = min(id_floor(min(ends, asked.until or ends)), asked.before or _END_OF_TIME)
        if low < high:
            yield month.date(), low, high
