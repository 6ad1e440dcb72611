"""Guess how many tokens a stream has brought so far: the API counts them at its end alone.

Looked at only while somebody watches, so nothing of it is on the way of a request that nobody watches.
"""

_DELTA = b"event: content_block_delta"
# What stands around the text of a delta of the API.
_AROUND_TEXT = 117
_BYTES_OF_A_TOKEN = 4


class OutputEstimate:
    """`see` some of the stream's bytes; `tokens` goes by the share of text in what was seen."""

    __slots__ = ("_seen", "_text")

    def __init__(self) -> None:
        self._seen = self._text = 0

    def see(self, data: bytes) -> None:
        self._seen += len(data)
        deltas = data.count(_DELTA)
        if deltas:
            self._text += max(0, len(data) - deltas * _AROUND_TEXT)

    def tokens(self, size: int) -> int:
        """Of a stream of so many bytes."""
        return size * self._text // self._seen // _BYTES_OF_A_TOKEN if self._seen else 0
