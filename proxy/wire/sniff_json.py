"""Find the few facts of a non-streamed answer in its bytes as they pass."""

import re

from proxy.wire.lenient import as_dict, as_text, parse

_TOOL_USE = re.compile(rb'"type"\s{0,8}:\s{0,8}"tool_use"')
_LONGEST_TOOL_USE = 33
_MODEL = re.compile(rb'"model"\s{0,8}:\s{0,8}"([^"\\]{1,256})"')
# The API writes the model first and the usage last; an error is short.
_HEAD = 4 * 1024
_TAIL = 64 * 1024


class JsonSniffer:
    """Feed it every chunk of a JSON answer; the attributes hold what the bytes so far tell."""

    __slots__ = ("_carry", "_head", "_tail", "complete", "error", "model", "tool_calls", "usage")

    def __init__(self) -> None:
        self.model: str | None = None
        self.usage: dict[str, object] = {}
        self.error: str | None = None
        self.tool_calls = 0
        self.complete = False
        self._head = b""
        self._tail = b""
        self._carry = b""

    @property
    def ends(self) -> bytes:
        """The body's first bytes and its last ones; of a short one they are the same."""
        return b"%b\n%b" % (self._head, self._tail)

    def feed(self, chunk: bytes) -> None:
        room = _HEAD - len(self._head)
        self._head += chunk[:room]
        self._tail = (self._tail + chunk)[-_TAIL:]
        self._count_tools(chunk)
        if chunk.rstrip().endswith(b"}"):
            self._read()

    def _count_tools(self, chunk: bytes) -> None:
        window = self._carry + chunk
        end = 0
        if b'"tool_use"' in window:
            for found in _TOOL_USE.finditer(window):
                self.tool_calls += 1
                end = found.end()
        self._carry = window[max(end, len(window) - _LONGEST_TOOL_USE + 1) :]

    def _read(self) -> None:
        found = _MODEL.search(self._head) or _MODEL.search(self._tail)
        self.model = found[1].decode("utf-8", "replace") if found else None
        self.usage = self._last_usage()
        self.error = self._error()
        self.complete = bool(self.usage or self.error)

    def _last_usage(self) -> dict[str, object]:
        # What follows the key must end the body's one object: the usage in a tool's input or in a line of a
        # batch's results is not the answer's.
        start = self._tail.rfind(b'"usage"')
        rest = as_dict(parse(b"{" + self._tail[start:])) if start >= 0 else {}
        return as_dict(rest.get("usage"))

    def _error(self) -> str | None:
        if b'"error"' not in self._head:
            return None
        body = as_dict(parse(self._head))
        return as_text(as_dict(body.get("error")).get("type"))
