"""What differs between two requests, as people see it: part by part in the order of the prompt, secrets masked, texts cut."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.secrets.masking import mask_json, mask_text
from dashboard.transcript import budget
from dashboard.transcript.clipping import clipped
from proxy.conversations.findings.excerpts import excerpts, text_of
from proxy.conversations.findings.request_diff import Change, Kind, Side, compared
from proxy.conversations.findings.request_parts import (
    MOST_BLOCKS,
    Part,
    Parts,
    blocks_of,
    mark_of,
    parts_of,
    type_of,
)
from proxy.wire.lenient import as_dict

MOST_ENTRIES = 50
_EXCERPT = 300
# To mask a million characters takes up to half a second. Of one value and of all of a page:
_MOST_OF_VALUE, _MOST_IN_ALL, _MOST_VALUES = 500_000, 2_000_000, 20_000


class NotComparableError(ValueError):
    """A body is none that can be compared; the message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One difference. `before` and `after` are excerpts around where they begin to differ, None where there is nothing.

    Of a tool that moved they are its places, of a mark the mark. `ends_prefix`: what is cached is good up to here.
    """

    kind: Kind
    at: str
    before: str | None
    after: str | None
    ends_prefix: bool


@dataclass(frozen=True, slots=True)
class Section:
    """The first differences of a part of the prompt, and how many more there are."""

    part: Part
    entries: list[Entry]
    more: int


def sections(before: bytes, after: bytes, most: int = MOST_ENTRIES) -> list[Section]:
    """Every part, those without a difference too. Raises NotComparableError."""
    old, new = _parts(before, "The other request"), _parts(after, "This request")
    diff, texts = compared(old, new), _Texts()
    end = diff.first_break
    found = []
    for part in Part:
        changes, more = diff.page(part, most)
        found.append(Section(part, [_entry(change, texts, change is end) for change in changes], more))
    return found


def has_differences(found: Iterable[Section]) -> bool:
    return any(section.entries for section in found)


def _parts(body: bytes, name: str) -> Parts:
    parts = parts_of(body)
    if parts.continues_thread:
        raise NotComparableError(
            f"{name} continues a message thread: it holds only its new messages, so there is nothing to compare."
        )
    if not (parts.messages or parts.settings):
        raise NotComparableError(
            f"{name} cannot be compared: its body is no JSON, or has more than {MOST_BLOCKS:,} blocks."
        )
    return parts


def _entry(change: Change, texts: "_Texts", ends_prefix: bool) -> Entry:
    old, new = (
        None if side is None else _said(change.kind, side, texts) for side in (change.before, change.after)
    )
    was, now = excerpts(old or "", new or "", _EXCERPT)
    return Entry(change.kind, budget.name(change.side.at), was or None, now or None, ends_prefix)


def _said(kind: Kind, side: Side, texts: "_Texts") -> str:
    if kind == Kind.MOVED:
        return f"place {side.index}"
    if kind == Kind.MARKED and side.part != Part.SETTINGS:
        mark = mark_of(side.value)
        return texts.of(mark) if mark else ""
    return texts.of(side.value, side.name if side.part == Part.SETTINGS else "")


class _Texts:
    """Texts of values, masked before anything is cut for show, and bounded over a page."""

    def __init__(self) -> None:
        self._left = _MOST_IN_ALL

    def of(self, value: object, name: str = "") -> str:
        """`name` is that of a setting: it may say that its value is a secret."""
        part = clipped(_without_files(value), min(_MOST_OF_VALUE, max(self._left, 0)), _MOST_VALUES).value
        if isinstance(part, str) and not isinstance(value, str):
            return mask_text(part)
        masked = as_dict(mask_json({name: part})).get(name) if name else mask_json(part)
        shown = text_of(masked)
        self._left -= len(shown)
        return shown


def _without_files(value: object) -> object:
    """With the size of each image and file in place of its bytes."""
    if as_dict(as_dict(value).get("source")).get("type") == "base64":
        return text_of(value)
    if type_of(value) == "tool_result" and isinstance(as_dict(value).get("content"), list):
        return {**as_dict(value), "content": [_without_files(item) for item in blocks_of(value)]}
    return value
