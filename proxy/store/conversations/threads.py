"""Message threads without a session: a request that goes on holds its new messages alone, and so no key of its conversation.

Its turn belongs to the conversation of the turn whose message it names. Which that is follows from all that is stored, and so the
task that looks for findings moves it there, whichever of the two came first; a rebuild puts it there at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection

from proxy.store.conversations import pending
from proxy.store.conversations.sums import give_titles, title_of
from proxy.store.models import CacheBreak, Conversation, Exchange, Finding, Turn


def gather(conversation: UUID) -> dict[UUID, UUID]:
    """Where turns belong that lie elsewhere: those of a conversation, and those that go on from them."""
    within = Turn.objects.filter(conversation=conversation)
    waiting = [*within.filter(previous_id__isnull=False), *_going_on(within.filter(answer_id__isnull=False))]
    moved: dict[UUID, Turn] = {}
    while waiting:
        parents = _Parents(waiting, moved.values())
        changed = []
        for turn in _nameless(waiting):
            turn = moved.get(turn.id, turn)
            if (target := parents.of(turn)) and target != turn.conversation:
                turn.conversation = target
                changed.append(turn)
                parents.note(turn)
        moved |= {turn.id: turn for turn in changed}
        waiting = _going_on(changed)
    return {turn.id: turn.conversation for turn in moved.values()}


def move(targets: Mapping[UUID, UUID]) -> None:
    """Put turns into other conversations, with their sums and titles. Within a transaction that holds their months."""
    ids = sorted(targets)
    within = Turn.objects.filter(id__in=ids, id__gte=ids[0], id__lte=ids[-1])
    sources = set(within.values_list("conversation", flat=True))
    titled = Conversation.objects.filter(id__in=sources, title_id__isnull=False)
    titles = {row.title_id: title for row in titled if row.title_id and (title := title_of(row))}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nexus_move_turns(%s::uuid[], %s::uuid[])", [ids, [targets[id_] for id_ in ids]]
        )
    give_titles(titles)
    for model in (CacheBreak, Finding):
        model._default_manager.filter(id__in=ids).delete()
    pending.note({*sources, *targets.values()})


def adopt(made: Sequence[Turn], stored: Mapping[UUID, Turn]) -> None:
    """Place new rows, in order of their ids, as `gather` does. Where what they go on from is gone they stay as they are stored."""
    parents, nameless = _Parents(made), {turn.id for turn in _nameless(made)}
    for turn in made:
        if turn.id in nameless:
            before = stored.get(turn.id, turn).conversation
            turn.conversation = parents.of(turn) or before
        parents.note(turn)


class _Parents:
    """The conversations of turns by the messages that they were answered with."""

    def __init__(self, turns: Iterable[Turn], placed: Iterable[Turn] = ()) -> None:
        """What `turns` go on from, as it is stored but for those that are `placed` already."""
        self._by_answer: defaultdict[tuple[str, bytes], dict[UUID, UUID]] = defaultdict(dict)
        wanted = {bytes(turn.previous_id) for turn in turns if turn.previous_id is not None}
        for turn in [*(Turn.objects.filter(answer_id__in=wanted) if wanted else ()), *placed]:
            self.note(turn)

    def note(self, turn: Turn) -> None:
        """It lies where its row says."""
        if turn.answer_id is not None:
            self._by_answer[turn.domain, bytes(turn.answer_id)][turn.id] = turn.conversation

    def of(self, turn: Turn) -> UUID | None:
        """The conversation of the newest turn before it that was answered with the message it names."""
        found = self._by_answer.get((turn.domain, bytes(turn.previous_id or b"")), {})
        earlier = [id_ for id_ in found if id_ < turn.id]
        return found[max(earlier)] if earlier else None


def _going_on(turns: Iterable[Turn]) -> list[Turn]:
    answers = {bytes(turn.answer_id) for turn in turns if turn.answer_id is not None}
    return list(Turn.objects.filter(previous_id__in=answers)) if answers else []


def _nameless(turns: Iterable[Turn]) -> list[Turn]:
    """Those that go on from a message and name no session, in order."""
    following = {turn.id: turn for turn in turns if turn.previous_id is not None}
    if not following:
        return []
    bounds = {"id__gte": min(following), "id__lte": max(following)}
    rows = Exchange.objects.filter(id__in=list(following), session_id="", **bounds)
    return [following[id_] for id_ in rows.order_by("id").values_list("id", flat=True)]
