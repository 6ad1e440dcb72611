"""One content block of a message, ready to be shown: masked, escaped, long ones cut with a note.

Block types: https://docs.anthropic.com/en/api/messages. An unknown one is shown as its JSON.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from django.utils.safestring import SafeString

from accounts.masking import mask_json, mask_text
from dashboard import markdown
from proxy.wire.lenient import as_dict, as_list, as_text

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MAX_IMAGE_BYTES = 10 * 1024 * 1024
# Markdown costs about a second a megabyte: beyond these, text is shown as it is.
MAX_MARKDOWN = 40_000
MAX_TEXT = 200_000
TOOL_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
_REMINDER = re.compile(r"<system-reminder>(.*?)</system-reminder>", re.DOTALL | re.IGNORECASE)
NOTHING = SafeString("")


@dataclass(frozen=True, slots=True)
class Block:
    """`kind` chooses the look; `title` names a folded block; `source` is an image's data: URI."""

    kind: str
    title: str = ""
    note: str = ""
    html: SafeString = NOTHING
    source: str = ""
    is_error: bool = False
    children: list["Block"] = field(default_factory=list)


class Budget:
    """How much of a page may still be rendered as Markdown, so that a huge conversation opens as fast as a small one."""

    def __init__(self, characters: int = 400_000) -> None:
        self._left = characters

    def html(self, text: str) -> tuple[SafeString, str]:
        """The text's HTML, and a note if it was cut."""
        shown, note = cut(mask_text(text))
        self._left -= len(shown)
        if self._left < 0 or len(shown) > MAX_MARKDOWN:
            return markdown.plain(shown), note
        return markdown.render(shown), note


def cut(text: str) -> tuple[str, str]:
    """The first part of a very long text, and a note that says so."""
    if len(text) <= MAX_TEXT:
        return text, ""
    return text[
        :MAX_TEXT
    ], f"The first {MAX_TEXT:,} of {len(text):,} characters; the rest is in the raw JSON."


def content_blocks(content: object, budget: Budget) -> list[Block]:
    """A message's `content`: a string or a list of blocks."""
    if isinstance(content, str):
        return list(_text(content, budget))
    return [block for item in as_list(content) for block in _blocks(item, budget)]


def _blocks(item: object, budget: Budget) -> Iterator[Block]:
    block = as_dict(item)
    kind = as_text(block.get("type")) or ""
    if kind == "text":
        yield from _text(as_text(block.get("text")) or "", budget)
        yield from _citations(as_list(block.get("citations")))
    elif kind in TOOL_CALLS:
        yield _tool_call(block)
    elif kind.endswith("tool_result"):
        yield _tool_result(block, kind, budget)
    else:
        yield _OTHERS.get(kind, _unknown)(block)


def _text(text: str, budget: Budget) -> Iterator[Block]:
    """Text with the reminders that Claude Code puts into it set apart."""
    for index, part in enumerate(_REMINDER.split(text)):
        if part.strip():
            html, note = budget.html(part)
            yield (
                Block("reminder", "System reminder", note, html)
                if index % 2
                else Block("text", "", note, html)
            )


def _citations(citations: list[object]) -> Iterator[Block]:
    if citations:
        title = f"{len(citations)} citation{'s' if len(citations) > 1 else ''}"
        yield Block("other", title, html=json_html(citations))


def _tool_call(block: dict[str, object]) -> Block:
    name = mask_text(as_text(block.get("name")) or "a tool without a name")
    title = name if block.get("type") == "tool_use" else f"{name} (run by the API)"
    return Block("tool_use", title, as_text(block.get("id")) or "", json_html(block.get("input")))


def _tool_result(block: dict[str, object], kind: str, budget: Budget) -> Block:
    content = block.get("content")
    failed = block.get("is_error") is True
    title = "Result: error" if failed else "Result"
    shown = Block("tool_result", title, as_text(block.get("tool_use_id")) or "", is_error=failed)
    if kind != "tool_result" or not isinstance(content, str | list):
        return replace(shown, html=json_html(content))
    if isinstance(content, str):
        # What a tool prints is seldom Markdown, and its line breaks matter.
        text, note = cut(mask_text(content))
        return replace(shown, html=markdown.plain(text), note=note or shown.note)
    return replace(shown, children=content_blocks(content, budget))


def _thinking(block: dict[str, object]) -> Block:
    text, note = cut(mask_text(as_text(block.get("thinking")) or ""))
    return Block("thinking", "Thinking", note, markdown.plain(text))


def _redacted(block: dict[str, object]) -> Block:
    size = len(as_text(block.get("data")) or "")
    return Block("thinking", "Thinking, encrypted by the API", f"{size:,} characters")


def _image(block: dict[str, object]) -> Block:
    source = as_dict(block.get("source"))
    kind, data = as_text(source.get("media_type")) or "", as_text(source.get("data")) or ""
    if source.get("type") != "base64":
        return Block(
            "note", "Image", mask_text(as_text(source.get("url")) or as_text(source.get("file_id")) or "")
        )
    if kind not in IMAGE_TYPES:
        return Block("note", "Image of a type that is not shown", mask_text(kind))
    if len(data) * 3 // 4 > MAX_IMAGE_BYTES:
        return Block("note", "Image", f"{len(data) * 3 // 4 / 1_000_000:.1f} MB, too large to show")
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return Block("note", "Image that is not valid base64")
    return Block(
        "image", f"Image, {kind.removeprefix('image/').upper()}", source=f"data:{kind};base64,{data}"
    )


def _document(block: dict[str, object]) -> Block:
    source = as_dict(block.get("source"))
    size = len(as_text(source.get("data")) or "")
    title = mask_text(as_text(block.get("title")) or "Document")
    return Block("note", title, mask_text(f"{as_text(source.get('media_type')) or ''} {size:,} characters"))


def _unknown(block: dict[str, object]) -> Block:
    title = mask_text(as_text(block.get("type")) or "A block without a type")
    return Block("other", title, html=json_html(block))


_OTHERS: dict[str, Callable[[dict[str, object]], Block]] = {
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "image": _image,
    "document": _document,
}


def json_html(value: object) -> SafeString:
    """A JSON value, indented, masked and escaped."""
    text, note = cut(json.dumps(mask_json(value), indent=2, ensure_ascii=False))
    return markdown.plain(f"{text}\n\n{note}" if note else text)
