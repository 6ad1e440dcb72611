"""What differs between two requests, block by block in the order in which the API caches them.

It serves two readers: `first_break` is where a cached prefix ends, and a page shows people the rest. Nothing is copied: the
values are those of the parsed bodies, and texts are made on demand (`proxy.conversations.findings.excerpts`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from proxy.conversations.findings.alignment import longest_rise, paired
from proxy.conversations.findings.request_parts import (
    MARK,
    Part,
    Parts,
    blocks_of,
    encode,
    identity,
    mark_of,
    message_identity,
    name_of,
    role_of,
    type_of,
)

PREFIX = (Part.TOOLS, Part.SYSTEM, Part.MESSAGES)
# What says nothing of the prompt: who asks, how the answer travels, what it is compared with.
_NO_SETTINGS = frozenset(("metadata", "stream", "diagnostics", "thread"))


class Kind(StrEnum):
    """`MARKED`: the same words, and the cache mark on them was set, changed or taken away. `MOVED`: a tool in another place."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    MARKED = "mark"


@dataclass(frozen=True, slots=True)
class Side:
    """What stands on one side, and where: positions count from 0, as in the API's own errors.

    `name` is a tool's, a setting's, or the role of a message. `block` is None but for messages.
    """

    part: Part
    index: int
    value: object
    name: str = ""
    block: int | None = None

    @property
    def at(self) -> str:
        """The place in words, such as "message 14, block 0"."""
        if self.part == Part.MESSAGES:
            return f"message {self.index}, block {self.block}"
        if self.part == Part.SYSTEM:
            return f"system block {self.index}"
        if self.part == Part.SETTINGS:
            return self.name
        return f"tool {self.name or self.index}"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `appended` where it stands behind all that was there, so that the prefix before it still holds."""

    kind: Kind
    before: Side | None
    after: Side | None
    appended: bool = False

    @property
    def side(self) -> Side:
        """Where it is now, or was."""
        side = self.after or self.before
        assert side is not None  # noqa: S101 - a difference has a side at least
        return side


@dataclass(frozen=True, slots=True)
class RequestDiff:
    """All differences, in the order: settings, tools, system, messages, deferred tools."""

    changes: tuple[Change, ...]

    @property
    def first_break(self) -> Change | None:
        """The first difference at which a cached prefix ends."""
        return next(self.breaks(), None)

    def breaks(self, *parts: Part) -> Iterator[Change]:
        """The differences of these parts of the prefix, all of them by default, that a cached prefix does not survive."""
        for change in self.changes:
            if change.side.part in (parts or PREFIX) and not _keeps_prefix(change):
                yield change

    def page(self, part: Part, most: int) -> tuple[list[Change], int]:
        """Of one part, the first `most` differences and how many more there are."""
        found = [change for change in self.changes if change.side.part == part]
        return found[:most], max(0, len(found) - most)

    def counts(self) -> Counter[tuple[Part, Kind]]:
        return Counter((change.side.part, change.kind) for change in self.changes)


def compared(before: Parts, after: Parts) -> RequestDiff:
    """What differs from one request to another."""
    return RequestDiff(
        (
            *_settings(before, after),
            *_tools(Part.TOOLS, before.tools, after.tools),
            *_system(before.system, after.system),
            *_messages(before.messages, after.messages),
            *_tools(Part.DEFERRED_TOOLS, before.deferred_tools, after.deferred_tools),
        )
    )


def _keeps_prefix(change: Change) -> bool:
    return change.appended or change.kind == Kind.MARKED


def _settings(before: Parts, after: Parts) -> Iterator[Change]:
    for name in dict.fromkeys((*before.settings, *after.settings)):
        old, new = (
            Side(Part.SETTINGS, 0, parts.settings[name], name) if name in parts.settings else None
            for parts in (before, after)
        )
        if name not in _NO_SETTINGS and (not old or not new or old.value != new.value):
            yield Change(Kind.MARKED if name == MARK else _kind(old, new), old, new)


def _tools(part: Part, before: list[object], after: list[object]) -> Iterator[Change]:
    """By name, so that tools in another order are neither added nor removed."""
    old, new = _by_name(part, before), _by_name(part, after)
    shared = [name for name in old if name in new]
    kept = {shared[at] for at in longest_rise([new[name].index for name in shared])}
    found = [Change(Kind.REMOVED, side, None) for name, side in old.items() if name not in new]
    for name, side in new.items():
        if name not in old:
            found.append(Change(Kind.ADDED, None, side))
        elif identity(old[name].value) != identity(side.value):
            found.append(Change(Kind.CHANGED, old[name], side))
        elif name not in kept:
            found.append(Change(Kind.MOVED, old[name], side))
        elif mark_of(old[name].value) != mark_of(side.value):
            found.append(Change(Kind.MARKED, old[name], side))
    yield from sorted(found, key=_first_place)


def _by_name(part: Part, tools: list[object]) -> dict[tuple[str, int], Side]:
    """Each tool by its name and how often that came before."""
    times: Counter[str] = Counter()
    sides = {}
    for index, tool in enumerate(tools):
        name = name_of(tool)
        sides[name, times[name]] = Side(part, index, tool, name)
        times[name] += 1
    return sides


def _first_place(change: Change) -> int:
    return min(side.index for side in (change.before, change.after) if side)


def _system(before: list[object], after: list[object]) -> Iterator[Change]:
    old, new = (
        [Side(Part.SYSTEM, index, block) for index, block in enumerate(blocks)] for blocks in (before, after)
    )
    yield from _blocks(old, new, extends=False)


def _messages(before: list[object], after: list[object]) -> Iterator[Change]:
    start = _same_start(before, after)
    old, new = before[start:], after[start:]
    old_keys, new_keys = list(map(message_identity, old)), list(map(message_identity, new))
    seen = 0
    for i, j in paired(old_keys, new_keys, lambda i, j: role_of(old[i]) == role_of(new[j])):
        seen += i is not None
        if i is not None and j is not None and old_keys[i] == new_keys[j] and old[i] == new[j]:
            continue
        was = [] if i is None else _sides(start + i, old[i])
        now = [] if j is None else _sides(start + j, new[j])
        yield from _blocks(was, now, extends=seen == len(old))


def _sides(index: int, message: object) -> list[Side]:
    role = role_of(message)
    # A message without blocks is itself one, so that it does not go unseen.
    blocks = blocks_of(message) or [message]
    return [Side(Part.MESSAGES, index, block, role, at) for at, block in enumerate(blocks)]


def _same_start(before: list[object], after: list[object]) -> int:
    """How many messages at the beginning are the same in every byte, which is almost all of them."""
    start = 0
    for old, new in zip(before, after, strict=False):
        if encode(old) != encode(new):
            break
        start += 1
    return start


def _blocks(old: list[Side], new: list[Side], *, extends: bool) -> Iterator[Change]:
    """What differs in a run of blocks; `extends` where what comes behind the old run only adds to the prefix."""
    old_keys, new_keys = ([identity(side.value) for side in sides] for sides in (old, new))
    seen = 0
    for i, j in paired(old_keys, new_keys, lambda i, j: _alike(old[i], new[j])):
        seen += i is not None
        was = None if i is None else old[i]
        now = None if j is None else new[j]
        if i is None or j is None or old_keys[i] != new_keys[j]:
            yield Change(_kind(was, now), was, now, i is None and extends and seen == len(old))
        elif mark_of(old[i].value) != mark_of(new[j].value):
            yield Change(Kind.MARKED, was, now)


def _alike(old: Side, new: Side) -> bool:
    return type_of(old.value) == type_of(new.value)


def _kind(old: Side | None, new: Side | None) -> Kind:
    if old is None:
        return Kind.ADDED
    return Kind.REMOVED if new is None else Kind.CHANGED
