"""Lanes: which turns follow each other in one line, and which are branches beside it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from proxy.conversations.parents import LinkKind, Parent, TurnKeys


def lanes(
    own: Sequence[TurnKeys],
    found: Mapping[UUID, Parent],
    again: Mapping[UUID, UUID],
    *,
    kinds_off_lane: set[UUID],
    agent_of: Mapping[UUID, str],
) -> dict[UUID, int]:
    """The lane of each turn among those of its agent, 0 being the main one. `own` are in order of ids, parents before children."""
    return _Lanes(own, found, again, kinds_off_lane, agent_of).placed()


class _Lanes:
    def __init__(
        self,
        own: Sequence[TurnKeys],
        found: Mapping[UUID, Parent],
        again: Mapping[UUID, UUID],
        off_lane: set[UUID],
        agent_of: Mapping[UUID, str],
    ) -> None:
        self._own, self._found, self._again = own, found, again
        self._off_lane, self._agent_of = off_lane, agent_of
        # By the first attempt: an attempt and its repeats have their children together.
        self._children: defaultdict[UUID, list[UUID]] = defaultdict(list)
        self._sizes: dict[UUID, int] = {}
        for turn in own:
            parent = self._from(turn.id)
            if parent is not None and turn.id not in again and not self._keeps_lane(turn):
                self._children[parent].append(turn.id)

    def placed(self) -> dict[UUID, int]:
        """The lane of each turn."""
        self._sizes = self._measured()
        heirs = {*map(self._heir, self._children.values()), *self._first_roots()}
        placed: dict[UUID, int] = {}
        used: defaultdict[str, int] = defaultdict(int)
        for turn in self._own:
            first = self._again.get(turn.id, turn.id)
            agent, parent = self._agent_of[turn.id], self._from(turn.id)
            if first != turn.id:
                placed[turn.id] = placed[first]
            elif turn.id in heirs or self._keeps_lane(turn):
                placed[turn.id] = 0 if parent is None else placed[parent]
            elif parent is not None and self._is_attempt(turn):
                placed[turn.id] = placed[parent]
            else:
                placed[turn.id] = self._next(used, agent)
        return placed

    def _from(self, turn: UUID) -> UUID | None:
        """The first attempt at the turn that this one goes on from; past a call for a summary, the turn before that."""
        parent = self._found.get(turn)
        if parent is None or self._agent_of.get(parent.id) != self._agent_of[turn]:
            return None
        if parent.kind is LinkKind.COMPACTION:
            return self._from(parent.id)
        return self._again.get(parent.id, parent.id)

    def _measured(self) -> dict[UUID, int]:
        """How many turns follow each one, itself among them."""
        sizes = {turn.id: 1 for turn in self._own}
        for turn in reversed(self._own):
            parent = self._from(turn.id)
            if parent is not None and turn.id not in self._off_lane:
                sizes[parent] += sizes[turn.id]
        return sizes

    def _heir(self, children: Sequence[UUID]) -> UUID:
        """The child that keeps the lane: one that was continued before one that was not, then the first."""
        return min(children, key=lambda child: (self._sizes[child] == 1, child))

    def _first_roots(self) -> set[UUID]:
        """Of each agent the root with the most turns."""
        best: dict[str, UUID] = {}
        for turn in self._own:
            agent = self._agent_of[turn.id]
            if turn.id in self._again or turn.id in self._off_lane or self._from(turn.id) is not None:
                continue
            if agent not in best or self._sizes[turn.id] > self._sizes[best[agent]]:
                best[agent] = turn.id
        return set(best.values())

    def _keeps_lane(self, turn: TurnKeys) -> bool:
        """What stands beside the line takes no lane, and what goes on after a summary stays where that was asked for."""
        parent = self._found.get(turn.id)
        return turn.id in self._off_lane or (parent is not None and parent.kind is LinkKind.COMPACTION)

    def _is_attempt(self, turn: TurnKeys) -> bool:
        """One that nothing follows and that got no whole answer was broken off; it is no branch."""
        return not turn.answered and self._sizes[turn.id] == 1

    @staticmethod
    def _next(used: defaultdict[str, int], agent: str) -> int:
        used[agent] += 1
        return used[agent]
