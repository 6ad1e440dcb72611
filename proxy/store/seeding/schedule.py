"""Which conversation takes place when, and who leads it."""

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from proxy.conversations.keys import conversation_id
from proxy.store.seeding.calendar import HOUR, Period, quotas
from proxy.store.seeding.company import Company
from proxy.store.seeding.conversations import Conversation
from proxy.store.sums.definitions import UNKNOWN_DOMAIN

_SPOOLS = 4

CREATE = """
CREATE UNLOGGED TABLE seed_meeting (
    number bigint, period integer, conversation integer, turns integer, started_ms bigint, session uuid,
    spool uuid, first_serial bigint, domain text, account text, paid_by text, client_key text,
    client_address text, counts_as text, talk uuid
);
"""
_INDEX = "CREATE UNIQUE INDEX ON seed_meeting (number)"
DROP = "DROP TABLE IF EXISTS seed_meeting;"
_COPY = """
COPY seed_meeting (number, period, conversation, turns, started_ms, session, spool, first_serial,
    domain, account, paid_by, client_key, client_address, counts_as, talk) FROM STDIN
"""
_COUNT = """
INSERT INTO proxy_spool (id, accepted, dropped, stored, updated_at)
SELECT id, stored, 0, stored, now() FROM unnest(%s::uuid[], %s::bigint[]) AS spool (id, stored)
"""


class Meeting(NamedTuple):
    """A conversation that takes place: its first `turns` exchanges, from a moment within a period on."""

    period: int
    conversation: int
    turns: int
    started_ms: int


class Spools:
    """The proxies' spools, each of which numbers what passes it without gaps."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._ids = [UUID(int=draw.getrandbits(128), version=4) for _ in range(_SPOOLS)]
        self.stored = dict.fromkeys(self._ids, 0)

    def take(self, exchanges: int) -> tuple[UUID, int]:
        """A spool that so many exchanges pass, and the serial of the first."""
        spool = self._draw.choice(self._ids)
        self.stored[spool] += exchanges
        return spool, self.stored[spool] - exchanges + 1


def meetings(
    draw: random.Random, conversations: Sequence[Conversation], periods: Sequence[Period], total: int
) -> Iterator[Meeting]:
    """Meetings of `total` exchanges, in the order of the hours in which they begin."""
    offsets = [[turn.offset_ms for turn in conversation.turns] for conversation in conversations]
    position = due = 0
    for hour, quota in quotas(periods[0].start, periods[-1].end, total):
        while periods[position].end <= hour:
            position += 1
        due += quota
        while due > 0:
            chosen = draw.randrange(len(conversations))
            moment = round(hour.timestamp() * 1000) + draw.randrange(round(HOUR.total_seconds() * 1000))
            started, turns = fitted(periods[position], moment, offsets[chosen][:due])
            due -= turns
            yield Meeting(position, chosen, turns, started)


def fitted(period: Period, moment: int, offsets: Sequence[int]) -> tuple[int, int]:
    """When a conversation of such turns begins and how many of them it has, so that it stays within the period."""
    start, end = (round(edge.timestamp() * 1000) for edge in (period.start, period.end))
    begins = max(start, min(moment, end - 1 - offsets[-1]))
    return begins, max(1, bisect_left(offsets, end - begins))


def write(
    draw: random.Random, conversations: Sequence[Conversation], rows: Iterator[Meeting], spools: Spools
) -> list[int]:
    """Write meetings down, numbered from 0, each with who leads it; how many exchanges each one is."""
    company = Company(draw)
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        sizes = []
        for number, row in enumerate(rows):
            stranger = conversations[row.conversation].stranger
            session = UUID(int=draw.getrandbits(128), version=4)
            asker = company.stranger() if stranger else company.asker()
            counts_as = UNKNOWN_DOMAIN if stranger else ""
            talk = conversation_id(asker[0], str(session), b"")
            copy.write_row((number, *row, session, *spools.take(row.turns), *asker, counts_as, talk))
            sizes.append(row.turns)
    with connection.cursor() as cursor:
        cursor.execute(_INDEX)
    return sizes


def count(spools: Spools) -> None:
    """Say what each spool accepted and stored."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [list(spools.stored), list(spools.stored.values())])
