"""Sticky sessions: which credential a session uses, and the organisation that holds its context (docs/decisions/0035).

The API drops thinking blocks of another organisation without an error, and has neither its threads nor its prompt cache.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from accounts.access import Decision, Payer
from proxy.relay.notes import Notes
from proxy.relay.pool import Pool
from proxy.relay.request import RelayRequest

SESSION = b"x-claude-code-session-id"
MAX_SESSION = 128
MAX_PLACES = 10_000

# A domain, and within it the session or else the client key; there is no affinity where the second is "".
Place = tuple[str, str]


class Bond(NamedTuple):
    """A session's credential (`Payer.key`), and the organisation of its last response, "" before the first one."""

    key: str = ""
    organisation: str = ""


NONE = Bond()


class Affinity:
    """The bonds of one process; used by its event loop alone."""

    def __init__(self, notes: Notes, pool: Pool) -> None:
        self._notes = notes
        self._pool = pool
        self._bonds: OrderedDict[Place, Bond] = OrderedDict()
        self._domains: Counter[str] = Counter()

    def concerns(self, domain: str) -> bool:
        """Whether a session of this domain has a bond: the domain had several credentials at least once."""
        return domain in self._domains

    def bond(self, place: Place) -> Bond:
        """The session's, NONE for one that is not known."""
        return self._bonds.get(place, NONE)

    def bind(self, place: Place, key: str) -> None:
        """The session uses this credential from now on; what it has elsewhere stays known until this one has answered."""
        self._keep(place, Bond(key, self.bond(place).organisation))

    def scope(self, bond: Bond, pool: Sequence[Payer], tried: frozenset[str], now: float) -> Sequence[Payer]:
        """Those of the pool that the session may use: its organisation's, while one of them is worth waiting for, else all."""
        if not bond.organisation:
            return pool
        own = [payer for payer in pool if self._notes.organisation(payer.key) == bond.organisation]
        return own if any(not self._pool.is_lost(payer, tried, now) for payer in own) else pool

    def answered(self, place: Place, payer: Payer, pool: Sequence[Payer], status: int, now: float) -> str:
        """Note who answered the session; returns the organisation that it left with this response, mostly "".

        A response to an earlier request, of a credential that the session has left meanwhile, changes nothing.
        """
        bond = self._bonds.get(place)
        if bond is None or status >= 400:
            return ""
        self._bonds.move_to_end(place)
        found = Bond(payer.key, self._notes.organisation(payer.key))
        if bond == found or (bond.key != payer.key and self._pool.is_usable(bond.key, pool, now)):
            return ""
        self._keep(place, found)
        return bond.organisation if bond.organisation != found.organisation else ""

    def _keep(self, place: Place, bond: Bond) -> None:
        """Beyond MAX_PLACES the session that was longest away is forgotten."""
        if place not in self._bonds:
            self._domains[place[0]] += 1
        self._bonds[place] = bond
        self._bonds.move_to_end(place)
        if len(self._bonds) > MAX_PLACES:
            (domain, _), _ = self._bonds.popitem(last=False)
            self._domains[domain] -= 1
            if not self._domains[domain]:
                del self._domains[domain]


def place_of(request: RelayRequest, decision: Decision) -> Place:
    """Where affinity is remembered for a request."""
    session = request.first(SESSION)[:MAX_SESSION].decode("latin-1")
    return decision.domain, session or (decision.client_key and f"key {decision.client_key}")
