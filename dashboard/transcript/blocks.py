"""One content block of a message, ready to be shown: masked, escaped, long ones cut with a note.

Block types: https://docs.anthropic.com/en/api/messages. An unknown one is shown as its JSON.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from django.utils.safestring import SafeString

from dashboard.transcript.budget import Budget, name
from proxy.wire.lenient import as_dict, as_list, as_text
from proxy.wire.reminders import split_reminders

IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
MAX_IMAGE_BYTES = 10 * 1024 * 1024
TOOL_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
# Results within results; deeper ones are shown as JSON.
_DEEPEST = 3
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


def content_blocks(content: object, budget: Budget, depth: int = 0) -> list[Block]:
    """A message's `content`: a string or a list of blocks."""
    if isinstance(content, str):
        return list(_text(content, budget))
    return list(_listed(as_list(content), budget, depth))


def without_images(blocks: list[Block]) -> list[Block]:
    """Each image by its name and size: pages of many turns carry none."""
    return [
        Block("note", block.title, f"{len(block.source) * 3 / 4 / 1000:,.0f} kB")
        if block.kind == "image"
        else replace(block, children=without_images(block.children))
        for block in blocks
    ]


def _listed(items: list[object], budget: Budget, depth: int) -> Iterator[Block]:
    for index, item in enumerate(items):
        if not budget.has_block():
            yield Block("note", f"{len(items) - index:,} more blocks", "they are in the raw JSON")
            return
        yield from _blocks(item, budget, depth)


def _blocks(item: object, budget: Budget, depth: int) -> Iterator[Block]:
    block = as_dict(item)
    kind = as_text(block.get("type")) or ""
    if kind == "text":
        yield from _text(as_text(block.get("text")) or "", budget)
        yield from _citations(as_list(block.get("citations")), budget)
    elif kind in TOOL_CALLS:
        yield _tool_call(block, budget)
    elif kind.endswith("tool_result"):
        yield _tool_result(block, kind, budget, depth)
    else:
        yield _OTHERS.get(kind, _unknown)(block, budget)


def _text(text: str, budget: Budget) -> Iterator[Block]:
    """Text with the reminders that Claude Code puts into it set apart."""
    for part, is_reminder in split_reminders(text):
        if not part.strip():
            continue
        if is_reminder and not budget.has_block():
            yield Block("note", "More reminders", "they are in the raw JSON")
            return
        html, note = budget.html(part)
        yield (
            Block("reminder", "System reminder", note, html) if is_reminder else Block("text", "", note, html)
        )


def _citations(citations: list[object], budget: Budget) -> Iterator[Block]:
    if citations:
        title = f"{len(citations)} citation{'s' if len(citations) > 1 else ''}"
        yield Block("other", title, html=budget.json(citations))


def _tool_call(block: dict[str, object], budget: Budget) -> Block:
    tool = name(as_text(block.get("name")) or "a tool without a name")
    title = tool if block.get("type") == "tool_use" else f"{tool} (run by the API)"
    return Block("tool_use", title, name(as_text(block.get("id")) or ""), budget.json(block.get("input")))


def _tool_result(block: dict[str, object], kind: str, budget: Budget, depth: int) -> Block:
    content = block.get("content")
    failed = block.get("is_error") is True
    title = "Result: error" if failed else "Result"
    shown = Block("tool_result", title, name(as_text(block.get("tool_use_id")) or ""), is_error=failed)
    if kind != "tool_result" or not isinstance(content, str | list) or depth == _DEEPEST:
        return replace(shown, html=budget.json(content))
    if isinstance(content, str):
        # What a tool prints is seldom Markdown, and its line breaks matter.
        html, note = budget.plain(content)
        return replace(shown, html=html, note=note or shown.note)
    return replace(shown, children=content_blocks(content, budget, depth + 1))


def _thinking(block: dict[str, object], budget: Budget) -> Block:
    html, note = budget.plain(as_text(block.get("thinking")) or "")
    return Block("thinking", "Thinking", note, html)


def _redacted(block: dict[str, object], budget: Budget) -> Block:
    size = len(as_text(block.get("data")) or "")
    return Block("thinking", "Thinking, encrypted by the API", f"{size:,} characters")


def _image(block: dict[str, object], budget: Budget) -> Block:
    source = as_dict(block.get("source"))
    kind, data = as_text(source.get("media_type")) or "", as_text(source.get("data")) or ""
    if source.get("type") != "base64":
        return Block(
            "note", "Image", name(as_text(source.get("url")) or as_text(source.get("file_id")) or "")
        )
    if kind not in IMAGE_TYPES:
        return Block("note", "Image of a type that is not shown", name(kind))
    if len(data) * 3 // 4 > MAX_IMAGE_BYTES:
        return Block("note", "Image", f"{len(data) * 3 // 4 / 1_000_000:.1f} MB, too large to show")
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return Block("note", "Image that is not valid base64")
    return Block(
        "image", f"Image, {kind.removeprefix('image/').upper()}", source=f"data:{kind};base64,{data}"
    )


def _document(block: dict[str, object], budget: Budget) -> Block:
    source = as_dict(block.get("source"))
    size = len(as_text(source.get("data")) or "")
    title = name(as_text(block.get("title")) or "Document")
    return Block("note", title, name(f"{as_text(source.get('media_type')) or ''} {size:,} characters"))


def _unknown(block: dict[str, object], budget: Budget) -> Block:
    title = name(as_text(block.get("type")) or "A block without a type")
    return Block("other", title, html=budget.json(block))


_OTHERS: dict[str, Callable[[dict[str, object], Budget], Block]] = {
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "image": _image,
    "document": _document,
}
