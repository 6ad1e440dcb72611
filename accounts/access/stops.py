"""Stops: a request or a session that somebody ended, as the processes of the proxy hear of it. Pure.

A stop only ever goes one way, from being in force to being over. So whoever hears of it twice, or late, keeps what is further.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

# As long as the column of sessions in the record.
MAX_SESSION = 120


@dataclass(frozen=True, slots=True)
class Stop:
    """`exchange` is the request that it ends, "" where it ends all of `session`; `until` epoch seconds; `by` a user's name."""

    id: int
    domain: str
    session: str
    exchange: str
    by: str
    until: float
    is_lifted: bool = False

    def holds(self, now: float) -> bool:
        return not self.is_lifted and now < self.until


@dataclass(slots=True)
class Stops:
    """All that are known; to look one up is a dictionary's work, and none is looked up while there are none."""

    _by_id: dict[int, Stop] = field(default_factory=dict)
    _sessions: dict[tuple[str, str], Stop] = field(default_factory=dict)

    def take(self, heard: Iterable[Stop], now: float) -> list[Stop]:
        """Note what was heard and forget what is over; returns the stops among it that are new and in force."""
        known = {number: stop for number, stop in self._by_id.items() if now < stop.until}
        fresh: list[Stop] = []
        for stop in heard:
            before = known.get(stop.id)
            if now < stop.until and (before is None or stop.is_lifted):
                known[stop.id] = stop
                if before is None and not stop.is_lifted:
                    fresh.append(stop)
        self._by_id = known
        # Of several stops of a session the one that ends last is the one to name.
        holding = sorted((stop for stop in known.values() if stop.holds(now)), key=lambda stop: stop.until)
        self._sessions = {(stop.domain, stop.session): stop for stop in holding if not stop.exchange}
        return fresh

    @property
    def concern_sessions(self) -> bool:
        """Whether any session may be stopped: without one nobody needs to know whose a request is."""
        return bool(self._sessions)

    def of_session(self, domain: str, session: str, now: float) -> Stop | None:
        """The stop that holds for a session's requests now."""
        stop = self._sessions.get((domain, session[:MAX_SESSION]))
        return stop if stop and stop.holds(now) else None
