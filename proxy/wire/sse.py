"""Split a stream of server-sent events that arrives in pieces of any size.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6.
"""

import re
from typing import NamedTuple

_LINE_END = re.compile(rb"\r\n|\n|\r")
# Two line ends in a row, and at once all that follow. The lookahead keeps one CRLF from counting as two.
_BORDER = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n?|\n)++")
_LONGEST_BORDER = 4
# An event as the API writes them all: it needs no look at each of its lines.
_PLAIN = re.compile(rb"event: ([^\r\n]*+)\ndata: ([^\r\n]*+)\n\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: `name` is "message" where the stream gave none, `data` has its lines joined by LF."""

    name: str
    data: bytes


def plain_event(block: bytes) -> Event | None:
    """The event of a block with its border, if it is one as the API writes them; None says nothing."""
    plain = _PLAIN.fullmatch(block)
    return plain and _event(plain)


class Decoder:
    """Collect the events of a stream; the result does not depend on where the network cut it.

    Blocks longer than `limit` bytes are dropped without being kept in memory.
    """

    __slots__ = ("_limit", "_overlong", "_rest", "_searched")

    def __init__(self, limit: int | None = None) -> None:
        self._rest = bytearray()
        self._searched = 0
        self._limit = limit
        self._overlong = False

    @property
    def pending(self) -> bool:
        """Whether the stream stands inside an event that has not ended yet."""
        return self._overlong or bool(self._rest)

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes, in order."""
        self._rest += chunk
        events: list[Event] = []
        start = 0 if self._overlong else self._take_plain(events)
        while border := _BORDER.search(self._rest, max(start, self._searched)):
            self._finish(start, border.start(), events)
            start = self._searched = border.end()
        del self._rest[:start]
        self._searched = max(0, len(self._rest) - _LONGEST_BORDER + 1)
        self._forget_overlong()
        return events

    def flush(self) -> list[Event]:
        """The unterminated last event of a stream that ended, if there is one."""
        events: list[Event] = []
        self._finish(0, len(self._rest), events)
        self._rest.clear()
        self._searched = 0
        return events

    def _take_plain(self, events: list[Event]) -> int:
        """Add the plain events with which the rest begins; where they end."""
        end = 0
        while plain := _PLAIN.match(self._rest, end):
            if self._limit is not None and plain.end() - end > self._limit:
                break
            events.append(_event(plain))
            end = plain.end()
        return end

    def _finish(self, start: int, end: int, events: list[Event]) -> None:
        overlong = self._overlong or (self._limit is not None and end - start > self._limit)
        self._overlong = False
        if not overlong and (event := _parse(bytes(self._rest[start:end]))):
            events.append(event)

    def _forget_overlong(self) -> None:
        tail = _LONGEST_BORDER - 1
        if self._limit is not None and len(self._rest) > self._limit + tail:
            self._overlong = True
            del self._rest[:-tail]
            self._searched = 0


def _event(plain: re.Match[bytes]) -> Event:
    name, data = plain.groups()
    return Event(name.decode("utf-8", "replace") or "message", data)


def _parse(block: bytes) -> Event | None:
    name = b""
    data: list[bytes] = []
    for line in _LINE_END.split(block.removeprefix(_BYTE_ORDER_MARK)):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    if not data:
        return None
    return Event(name.decode("utf-8", "replace") or "message", b"\n".join(data))
