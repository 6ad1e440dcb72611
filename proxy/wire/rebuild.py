"""Rebuild a whole message from the events of its stream.

Events: https://docs.anthropic.com/en/docs/build-with-claude/streaming.
"""

from collections.abc import Callable, Iterable

import msgspec

from proxy.wire.fallback import fallback_model
from proxy.wire.lenient import as_dict, as_list, as_text, parse
from proxy.wire.sse import Event

# The field of a delta that is appended to the same field of its block.
_EXTENDED = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


class _Text(msgspec.Struct):
    """A delta that is nothing but text, as almost all are."""

    type: str
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None


class _TextEvent(msgspec.Struct):
    type: str
    index: int
    delta: _Text


_decode_text = msgspec.json.Decoder(_TextEvent).decode


class Block:
    """One content block that grows by deltas; what Nexus does not know it keeps under `deltas`."""

    __slots__ = ("_fields", "_lists", "_texts")

    def __init__(self, start: dict[str, object]) -> None:
        self._fields = dict(start)
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, list[object]] = {}

    def add(self, delta: dict[str, object]) -> None:
        kind = as_text(delta.get("type")) or ""
        field = _EXTENDED.get(kind, "")
        fragment = delta.get(field)
        if isinstance(fragment, str):
            self.extend(field, fragment)
        elif kind == "signature_delta":
            self._fields["signature"] = delta.get("signature")
        elif kind == "compaction_delta":
            self._summarize(delta)
        elif kind == "citations_delta":
            self._lists.setdefault("citations", []).append(delta.get("citation"))
        else:
            self._lists.setdefault("deltas", []).append(delta)

    def extend(self, field: str, fragment: str) -> None:
        self._texts.setdefault(field, []).append(fragment)

    def _summarize(self, delta: dict[str, object]) -> None:
        """A piece of a summary, and whatever else its delta tells of the block, such as `encrypted_content`."""
        rest = dict(delta)
        del rest["type"]
        if isinstance(delta.get("content"), str):
            self.extend("content", str(rest.pop("content")))
        _learn(self._fields, rest)

    def whole(self) -> dict[str, object]:
        """The block as a non-streamed answer would hold it.

        Tool input that a cut left unreadable stays as text under `partial_json`, beside an empty `input`.
        """
        block = dict(self._fields)
        for name, values in self._lists.items():
            block[name] = as_list(block.get(name)) + values
        for name, fragments in self._texts.items():
            joined = "".join(fragments)
            if name == "partial_json":
                block.update(_tool_input(joined, block.get("input")))
            else:
                block[name] = (as_text(block.get(name)) or "") + joined
        return block


def _learn(known: dict[str, object], reported: dict[str, object]) -> None:
    """Take what is reported later; a null says nothing of what is known."""
    for name, value in reported.items():
        if value is not None or name not in known:
            known[name] = value


def _tool_input(text: str, started_with: object) -> dict[str, object]:
    # A call without arguments streams no JSON at all; its input is what the block started with, {}.
    if not text:
        return {"input": {} if started_with is None else started_with}
    value = parse(text.encode())
    return {"input": {}, "partial_json": text} if value is None else {"input": value}


class Rebuilder:
    """Collect the events of one answer. Every attribute is usable after any number of events."""

    def __init__(self) -> None:
        self.usages: list[dict[str, object]] = []
        self.error: dict[str, object] | None = None
        self.finished = False
        self._message: dict[str, object] = {}
        self._blocks: dict[int, Block] = {}
        self._completion: list[str] = []
        self._handlers: dict[str, Callable[[dict[str, object]], None]] = {
            "message_start": self._start_message,
            "content_block_start": self._start_block,
            "content_block_delta": self._extend_block,
            "message_delta": self._change_message,
            "message_stop": self._stop,
            "error": self._fail,
            "completion": self._complete,
        }

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.name == "content_block_delta" and self._add_text(event.data):
                continue
            body = as_dict(parse(event.data))
            handler = self._handlers.get(as_text(body.get("type")) or event.name)
            if body and handler:
                handler(body)

    def message(self) -> dict[str, object] | None:
        """The message so far, without its usage; None before its first event."""
        message = dict(self._message)
        if self._blocks:
            message["content"] = [block.whole() for _, block in sorted(self._blocks.items())]
        if self._completion:
            message["completion"] = "".join(self._completion)
        return message or None

    def _add_text(self, data: bytes) -> bool:
        """Add a delta that is nothing but text; False, and nothing done, for any other."""
        try:
            found = _decode_text(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        field = _EXTENDED.get(found.delta.type, "")
        fragment = getattr(found.delta, field, None) if found.type == "content_block_delta" else None
        if fragment is None:
            return False
        self._block(found.index).extend(field, fragment)
        return True

    def _start_message(self, body: dict[str, object]) -> None:
        self._message = dict(as_dict(body.get("message")))
        self.usages.append(as_dict(self._message.get("usage")))

    def _start_block(self, body: dict[str, object]) -> None:
        block = as_dict(body.get("content_block"))
        self._blocks[_index(body)] = Block(block)
        # The start names the model that was asked, an answer in one piece the one that served.
        if model := fallback_model(block):
            self._message["model"] = model

    def _extend_block(self, body: dict[str, object]) -> None:
        self._block(_index(body)).add(as_dict(body.get("delta")))

    def _block(self, index: int) -> Block:
        if index not in self._blocks:
            self._blocks[index] = Block({})
        return self._blocks[index]

    def _change_message(self, body: dict[str, object]) -> None:
        _learn(self._message, as_dict(body.get("delta")))
        _learn(self._message, {name: body[name] for name in body.keys() - {"type", "delta", "usage"}})
        self.usages.append(as_dict(body.get("usage")))

    def _stop(self, body: dict[str, object]) -> None:
        self.finished = True

    def _fail(self, body: dict[str, object]) -> None:
        self.error = as_dict(body.get("error"))

    def _complete(self, body: dict[str, object]) -> None:
        self._completion.append(as_text(body.get("completion")) or "")
        self._message |= body
        self.finished = body.get("stop_reason") is not None


def _index(body: dict[str, object]) -> int:
    index = body.get("index")
    return index if isinstance(index, int) else -1
