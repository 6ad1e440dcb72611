"""What is new in one turn: the last words of a person, the results of tools, and the response. Secrets are masked.

All that stood before was new in an earlier turn. Left out: system reminders and thinking.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from uuid import UUID

from accounts.secrets.masking import mask_json, mask_text
from proxy.store.transcripts.shapes import Attachment, Block, Call, Result, Text
from proxy.wire.lenient import as_dict, as_list, as_text, is_longer, parse
from proxy.wire.reminders import without_reminders
from proxy.wire.request_shape import Message

MOST_OF_TEXT = 200_000
MOST_OF_ALL = 64_000_000
_MOST_OF_INPUT = 2_000_000
_LONGEST_NAME = 300
# Characters behind the cut that are masked as well: a secret that is cut no longer looks like one.
_MARGIN = 2_000
_THINKING = ("thinking", "redacted_thinking")
_ROLES = ("user", "assistant")

Plain = Text | Attachment


class Reader:
    """Reads turns; together they may have MOST_OF_ALL characters, and beyond it texts are empty and say how long they were."""

    def __init__(self) -> None:
        self._left = MOST_OF_ALL

    def asked(self, messages: Sequence[Message], turn: UUID) -> tuple[list[Plain], list[Result]]:
        """The last run of a user's messages: what a person said, and results. What the client wrote behind it is no part of it."""
        backwards = (message for message in reversed(messages) if message.role in _ROLES)
        behind = next((message for message in backwards if message.role == "user"), None)
        run = (
            [] if behind is None else [behind, *takewhile(lambda message: message.role == "user", backwards)]
        )
        said: list[Plain] = []
        results: list[Result] = []
        for message in reversed(run):
            for block in _blocks(parse(bytes(message.content))):
                if block.get("type") == "tool_result":
                    results.append(self._result(block, turn))
                elif plain := self._plain(block):
                    said.append(plain)
        return said, results

    def said(self, message: dict[str, object] | None, turn: UUID) -> list[Block]:
        """The blocks of a response; the results of server tools stand with their calls."""
        blocks: list[Block] = []
        calls: dict[str, Call] = {}
        for block in _blocks(as_dict(message).get("content")):
            kind = as_text(block.get("type")) or ""
            if kind.endswith("tool_use"):
                call = self._call(block)
                calls.setdefault(call.tool_use_id, call)
                blocks.append(call)
            elif kind.endswith("tool_result") and (of := calls.get(name(block.get("tool_use_id")))):
                of.result = self._result(block, turn)
            elif plain := self._plain(block):
                blocks.append(plain)
        return blocks

    def text(self, text: str) -> Text | None:
        """Masked, then cut; None of nothing."""
        if not text.strip():
            return None
        most = min(MOST_OF_TEXT, max(self._left, 0))
        masked = mask_text(text[: most + _MARGIN])
        if len(text) > most + _MARGIN:
            masked = masked[:-_MARGIN]
        shown = masked[:most]
        self._left -= len(shown)
        return Text(shown, max(0, len(text) - most))

    def _plain(self, block: dict[str, object]) -> Plain | None:
        kind = as_text(block.get("type")) or ""
        if kind in _THINKING:
            return None
        if kind == "text":
            return self.text(without_reminders(as_text(block.get("text")) or ""))
        return attachment(block)

    def _result(self, block: dict[str, object], turn: UUID) -> Result:
        found = (self._plain(part) for part in _blocks(block.get("content")))
        failed = block.get("is_error") is True
        content = [part for part in found if part]
        return Result(name(block.get("tool_use_id")), turn, content, failed)

    def _call(self, block: dict[str, object]) -> Call:
        given: object = mask_json(block.get("input"))
        # A stream that was cut leaves the beginning of an input as text.
        if isinstance(cut := block.get("partial_json"), str):
            given = mask_text(cut[:_MOST_OF_INPUT])
        if is_longer(given, min(_MOST_OF_INPUT, max(self._left, 0))):
            given = None
        self._left -= len(str(given))
        return Call(name(block.get("name")) or "a tool without a name", name(block.get("id")), given)


def attachment(block: dict[str, object]) -> Attachment:
    """What stands for a block that is no text."""
    source = as_dict(block.get("source"))
    data = as_text(source.get("data"))
    called = (block.get("title"), source.get("url"), source.get("file_id"), block.get("url"))
    if data is None:
        size = 0
    elif source.get("type") == "base64":
        size = len(data) * 3 // 4 - data[-2:].count("=")
    else:
        size = len(data.encode("utf-8", "replace"))
    return Attachment(
        kind=name(block.get("type")) or "unknown",
        size_bytes=size,
        media_type=name(source.get("media_type")),
        name=next((text for value in called if (text := name(value))), ""),
    )


def name(value: object) -> str:
    """A name that a stranger chose, masked and in one line; "" of what is no text."""
    text = as_text(value) or ""
    return " ".join(mask_text(text[: 2 * _LONGEST_NAME]).split())[:_LONGEST_NAME]


def _blocks(content: object) -> Iterator[dict[str, object]]:
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    blocks: Iterable[object] = [content] if isinstance(content, dict) else as_list(content)
    yield from map(as_dict, blocks)
