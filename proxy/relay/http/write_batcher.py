"""What a turn of the loop has for clients, written together at its end.

A write to one client takes the kernel's code and the client's wake-up through the processor's caches: one stream after the other is
read, and then one after the other is written.
"""

import asyncio
from weakref import WeakKeyDictionary

# So that the first one does not wait for very many others: some 10 µs each.
MOST_WAITING = 32
# Nor a large one, which its transport has to count before more is taken for that client.
LARGE_BYTES = 8 * 1024


class WriteBatcher:
    """One for each event loop; what is `put` is written before any task or callback runs that is scheduled later."""

    _of: "WeakKeyDictionary[asyncio.AbstractEventLoop, WriteBatcher]" = WeakKeyDictionary()

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.WriteTransport, bytes]] = []

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "WriteBatcher":
        """The loop's own."""
        found = cls._of.get(loop)
        if found is None:
            found = cls._of[loop] = cls()
        return found

    def put(self, loop: asyncio.AbstractEventLoop, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Write it soon. `loop` is this batcher's, which does not hold it: it is to go when its loop goes."""
        waiting = self._waiting
        if not waiting:
            loop.call_soon(self.empty)
        waiting.append((transport, data))
        if len(waiting) == MOST_WAITING or len(data) >= LARGE_BYTES:
            self.empty()

    def empty(self) -> None:
        """Write all; what is for clients that have gone meanwhile is dropped."""
        waiting, self._waiting = self._waiting, []
        for transport, data in waiting:
            if not transport.is_closing():
                transport.write(data)
