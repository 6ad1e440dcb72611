"""What clients may take before anybody knows them: time, connections, memory. One for each event loop; settings say how much.

A connection that waits for its client is looked at when its time is up, not at each read. What is refused is counted and logged
once a minute, as a flood of clients must not become a flood of lines.
"""

import asyncio
import logging
import resource
import sys
from collections import Counter
from enum import Enum
from typing import Protocol
from weakref import WeakKeyDictionary

from django.conf import settings

from proxy.wire.errors import ErrorKind

log = logging.getLogger("nexus.relay")

SUMMARY_SECONDS = 60.0
# Each client's connection may need another one to the API.
DESCRIPTORS_EACH = 2
# So many more may read why they are refused; others are cut off.
TURNED_AWAY = 256


class Reason(Enum):
    """Why a client is refused: the error that it reads."""

    BROKEN = (ErrorKind.INVALID_REQUEST, "This is not a valid HTTP/1.1 request.")
    WRONG_PROTOCOL = (
        ErrorKind.INVALID_REQUEST,
        "Nexus speaks HTTP/1.1 and no HTTP/2: turn off HTTP/2 with prior knowledge (h2c) in the client.",
    )
    HEAD_TOO_LARGE = (
        ErrorKind.HEADERS_TOO_LARGE,
        "The request's headers and trailers are larger than the 64 KiB that Nexus takes; send fewer or shorter ones.",
    )
    SILENT = (ErrorKind.REQUEST_TIMEOUT, "No request came in time; connect again when you have one.")
    SLOW_HEAD = (
        ErrorKind.REQUEST_TIMEOUT,
        "The request's headers did not come to an end in time; send it again.",
    )
    SLOW_BODY = (ErrorKind.REQUEST_TIMEOUT, "The request's body stopped coming; send it again.")
    TOO_MANY_CONNECTIONS = (
        ErrorKind.UNAVAILABLE,
        "Nexus serves as many connections as it may (CLIENT_MAX_CONNECTIONS); try again in a few seconds.",
    )
    TOO_MANY_OF_ADDRESS = (
        ErrorKind.RATE_LIMIT,
        "Your address has as many connections as Nexus allows (CLIENT_MAX_CONNECTIONS_PER_ADDRESS); use fewer at once.",
    )
    TOO_MANY_BYTES = (
        ErrorKind.UNAVAILABLE,
        "Nexus holds as much as it may of requests that are still arriving (UNKNOWN_BODIES_MAX_BYTES); try again in a few seconds.",
    )

    @property
    def kind(self) -> ErrorKind:
        return self.value[0]

    @property
    def message(self) -> str:
        return self.value[1]


class Phase(Enum):
    """What a connection waits for: the first byte of a request, the end of its head, the end of its body."""

    REQUEST = Reason.SILENT
    HEAD = Reason.SLOW_HEAD
    BODY = Reason.SLOW_BODY


class Connection(Protocol):
    """What is watched."""

    def time_is_up(self) -> None:
        """What it waited for has not come, unless it says so."""


class ClientLimits:
    """Counts of one process. `held` is bytes of bodies that are still arriving from clients that nobody knows."""

    _of: "WeakKeyDictionary[asyncio.AbstractEventLoop, ClientLimits]" = WeakKeyDictionary()

    def __init__(self) -> None:
        self.held = 0
        self.connections = 0
        self._addresses: Counter[str] = Counter()
        self._deadlines: dict[Connection, float] = {}
        self._looking = False
        self._refused: Counter[str] = Counter()
        self._seconds = {
            Phase.REQUEST: settings.CLIENT_SILENT_SECONDS,
            Phase.HEAD: settings.CLIENT_HEAD_SECONDS,
            Phase.BODY: settings.CLIENT_BODY_SECONDS,
        }
        self._look_seconds = min([1.0, *(seconds / 4 for seconds in self._seconds.values() if seconds)])
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        bounds = [settings.CLIENT_MAX_CONNECTIONS or sys.maxsize]
        if descriptors != resource.RLIM_INFINITY:
            bounds.append(descriptors // DESCRIPTORS_EACH)
        self._most = min(bounds)
        self._most_of_address = settings.CLIENT_MAX_CONNECTIONS_PER_ADDRESS
        self._most_held = settings.UNKNOWN_BODIES_MAX_BYTES

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "ClientLimits":
        """The loop's own."""
        found = cls._of.get(loop)
        if found is None:
            found = cls._of[loop] = cls()
        return found

    @property
    def is_overrun(self) -> bool:
        """Whether there is no room even for those that are told why they are refused."""
        return self.connections > self._most + TURNED_AWAY

    def connect(self, address: str) -> Reason | None:
        """A connection began; why it is refused, if it is. `disconnect` follows in any case."""
        self.connections += 1
        of_address = self.enter(address)
        return Reason.TOO_MANY_CONNECTIONS if self.connections > self._most else of_address

    def disconnect(self, connection: Connection, address: str) -> None:
        """It ended."""
        self.connections -= 1
        self._deadlines.pop(connection, None)
        self.leave(address)

    def enter(self, address: str) -> Reason | None:
        """One more of an address, "" for one that is not counted; why it is refused, if it is. `leave` follows in any case."""
        if not address:
            return None
        self._addresses[address] += 1
        over = self._most_of_address and self._addresses[address] > self._most_of_address
        return Reason.TOO_MANY_OF_ADDRESS if over else None

    def leave(self, address: str) -> None:
        """One less."""
        if address:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def hold(self, size: int) -> bool:
        """So many more bytes (fewer, if negative) are held; False, and nothing changed, where that is too much."""
        if size > 0 and self._most_held and self.held + size > self._most_held:
            return False
        self.held += size
        return True

    def watch(self, loop: asyncio.AbstractEventLoop, connection: Connection, phase: Phase) -> None:
        """Tell it when its time for that is up. `loop` is the one whose limits these are, which do not hold it."""
        if seconds := self._seconds[phase]:
            self._deadlines[connection] = loop.time() + seconds
            if not self._looking:
                self._looking = True
                loop.call_later(self._look_seconds, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        due = [connection for connection, deadline in self._deadlines.items() if deadline <= now]
        for connection in due:
            del self._deadlines[connection]
            connection.time_is_up()
        self._looking = bool(self._deadlines)
        if self._looking:
            loop.call_later(self._look_seconds, self._look, loop)

    def count(self, loop: asyncio.AbstractEventLoop, reason: Reason) -> None:
        """A client was refused."""
        if not self._refused:
            loop.call_later(SUMMARY_SECONDS, self.log_refused)
        self._refused[reason.name.lower()] += 1

    def log_refused(self) -> None:
        """Log how many were refused since the last time, if any."""
        counts, self._refused = self._refused, Counter()
        if counts:
            log.warning(
                "clients.refused", extra={**counts, "open": self.connections, "held_bytes": self.held}
            )
