"""Which turn each turn goes on from, by the keys of all: the same for any order in which they came."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proxy.conversations.offers import CALL

CALL_WINDOW = timedelta(hours=24)
SUMMARY_WINDOW = timedelta(days=7)


class LinkKind(StrEnum):
    """How a parent was found: by its answer, by equal messages, in a message thread, over a gap, by its summary, by its call."""

    ANSWER = "answer"
    PREFIX = "prefix"
    THREAD = "thread"
    GAP = "gap"
    COMPACTION = "compaction"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class TurnKeys:
    """A stored turn; keys as in `proxy.conversations.keys`. `answered` says that it got a whole answer."""

    id: UUID
    conversation: UUID
    started_at: datetime
    depth: int
    tools: int
    own: bytes
    first: bytes
    prev: bytes | None = None
    takes: bytes | None = None
    gives: bytes | None = None
    claim: bytes | None = None
    answer_id: bytes | None = None
    previous_id: bytes | None = None
    agent_id: str = ""
    parent_agent_id: str = ""
    request_class: str = ""
    compaction: str = ""
    agent_type: str = ""
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Offered:
    """An offer of the answer of `turn`; `place` is its order among those of the answer."""

    turn: UUID
    place: int
    kind: str
    key: bytes
    tool_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Parent:
    """The turn that another one goes on from; `tool_id` names the call of an agent."""

    id: UUID
    kind: LinkKind
    tool_id: str = ""


def repeats(turns: Sequence[TurnKeys], offers: Iterable[Offered] = ()) -> dict[UUID, UUID]:
    """For each turn that asks the same again, the first that asked it. `turns` are in order of ids.

    Where agents have no names, two with the same prompt ask the same: once the first has its answer, the next is another agent.
    """
    called = {offer.key for offer in offers if offer.kind == CALL}
    first: dict[object, UUID] = {}
    found: dict[UUID, UUID] = {}
    for turn in turns:
        same = (
            turn.conversation,
            turn.agent_id,
            turn.own,
            turn.takes,
            turn.tools > 0,
            turn.previous_id,
            turn.request_class,
        )
        earlier = first.setdefault(same, turn.id)
        if earlier != turn.id:
            found[turn.id] = earlier
        if turn.answered and not turn.agent_id and turn.takes is None and turn.claim in called:
            del first[same]
    return found


def parents(turns: Sequence[TurnKeys], offers: Iterable[Offered] = ()) -> dict[UUID, Parent]:
    """The parent of each turn that has one. `turns` are in order of ids; those of other conversations may be among them."""
    known = _Known(turns)
    found = {turn.id: parent for turn in turns if (parent := known.parent_of(turn))}
    return found | _claimed([turn for turn in turns if turn.id not in found], offers, known)


class _Known:
    """Turns by their keys."""

    def __init__(self, turns: Sequence[TurnKeys]) -> None:
        self.by_id = {turn.id: turn for turn in turns}
        self._by_answer = _grouped(turns, "gives")
        self._by_own = _grouped(turns, "own")
        self._by_message = _grouped(turns, "answer_id")
        self._by_first: defaultdict[object, list[TurnKeys]] = defaultdict(list)
        self._names_agents = {turn.conversation for turn in turns if turn.agent_id}
        for turn in turns:
            self._by_first[turn.conversation, turn.agent_id, turn.first].append(turn)

    def parent_of(self, turn: TurnKeys) -> Parent | None:
        """By the rules in their order."""
        if turn.previous_id:
            thread = _best(turn, self._by_message.get(turn.previous_id, ()))
            return Parent(thread.id, LinkKind.THREAD) if thread else self._over_gap(turn)
        if turn.takes is None:
            return None
        if answered := _best(turn, self._by_answer.get(turn.takes, ())):
            return Parent(answered.id, LinkKind.ANSWER)
        equal = [other for other in self._by_own.get(turn.prev or b"", ()) if _together(turn, other)]
        if same := _best(turn, equal):
            return Parent(same.id, LinkKind.PREFIX)
        return self._over_gap(turn)

    def may_claim(self, root: TurnKeys, offer: Offered) -> bool:
        """Whether an offer came before, and not too long ago. Where a client names its agents, one without a name is none."""
        is_call = offer.kind == CALL
        if is_call and not root.agent_id and root.conversation in self._names_agents:
            return False
        window = CALL_WINDOW if is_call else SUMMARY_WINDOW
        return offer.turn < root.id and root.started_at - offer.started_at <= window

    def _over_gap(self, turn: TurnKeys) -> Parent | None:
        earlier = [
            other
            for other in self._by_first[turn.conversation, turn.agent_id, turn.first]
            if other.id < turn.id and other.depth < turn.depth
        ]
        deepest = max(earlier, key=lambda other: (other.depth, other.id), default=None)
        return Parent(deepest.id, LinkKind.GAP) if deepest else None


def _best(turn: TurnKeys, candidates: Iterable[TurnKeys]) -> TurnKeys | None:
    """The earlier turn that fits best: by its messages, then of the same conversation, the same agent, answered, the newest."""
    return max(
        (other for other in candidates if other.id < turn.id),
        key=lambda other: (
            other.own == turn.prev,
            other.conversation == turn.conversation,
            other.agent_id == turn.agent_id,
            other.answered,
            other.id,
        ),
        default=None,
    )


def _together(turn: TurnKeys, other: TurnKeys) -> bool:
    return other.conversation == turn.conversation


def _grouped(turns: Iterable[TurnKeys], key: str) -> Mapping[bytes, list[TurnKeys]]:
    grouped: defaultdict[bytes, list[TurnKeys]] = defaultdict(list)
    for turn in turns:
        if value := getattr(turn, key):
            grouped[value].append(turn)
    return grouped


def _claimed(roots: Sequence[TurnKeys], offers: Iterable[Offered], known: _Known) -> dict[UUID, Parent]:
    """What roots claim. A call starts one agent: an attempt that was not answered leaves the offer to the next one."""
    by_key: defaultdict[bytes, list[Offered]] = defaultdict(list)
    for offer in sorted(offers, key=lambda offer: (offer.turn, offer.place)):
        by_key[offer.key].append(offer)
    used: dict[tuple[UUID, int], str | UUID] = {}
    found: dict[UUID, Parent] = {}
    for root in roots:
        agent = root.agent_id or root.id
        free = [
            offer
            for offer in by_key.get(root.claim or b"", ())
            if known.may_claim(root, offer) and used.get((offer.turn, offer.place), agent) == agent
        ]
        if free:
            offer = max(free, key=lambda offer: _rank(root, offer, known, used))
            if offer.kind == CALL and (root.answered or root.agent_id):
                used[offer.turn, offer.place] = agent
            kind = LinkKind.AGENT if offer.kind == CALL else LinkKind.COMPACTION
            found[root.id] = Parent(offer.turn, kind, offer.tool_id)
    return found


def _rank(
    root: TurnKeys, offer: Offered, known: _Known, used: Mapping[tuple[UUID, int], str | UUID]
) -> tuple[object, ...]:
    """Its own first, then of the same conversation and of the agent that it names; of calls the first, of summaries the newest."""
    giver = known.by_id.get(offer.turn)
    own = (offer.turn, offer.place) in used
    together = giver is not None and giver.conversation == root.conversation
    caller = giver is not None and giver.agent_id == root.parent_agent_id
    order = -offer.turn.int if offer.kind == CALL else offer.turn.int
    return (own, together, caller, order, -offer.place)
