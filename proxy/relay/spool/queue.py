"""The queue of exchanges that can be shipped, oldest first."""

from collections import deque
from collections.abc import Callable, Iterable

from proxy.relay.spool.record import Entry


class ShipQueue:
    """What is taken comes back by `give_back` or `put_off`, or not at all. The spool's lock guards it."""

    def __init__(self) -> None:
        self._ready: deque[Entry] = deque()
        self._put_off: list[Entry] = []

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def waiting_for_retry(self) -> int:
        """How many were put off until `try_again`."""
        return len(self._put_off)

    def add(self, entry: Entry) -> None:
        """At its end."""
        self._ready.append(entry)

    def take(self, count: int, size: int, may_go: Callable[[Entry], bool]) -> list[Entry]:
        """At most `count` and `size` bytes, or a single larger one. Who may not go yet keeps its place, and others pass."""
        taken: list[Entry] = []
        passed: list[Entry] = []
        while self._ready and len(taken) < count:
            entry = self._ready[0]
            if not may_go(entry):
                passed.append(self._ready.popleft())
                continue
            if taken and entry.size > size:
                break
            size -= entry.size
            entry.taken = True
            taken.append(self._ready.popleft())
        self._ready.extendleft(reversed(passed))
        return taken

    def give_back(self, entries: Iterable[Entry]) -> None:
        """At its head again, in this order."""
        found = list(entries)
        for entry in found:
            entry.taken = False
        self._ready.extendleft(reversed(found))

    def put_off(self, entries: Iterable[Entry]) -> None:
        """Out of the queue, until `try_again`."""
        for entry in entries:
            entry.taken = False
            self._put_off.append(entry)

    def try_again(self) -> None:
        """What was put off is at its head again."""
        self._ready.extendleft(reversed(self._put_off))
        self._put_off.clear()
