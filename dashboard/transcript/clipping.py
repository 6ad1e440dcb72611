"""Cut a JSON value of any size down to what can be masked and shown in a moment. What was left out shows as `…`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
REST = "…"
# No client nests deeper; what walks the value afterwards does so by recursion.
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class Clipped:
    """The beginning of a value, or all of it."""

    value: object
    is_whole: bool


def clipped(value: object, characters: int, values: int) -> Clipped:
    """`value` with so many characters in its texts and names, and so many values in it, at most."""
    clipper = _Clipper(characters, values)
    return Clipped(clipper.clip(value, 0), clipper.is_whole)


class _Clipper:
    def __init__(self, characters: int, values: int) -> None:
        self.is_whole = True
        self._characters = characters
        self._values = values

    def clip(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return self._text(value)
        if not isinstance(value, dict | list):
            return value
        if depth == _DEEPEST:
            self.is_whole = False
            return REST
        if isinstance(value, list):
            items = [self.clip(item, depth + 1) for item in self._taken(value)]
            return items if len(items) == len(value) else [*items, REST]
        # One after the other: of two names that are cut to the same, the first stays.
        members: dict[str, object] = {}
        for name, item in self._taken(value.items()):
            members.setdefault(self._text(name), self.clip(item, depth + 1))
        return members if len(members) == len(value) else members | {REST: REST}

    def _taken(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            if self._values <= 0 or self._characters <= 0:
                self.is_whole = False
                return
            self._values -= 1
            yield item

    def _text(self, text: str) -> str:
        left, self._characters = self._characters, self._characters - len(text)
        if len(text) <= left:
            return text
        self.is_whole = False
        return text[: max(left, 0)] + REST
