"""A JSON value of any size as a tree that is read part by part: bounded nodes with masked previews, and what holds a word.

Places are JSON Pointers (RFC 6901) in addresses, and paths as jq writes them for people.
"""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from accounts.secrets.masking import MASK, mask_json, mask_text
from accounts.secrets.names import is_secret_name
from proxy.wire.lenient import as_dict

MOST_CHILDREN = 100
MOST_FOUND = 100
# Shown at once; what lies deeper is read when it is opened. A template within itself takes a part of the stack for each level.
MOST_LEVELS = 8
# Of a text: what stands in its line, and what one more reading brings.
LINE = 240
PIECE = 50_000
# So that a secret at a cut still looks like one when it is masked.
_MARGIN = 1_000
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MEMBERS = 3


class NoSuchPlaceError(LookupError):
    """A pointer that leads nowhere in this value."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value. `size` counts the members of an object or a list, the characters of a text.

    `text` is a text's or a number's own, of a long text its beginning; of others a preview. `children` are those that are shown
    at once; `more` is from where on there are others, 0 where there are none.
    """

    name: str
    pointer: str
    path: str
    kind: str
    text: str
    size: int = 0
    is_cut: bool = False
    children: list["Node"] = field(default_factory=list)
    more: int = 0

    @property
    def is_folded(self) -> bool:
        """Whether there is something to open."""
        return bool(self.children) or self.is_cut or (self.kind in ("object", "list") and self.size > 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A value within another one; `key` is the name that says whether it is a secret."""

    value: object
    pointer: str = ""
    path: str = "."
    key: str = ""

    def member(self, name: str | int, value: object) -> "Place":
        """One of its members."""
        escaped = str(name).replace("~", "~0").replace("/", "~1")
        within = f"[{name}]" if isinstance(name, int) else _key(name)
        base = self.path if self.path != "." or within.startswith("[") else ""
        # What a list under the name of a secret holds are secrets as well.
        key = self.key if isinstance(name, int) else name
        return Place(value, f"{self.pointer}/{escaped}", base + within, key)


def find(value: object, pointer: str) -> Place:
    """What is at a pointer; raises NoSuchPlaceError."""
    place = Place(value)
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        match place.value:
            case dict() if name in place.value:
                place = place.member(name, place.value[name])
            case list() if (
                name.isascii() and name.isdigit() and len(name) < 10 and int(name) < len(place.value)
            ):
                place = place.member(int(name), place.value[int(name)])
            case _:
                raise NoSuchPlaceError(pointer)
    return place


def tree(value: object, most: int = 300) -> Node:
    """The value with the children of the first so many nodes, level by level: all of a small one that is not deep."""
    root = _node("", Place(value))
    waiting = deque([(root, Place(value))])
    while waiting:
        node, place = waiting.popleft()
        is_near = node.pointer.count("/") < MOST_LEVELS
        if is_near and len(node.children) == 0 and node.size and 0 < min(node.size, MOST_CHILDREN) <= most:
            members = list(_members(place, 0))
            most -= len(members)
            node.children.extend(child for child, _ in members)
            waiting.extend(members)
    return root


def children(place: Place, start: int) -> tuple[list[Node], int]:
    """The members of an object or a list from one on, and where others follow, 0 without."""
    found = [node for node, _ in _members(place, start)]
    end = start + len(found)
    return found, end if end < _size(place.value) else 0


def piece(place: Place, start: int) -> tuple[str, int]:
    """A part of a long text from a character on, and where the rest begins, 0 without: at a blank where there is one."""
    text = str(place.value)
    end = min(len(text), start + PIECE)
    if end < len(text):
        blank = max(text.rfind(" ", end - _MARGIN, end), text.rfind("\n", end - _MARGIN, end))
        end = blank + 1 if blank > start else end
    return _masked(place.key, text[start:end]), end if end < len(text) else 0


def search(value: object, words: str) -> tuple[list[Node], bool]:
    """The values that hold these words, in any case, and those under such a name; and whether that is all of them."""
    wanted, found = words.casefold(), list[Node]()
    waiting = [("", Place(value))]
    while waiting and wanted:
        name, place = waiting.pop()
        shown = _match(name, place, wanted)
        if shown is not None:
            if len(found) == MOST_FOUND:
                return found, False
            found.append(shown)
        waiting.extend(reversed([(str(key), place.member(key, item)) for key, item in _items(place.value)]))
    return found, True


def _match(name: str, place: Place, wanted: str) -> Node | None:
    node = None
    if wanted in name.casefold():
        node = _node(name, place)
    elif not isinstance(place.value, dict | list):
        text = place.value if isinstance(place.value, str) else json.dumps(place.value)
        at = text.casefold().find(wanted)
        # Of what is a secret by its name nobody learns whether it holds the words.
        if at >= 0 and not is_secret_name(place.key):
            node = _node(name, place, begin=max(0, at - 60))
    return node


def _members(place: Place, start: int) -> Iterator[tuple[Node, Place]]:
    for key, item in _items(place.value)[start : start + MOST_CHILDREN]:
        inner = place.member(key, item)
        yield _node(mask_text(str(key)), inner), inner


def _items(value: object) -> list[tuple[str | int, object]]:
    if isinstance(value, dict):
        return [(str(key), item) for key, item in value.items()]
    return list(enumerate(value)) if isinstance(value, list) else []


def _node(name: str, place: Place, begin: int = 0) -> Node:
    value, path = place.value, mask_text(place.path)
    if isinstance(value, dict | list):
        kind = "object" if isinstance(value, dict) else "list"
        more = MOST_CHILDREN if len(value) > MOST_CHILDREN else 0
        return Node(name, place.pointer, path, kind, _preview(value), len(value), more=more)
    if isinstance(value, str):
        text = _masked(place.key, value[begin : begin + LINE + _MARGIN])
        is_cut = len(value) > LINE
        shown = json.dumps(text[:LINE], ensure_ascii=False)
        return Node(
            name,
            place.pointer,
            path,
            "text",
            ("…" if begin else "") + shown + "…" * is_cut,
            len(value),
            is_cut,
        )
    shown = json.dumps(mask_json({place.key: value}) if place.key else value)
    kind = "number" if isinstance(value, int | float) and not isinstance(value, bool) else "word"
    return Node(name, place.pointer, path, kind, MASK if MASK in shown else json.dumps(value))


def _preview(value: object) -> str:
    """What says most of an object: its first short texts and numbers."""
    members = as_dict(value).items()
    short = [
        f"{mask_text(str(key)[:40])}: {json.dumps(_masked(str(key), item), ensure_ascii=False) if isinstance(item, str) else item}"
        for key, item in members
        if isinstance(item, int | float) or (isinstance(item, str) and len(item) <= 60)
        if isinstance(item, str) or not is_secret_name(str(key))
    ]
    return ", ".join(short[:_MEMBERS])


def _masked(key: str, text: str) -> str:
    return MASK if key and text and is_secret_name(key) else mask_text(text)


def _size(value: object) -> int:
    return len(value) if isinstance(value, dict | list | str) else 0


def _key(name: str) -> str:
    return f".{name}" if _PLAIN.match(name) else f".[{json.dumps(name, ensure_ascii=False)}]"
