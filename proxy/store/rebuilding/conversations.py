"""Make the turns and conversations of stored exchanges anew, while ingest goes on: what ingest would have made of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from proxy.store.conversations import pending, threads, turns
from proxy.store.conversations.sums import give_titles
from proxy.store.conversations.turns import NewTurn
from proxy.store.ingest import storing
from proxy.store.models import Conversation, Exchange, Offer, Turn, month_of
from proxy.store.postgres.bulk import copy_in
from proxy.store.rebuilding.alone import alone
from proxy.store.transfer.reading import read
from proxy.store.transfer.selection import Selection

_ROWS = [field.attname for field in Turn._meta.concrete_fields]
# An empty row, which is counted in the same transaction.
_MAKE = """
INSERT INTO proxy_conversation (id, domain, session_id, first_id, last_id, first_at, last_at, turns, failed, input_tokens,
    output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, unpriced, partial, notional, title, person, client_key,
    model_names, more_models, agents, more_agents, last_model, last_context)
SELECT id, '', '', '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', now(), now(),
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '', '', '{}', false, '{}', false, '', 0
FROM unnest(%s::uuid[]) AS new (id) ORDER BY id ON CONFLICT DO NOTHING
"""
# PostgreSQL counts from the first to the last exchange that a conversation had: turns may be older now.
_HOLD = "SELECT FROM proxy_conversation WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
_REACH = """
UPDATE proxy_conversation SET first_id = least(first_id, %s), last_id = greatest(last_id, %s) WHERE id = ANY(%s)
"""
_NIL = UUID(int=0)


@dataclass(slots=True)
class Rebuilt:
    """What was read, what differed, and of how many exchanges nobody has the body any more."""

    exchanges: int = 0
    turns: int = 0
    changed: int = 0
    without_body: int = 0
    conversations: set[UUID] = field(default_factory=set)


def rebuild(
    since: datetime | None,
    until: datetime | None,
    *,
    apply: bool,
    progress: Callable[[int], None] = lambda more: None,
) -> Rebuilt:
    """Compare the turns of a time with what their exchanges say, and write what differs where that is asked for."""
    done = Rebuilt()
    with alone("nexus_rebuild_conversations"):
        for group in Selection(since=since, until=until).groups():
            _take(group, done, apply=apply)
            progress(len(group))
    return done


def count(progress: Callable[[int, int], None], size: int = 2000) -> None:
    """Count every conversation of stored turns anew, so many at a time."""
    ids = list(Turn.objects.order_by("conversation").values_list("conversation", flat=True).distinct())
    for start in range(0, len(ids), size):
        with transaction.atomic():
            _count(ids[start : start + size])
        progress(min(start + size, len(ids)), len(ids))


def _count(ids: Sequence[UUID]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, [list(ids)])
        cursor.execute("SELECT nexus_count_conversations(%s::uuid[], %s, %s, '{}')", [list(ids), _NIL, _NIL])


def _take(group: Sequence[Exchange], done: Rebuilt, *, apply: bool) -> None:
    reader = turns.reader()
    made: list[NewTurn] = []
    missing = 0
    for whole in read([row for row in group if turns.may_be(row)], bodies=True):
        turn = turns.turn_from(whole, reader)
        if turn:
            made.append(turn)
        elif whole.traffic is None or whole.traffic.request.body is None:
            missing += 1
    stored = Turn.objects.in_bulk([turn.turn.id for turn in made])
    threads.adopt([turn.turn for turn in made], stored)
    offers = _offers(stored)
    changed = [turn for turn in made if _differs(turn, stored.get(turn.turn.id), offers)]
    done.exchanges += len(group)
    done.turns += len(made)
    done.changed += len(changed)
    done.without_body += missing
    affected = {turn.turn.conversation for turn in changed} | {
        stored[turn.turn.id].conversation for turn in changed if turn.turn.id in stored
    }
    done.conversations |= affected | _untitled(made)
    if apply:
        _write(changed, made, affected)


def _offers(stored: Iterable[UUID]) -> dict[UUID, set[tuple[object, ...]]]:
    found: dict[UUID, set[tuple[object, ...]]] = {}
    for row in Offer.objects.filter(id__in=list(stored)):
        found.setdefault(row.id, set()).add(_offer(row))
    return found


def _offer(row: Offer) -> tuple[object, ...]:
    return row.place, row.kind, bytes(row.key), row.tool_id


def _differs(turn: NewTurn, stored: Turn | None, offers: dict[UUID, set[tuple[object, ...]]]) -> bool:
    if stored is None:
        return True
    same = all(_value(getattr(turn.turn, name)) == _value(getattr(stored, name)) for name in _ROWS)
    return not same or {_offer(row) for row in turn.offers} != offers.get(stored.id, set())


def _value(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def _untitled(made: Sequence[NewTurn]) -> set[UUID]:
    """Conversations that have no title and would get one."""
    titles = {turn.turn.id for turn in made if turn.title}
    return set(Conversation.objects.filter(title_id__in=titles, title=b"").values_list("id", flat=True))


def _write(changed: Sequence[NewTurn], made: Sequence[NewTurn], affected: set[UUID]) -> None:
    ids = [turn.turn.id for turn in changed]
    with transaction.atomic():
        storing.hold(sorted({month_of(turn.turn.id).date() for turn in made}))
        if changed:
            # Only what is still there: retention may have dropped a month since it was read.
            present = set(Exchange.objects.filter(id__in=ids).values_list("id", flat=True))
            Turn.objects.filter(id__in=ids).delete()
            Offer.objects.filter(id__in=ids).delete()
            kept = sorted(
                (turn for turn in changed if turn.turn.id in present), key=lambda turn: turn.turn.id
            )
            copy_in([turn.turn for turn in kept])
            copy_in([offer for turn in kept for offer in turn.offers])
            wanted = sorted(affected)
            pending.note(wanted)
            with connection.cursor() as cursor:
                cursor.execute(_HOLD, [wanted])
                cursor.execute(_REACH, [min(ids), max(ids), wanted])
            _count(wanted)
        give_titles({turn.turn.id: turn.title for turn in made if turn.title})
