"""Where a request asks the API to cache (`cache_control`), counted in blocks from the beginning of its prompt."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from proxy.conversations.findings.request_parts import MARK, Parts, blocks_of, mark_of
from proxy.wire.lenient import as_dict

# From a mark the API looks for what it cached in so many blocks, the marked one among them.
LOOKBACK = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on the block at `position`; `in_messages` is false for tools and system."""

    position: int
    in_messages: bool
    one_hour: bool


def marks_of(parts: Parts) -> list[Mark]:
    """All marks in order. A mark of the request as a whole stands on its last block."""
    head = [*parts.tools, *parts.system]
    position = -1
    found: list[Mark] = []
    for position, block in enumerate(chain(head, _blocks(parts.messages))):
        if mark := mark_of(block):
            found.append(Mark(position, position >= len(head), _is_one_hour(mark)))
    automatic = as_dict(parts.settings.get(MARK))
    if automatic and position >= 0 and not (found and found[-1].position == position):
        found.append(Mark(position, position >= len(head), _is_one_hour(automatic)))
    return found


def _blocks(messages: list[object]) -> Iterator[object]:
    for message in messages:
        yield from blocks_of(message)


def _is_one_hour(mark: dict[str, object]) -> bool:
    return mark.get("ttl") == "1h"
