"""Split JSON lines that arrive in pieces of any size."""

from collections.abc import Iterator


class Lines:
    """Collect lines, without their ends; the result does not depend on where the network cut them.

    A line of more than `limit` bytes comes as None, without being kept in memory.
    """

    __slots__ = ("_limit", "_overlong", "_rest")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._overlong = False

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes | None]:
        """The lines that `chunk` completes, in order; take all of them before the next one is fed."""
        *ends, rest = bytes(chunk).split(b"\n")
        for end in ends:
            self._add(end)
            yield self._taken()
        self._add(rest)

    def flush(self) -> bytes | None:
        """The unterminated last line, b"" where there is none."""
        return self._taken()

    @property
    def state(self) -> tuple[bytes, bool]:
        """What was fed of a line without an end, and whether that is too long already."""
        return bytes(self._rest), self._overlong

    def restore(self, state: tuple[bytes, bool]) -> None:
        """Go on where another one was."""
        rest, self._overlong = state
        self._rest[:] = rest

    def _add(self, part: bytes) -> None:
        self._rest += part
        if len(self._rest) > self._limit:
            self._overlong = True
            self._rest.clear()

    def _taken(self) -> bytes | None:
        line = None if self._overlong else bytes(self._rest)
        self._rest.clear()
        self._overlong = False
        return line
