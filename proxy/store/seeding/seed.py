"""Fill a database: write conversations, schedule them, multiply them, sum them up."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection

from proxy.store.models import Exchange, Price, Receipt, Rollup, Spool
from proxy.store.postgres.partitions import TABLES
from proxy.store.rebuilding import conversations as conversations_of
from proxy.store.rebuilding import rollups as rebuild
from proxy.store.rebuilding.alone import Busy
from proxy.store.rebuilding.rollups import Asked, hour_of
from proxy.store.seeding import multiply, prototypes, schedule
from proxy.store.seeding.calendar import periods
from proxy.store.seeding.conversations import conversation, stranger
from proxy.store.seeding.schedule import Spools

# So many that lists look alive, so few that they are written and read in seconds.
_MOST_CONVERSATIONS = 240
_CHUNK = 20_000
_HOUR = timedelta(hours=1)
_OWN_TABLES = (prototypes, schedule)
# What autovacuum would do later: the planner and index-only scans need both.
_VACUUM = f"VACUUM ANALYZE {', '.join(TABLES)}, proxy_rollup, proxy_breakdown, proxy_daybreakdown, proxy_domaintotal"

# Hears of each step how much of how much is done.
Advance = Callable[[str, int, int], None]
Job = tuple[Callable[[], None], int]


class SeedError(Exception):
    """Something is missing; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """So many exchanges over so many days up to `end`; the same seed and end give the same traffic."""

    exchanges: int
    days: int
    seed: int
    end: datetime
    bodies: bool = True


def holds_traffic() -> bool:
    """Whether the database has seen any."""
    return any(model.objects.exists() for model in (Exchange, Receipt, Rollup, Spool))


def seed(wish: Wish, advance: Advance, jobs: int = 2) -> None:
    """Fill the database, with so many connections at once."""
    draw = random.Random(wish.seed)  # noqa: S311  # made-up traffic needs no secrets
    spools = Spools(draw)
    if Spool.objects.filter(id__in=spools.stored).exists():
        raise SeedError(
            f"The traffic of --seed {wish.seed} is in this database already: choose another seed."
        )
    _execute(*(part.DROP for part in _OWN_TABLES), *(part.CREATE for part in _OWN_TABLES))
    try:
        _fill(wish, draw, spools, advance, jobs)
    finally:
        _execute(*(part.DROP for part in _OWN_TABLES))


def _fill(wish: Wish, draw: random.Random, spools: Spools, advance: Advance, jobs: int) -> None:
    start = wish.end - timedelta(days=wish.days)
    many = min(_MOST_CONVERSATIONS, 20 + wish.exchanges // 500)
    conversations = [stranger(draw), *(conversation(draw) for _ in range(many))]
    stretches = periods(start, wish.end, Price.objects.values_list("valid_from", flat=True))
    for number, stretch in enumerate(stretches):
        prototypes.write(conversations, number, stretch, bodies=wish.bodies)
        advance("conversations", number + 1, len(stretches))
    meetings = schedule.meetings(draw, conversations, stretches, wish.exchanges)
    sizes = schedule.write(draw, conversations, meetings, spools)
    _execute("ANALYZE seed_meeting, seed_turn, seed_exchange, seed_body")
    _run("exchanges", list(_copies(sizes, bodies=wish.bodies)), advance, jobs)
    schedule.count(spools)
    conversations_of.count(partial(advance, "sums of conversations"))
    if not settings.BODY_ENCRYPTION:
        _execute(multiply.TITLES)
    try:
        rebuild.rebuild(Asked(hour_of(start), hour_of(wish.end) + _HOUR), partial(advance, "sums"))
    except Busy as error:
        raise SeedError(
            "The exchanges are in, their sums are not: run `manage.py rebuild_rollups`."
        ) from error


def _copies(sizes: Sequence[int], *, bodies: bool) -> Iterator[Job]:
    """Meetings in their order, so many that they are a chunk of exchanges."""
    first = held = 0
    for number, size in enumerate(sizes, 1):
        held += size
        if held >= _CHUNK or number == len(sizes):
            yield partial(multiply.copy_chunk, first, number, bodies=bodies), held
            first, held = number, 0


def _run(step: str, work: Sequence[Job], advance: Advance, jobs: int) -> None:
    """Do the work, several at once where `jobs` says so, each then on a connection of its own."""
    total = sum(size for _, size in work)
    done = 0
    for size in _sizes_done(work, jobs):
        done += size
        advance(step, done, total)


def _sizes_done(work: Sequence[Job], jobs: int) -> Iterator[int]:
    if jobs == 1:
        for do, size in work:
            do()
            yield size
        return
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(_alone, do): size for do, size in work}
        try:
            for future in as_completed(running):
                future.result()
                yield running[future]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _alone(do: Callable[[], None]) -> None:
    try:
        do()
    finally:
        connection.close()


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def settle() -> None:
    """Tell the planner what was filled in; outside of any transaction."""
    _execute(_VACUUM)
