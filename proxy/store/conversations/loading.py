"""A stored conversation: its turns, their tree, and the exchanges that they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from proxy.conversations.offers import SUMMARY
from proxy.conversations.parents import CALL_WINDOW, SUMMARY_WINDOW, Offered, TurnKeys, parents
from proxy.conversations.tree import Tree, tree_of
from proxy.record import COMPLETE
from proxy.store.models import Conversation, Exchange, Offer, Turn, id_floor, moment_of

_KEYS = ("own", "first", "prev", "takes", "gives", "claim", "answer_id", "previous_id")
_HINTS = ("request_class", "compaction", "agent_type")
# Of longer conversations the newest turns are shown.
MOST_TURNS = 20_000
# What may be a kilobyte a row, and nobody asks of all turns at once.
_UNASKED = ("usage", "billed", "attempts", "stop_details", "query", "passed_over", "upstream_request_id")
# What an answer that many clients get would lead to in other conversations: "Done." is no parent.
_MOST_FOREIGN = 200


@dataclass(frozen=True, slots=True)
class Loaded:
    """A conversation as it is stored; `turns` and `exchanges` have a row for each place of the tree."""

    conversation: Conversation
    tree: Tree
    turns: Mapping[UUID, Turn]
    exchanges: Mapping[UUID, Exchange]


def load(conversation: Conversation, most: int = MOST_TURNS, *, whole: bool = False) -> Loaded:
    """The tree of its newest turns; parents and calls may lie in other conversations of the same domain.

    `whole` reads every column of the exchanges. A program that asks the same without a session, and is answered the same, makes a
    conversation without an end.
    """
    rows = list(_within(conversation).order_by("-id")[:most])[::-1]
    # By a part of the statement: thousands of ids as parameters take longer than what they find.
    bounds = {"id__gte": rows[0].id, "id__lte": conversation.last_id} if rows else _bounds(conversation)
    part = {"id__in": _within(conversation).values("id"), **bounds}
    columns = () if whole else _UNASKED
    exchanges = {row.id: row for row in Exchange.objects.filter(**part).defer(*columns)}
    own = [_keys(row, exchanges[row.id]) for row in rows if row.id in exchanges]
    offers = [_offered(row) for row in Offer.objects.filter(**part)]
    lost = _without_parent(own, offers)
    foreign = _foreign_parents(conversation, lost)
    offers += (foreign_offers := _foreign_offers(conversation, lost, {turn.id for turn in own}))
    callers = _turns(
        conversation.domain, {offer.turn for offer in foreign_offers} - {turn.id for turn in foreign}
    )
    tree = tree_of(conversation.id, [*own, *foreign, *callers], offers)
    return Loaded(conversation, tree, {row.id: row for row in rows if row.id in exchanges}, exchanges)


def _within(conversation: Conversation) -> QuerySet[Turn]:
    return Turn.objects.filter(conversation=conversation.id, **_bounds(conversation))


def _bounds(conversation: Conversation) -> dict[str, UUID]:
    """They keep other months out of the plan."""
    return {"id__gte": conversation.first_id, "id__lte": conversation.last_id}


def _exchanges(ids: Sequence[UUID]) -> dict[UUID, Exchange]:
    if not ids:
        return {}
    bounds = {"id__gte": min(ids), "id__lte": max(ids)}
    return {row.id: row for row in Exchange.objects.filter(id__in=ids, **bounds)}


def _keys(row: Turn, exchange: Exchange) -> TurnKeys:
    keys = {name: None if (value := getattr(row, name)) is None else bytes(value) for name in _KEYS}
    return TurnKeys(
        id=row.id,
        conversation=row.conversation,
        started_at=exchange.started_at,
        depth=row.depth,
        tools=row.tools,
        agent_id=exchange.agent_id,
        parent_agent_id=exchange.parent_agent_id,
        answered=exchange.outcome == COMPLETE and row.gives is not None,
        **keys,  # type: ignore[arg-type]  # `own` and `first` are never null
        **{name: getattr(row, name) for name in _HINTS},
    )


def _offered(row: Offer) -> Offered:
    return Offered(row.id, row.place, row.kind, bytes(row.key), row.tool_id, moment_of(row.id))


def _without_parent(own: Sequence[TurnKeys], offers: Sequence[Offered]) -> list[TurnKeys]:
    found = parents(own, offers)
    return [turn for turn in own if turn.id not in found]


def _foreign_parents(conversation: Conversation, lost: Sequence[TurnKeys]) -> list[TurnKeys]:
    wanted = [turn.takes for turn in lost if turn.takes]
    if not wanted:
        return []
    rows = Turn.objects.filter(gives__in=wanted, domain=conversation.domain, id__lt=lost[-1].id)
    return _joined(list(rows.exclude(conversation=conversation.id).order_by("-id")[:_MOST_FOREIGN]))


def _foreign_offers(conversation: Conversation, lost: Sequence[TurnKeys], own: set[UUID]) -> list[Offered]:
    wanted = [turn.claim for turn in lost if turn.claim]
    if not wanted:
        return []
    oldest = min(turn.started_at for turn in lost) - max(CALL_WINDOW, SUMMARY_WINDOW)
    rows = Offer.objects.filter(key__in=wanted, id__gte=id_floor(oldest), id__lt=lost[-1].id).order_by("-id")
    found = [_offered(row) for row in rows[:_MOST_FOREIGN] if row.id not in own]
    # A call starts an agent in its own session; without one, the agent's messages are a conversation of their own.
    return [offer for offer in found if offer.kind == SUMMARY or not conversation.session_id]


def _turns(domain: str, ids: set[UUID]) -> list[TurnKeys]:
    if not ids:
        return []
    return _joined(list(Turn.objects.filter(id__in=ids, id__gte=min(ids), id__lte=max(ids), domain=domain)))


def _joined(rows: Sequence[Turn]) -> list[TurnKeys]:
    exchanges = _exchanges([row.id for row in rows])
    return [_keys(row, exchanges[row.id]) for row in rows if row.id in exchanges]
